//! Tells a page what became of the messages that it sent.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::command::{CommandError, Reason};
use super::event::Event;
use crate::App;
use crate::database::within_limit;
use crate::ids::ClientId;
use crate::messages::history;
use crate::messages::model::{SendError, Stored};
use crate::realtime::{Slot, Subscriber};
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

    /// Tells the page what became of a message. One that was just stored needs no answer: its echo comes through the hub.
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
                    Ok(message) => self.push(Event::MessageResent(&message)),
                    Err(_) => self.push(Event::CommandRefused(&refuse(SendError::Unavailable))),
                }
            })),
            Err(error) => self.push(Event::CommandRefused(&refuse(error))),
        }
    }
}
