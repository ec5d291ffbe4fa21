//! Tells a program what became of each message that it sent, whether it is subscribed to the room, has left it meanwhile, or
//! never was: an echo, the place where the message stands, or why it was not taken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use tokio::sync::Mutex as Turns;

use super::command::Refusal;
use super::event;
use crate::database::within_limit;
use crate::ids::{ClientId, RoomId};
use crate::messages::history;
use crate::messages::model::{MessageView, SendError, Stored};
use crate::messages::sending::{Sender, Sent, send};
use crate::realtime::{Frame, Slot, Subscriber};
use crate::rooms::model::RoomAddress;
use crate::rooms::queries::find_membership;
use crate::{App, Error, Result};

/// Messages of one socket that may wait for their confirmation.
const MAX_UNCONFIRMED: usize = 256;

/// What it takes to tell it. The messages on their way hold it weakly, so that a connection ends without them.
pub(super) struct Outcomes {
    app: App,
    subscriber: Subscriber,
    /// The subscription of the connection as a whole, by which everything here is told: a room may have been left.
    person: Slot,
    /// Held while somebody is looked up for an answer: one program must not take all connections of the pool.
    turns: Turns<()>,
    /// What is stored, and has its echo yet to come.
    echoes: Mutex<Vec<Echo>>,
}

/// A message that the subscription to its room will bring.
struct Echo {
    slot: Slot,
    of: Message,
    stored: Stored,
}

/// Which message.
#[derive(Clone, Copy)]
struct Message {
    room: RoomId,
    client_id: ClientId,
}

impl Outcomes {
    /// For a connection, whose subscription as a whole is that one.
    pub(super) fn new(app: App, subscriber: Subscriber, person: Slot) -> Self {
        Self {
            app,
            subscriber,
            person,
            turns: Turns::default(),
            echoes: Mutex::default(),
        }
    }

    /// Sends a message; `slot` is the subscription to its room, if there is one.
    pub(super) fn send(self: &Arc<Self>, slot: Option<Slot>, sender: &Sender, room: RoomId, sent: Sent) {
        let client_id = sent.client_id;
        let message = Message { room, client_id };
        if Arc::weak_count(self) >= MAX_UNCONFIRMED {
            return self.refuse(message, SendError::Busy.into());
        }
        let outcomes = Arc::downgrade(self);
        let answer = move |outcome| {
            if let Some(outcomes) = outcomes.upgrade() {
                outcomes.answer(slot, message, outcome);
            }
        };
        if let Err(error) = send(&self.app, sender, sent, Box::new(answer)) {
            self.refuse(message, error.into());
        }
    }

    /// Ends the subscription by `leave`. What it would have brought is told where it stands.
    pub(super) fn leave(&self, slot: Slot, leave: impl FnOnce()) {
        let mut echoes = self.echoes();
        let reached = self.subscriber.queue.position(slot).unwrap_or_default().seq;
        leave();
        let of_room = echoes.extract_if(.., |echo| echo.slot == slot);
        let missed: Vec<_> = of_room.filter(|echo| echo.stored.seq > reached).collect();
        drop(echoes);
        for Echo { of, stored, .. } in missed {
            self.push(&event::sent(of.room, of.client_id, stored));
        }
    }

    fn answer(self: Arc<Self>, slot: Option<Slot>, message: Message, outcome: Result<Stored, SendError>) {
        match outcome {
            Ok(stored) => match slot.filter(|slot| self.brings(*slot, message, stored)) {
                None => self.push(&event::sent(message.room, message.client_id, stored)),
                Some(_) if stored.is_duplicate => drop(tokio::spawn(self.show_again(message, stored))),
                Some(_) => {}
            },
            Err(SendError::NotAMember) => drop(tokio::spawn(self.refuse_stranger(message))),
            Err(error) => self.refuse(message, error.into()),
        }
    }

    /// Whether the subscription is still there. Then it brings what was just stored, which is noted until it has.
    fn brings(&self, slot: Slot, of: Message, stored: Stored) -> bool {
        let queue = &self.subscriber.queue;
        let mut echoes = self.echoes();
        echoes.retain(|echo| queue.position(echo.slot).is_some_and(|at| at.seq < echo.stored.seq));
        let is_there = queue.position(slot).is_some();
        if is_there && !stored.is_duplicate {
            echoes.push(Echo { slot, of, stored });
        }
        is_there
    }

    /// One that was stored before is told again to its sender, who may have missed it.
    async fn show_again(self: Arc<Self>, message: Message, stored: Stored) {
        let _turn = self.turns.lock().await;
        let found = within_limit(&self.app.db, async |db| self.find(db, message.room, stored).await);
        match found.await {
            Ok(shown) => self.push(&event::resent(message.room, &shown)),
            Err(Error::NotFound) => self.refuse(message, Refusal::not_found()),
            Err(_) => self.refuse(message, SendError::Unavailable.into()),
        }
    }

    async fn find(&self, db: &mut PgConnection, room: RoomId, stored: Stored) -> Result<MessageView> {
        let found = find_membership(&mut *db, self.subscriber.user, RoomAddress::Id(room)).await?;
        history::find(&self.app, db, &found.ok_or(Error::NotFound)?, stored.seq).await
    }

    /// Nothing is taken from anybody in an archived room. Whoever does not belong there learns nothing of it.
    async fn refuse_stranger(self: Arc<Self>, message: Message) {
        let _turn = self.turns.lock().await;
        let (user, room) = (self.subscriber.user, RoomAddress::Id(message.room));
        let found = within_limit(&self.app.db, async |db| find_membership(db, user, room).await);
        let refusal = match found.await {
            Ok(None) => Refusal::not_found(),
            _ => SendError::NotAMember.into(),
        };
        self.refuse(message, refusal);
    }

    fn refuse(&self, Message { room, client_id }: Message, refusal: Refusal) {
        self.push(&event::not_followed(&refusal.of(room).about(client_id)));
    }

    fn push(&self, frame: &Frame) {
        self.subscriber.queue.push(self.person, frame);
    }

    fn echoes(&self) -> MutexGuard<'_, Vec<Echo>> {
        // No code panics while it holds the lock, so a poisoned list is whole.
        self.echoes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
