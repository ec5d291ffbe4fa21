//! Tells a page or a program what became of the messages that it sent.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::command::{CommandError, Reason};
use super::event::Event;
use super::programs::event as programs;
use crate::App;
use crate::database::within_limit;
use crate::ids::ClientId;
use crate::messages::history;
use crate::messages::model::{MessageView, SendError, Stored};
use crate::realtime::{Listener, Slot, Subscriber};
use crate::rooms::model::Membership;

/// What it takes to tell the page what became of its messages. The messages on their way hold it weakly.
pub(super) struct Replies {
    pub(super) app: App,
    pub(super) membership: Membership,
    pub(super) subscriber: Subscriber,
    pub(super) slot: Slot,
    /// Held while a message is shown again: one page must not take all connections of the pool.
    pub(super) resending: Mutex<()>,
}

impl Replies {
    pub(super) fn push(&self, event: Event<'_>) {
        self.subscriber.queue.push(self.slot, &event.frame());
    }

    fn show(&self, message: &MessageView) {
        let room = self.membership.room.id;
        let frame = match self.subscriber.listener {
            Listener::Page => Event::MessageResent(message).frame(),
            Listener::Program => programs::resent(room, message),
        };
        self.subscriber.queue.push(self.slot, &frame);
    }

    fn refuse(&self, error: &CommandError) {
        let room = self.membership.room.id;
        let frame = match self.subscriber.listener {
            Listener::Page => Event::CommandRefused(error).frame(),
            Listener::Program => programs::refused(room, error),
        };
        self.subscriber.queue.push(self.slot, &frame);
    }

    /// Tells the other side what became of a message. One that was just stored needs no answer: its echo comes through the hub.
    /// One that was stored before is shown to its sender again, who may have missed it.
    pub(super) fn answer(self: Arc<Self>, client_id: ClientId, outcome: Result<Stored, SendError>) {
        let refuse = move |error| CommandError {
            client_id: Some(client_id),
            reason: Reason::Send(error),
        };
        match outcome {
            Ok(Stored {
                is_duplicate: false, ..
            }) => {}
            Ok(stored) => drop(tokio::spawn(async move {
                let _turn = self.resending.lock().await;
                let (app, membership) = (&self.app, &self.membership);
                let find = async |db: &mut PgConnection| history::find(app, db, membership, stored.seq).await;
                match within_limit(&app.db, find).await {
                    Ok(message) => self.show(&message),
                    Err(_) => self.refuse(&refuse(SendError::Unavailable)),
                }
            })),
            Err(error) => self.refuse(&refuse(error)),
        }
    }
}
