//! One room of a socket, of a page's or a program's: the subscription to it, what was missed of it, and what is sent there.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Live;
use super::command::{CommandError, Reason};
use super::event::{Changes, Placement};
use super::missed::{self, is_outdated};
use super::replies::Replies;
use super::socket::End;
use super::typing::TYPING_INTERVAL;
use crate::bus::Event as BusEvent;
use crate::database::HeldConnection;
use crate::ids::{Position, RoomId};
use crate::messages::model::SendError;
use crate::messages::sending::{Sender, Sent, send};
use crate::realtime::{Audience, CloseCode, Connection, Slot, Subscriber};
use crate::rooms::model::{Membership, RoomAddress, RoomState};
use crate::rooms::queries::find_membership;
use crate::{App, Error, Result};

/// Messages of one socket in a room that may wait for their confirmation.
const MAX_UNCONFIRMED: usize = 256;

/// A room that a socket enters.
pub(super) struct Entry {
    pub(super) membership: Membership,
    sender: Sender,
    /// How far the other side knows the room.
    position: Position,
}

impl Entry {
    /// The entry into that room of a member whose data key is the sender's; `position` says how far they know it.
    pub(super) fn new(membership: Membership, sender: Sender, position: Position) -> Self {
        Self {
            membership,
            sender,
            position,
        }
    }
}

/// A room that a socket is subscribed to.
pub(super) struct Room {
    pub(super) replies: Arc<Replies>,
    pub(super) sender: Sender,
    /// The subscription to it.
    pub(super) slot: Slot,
    /// When the person was last shown as typing.
    typed_at: Option<Instant>,
}

impl Room {
    /// Subscribes to a room.
    pub(super) fn enter(app: &App, live: &Live, subscriber: &Subscriber, entry: Entry) -> Self {
        let Entry {
            membership,
            sender,
            position,
        } = entry;
        let room = membership.room.id;
        let slot = app.hub.subscribe(room, subscriber, membership.begins);
        subscriber.queue.set_position(slot, position);
        live.deliveries.track(room);
        let replies = Arc::new(Replies {
            app: app.clone(),
            membership,
            subscriber: subscriber.clone(),
            slot,
            resending: Mutex::default(),
        });
        Self {
            replies,
            sender,
            slot,
            typed_at: None,
        }
    }

    pub(super) fn id(&self) -> RoomId {
        self.replies.membership.room.id
    }

    /// Ends the subscription. Whoever entered [`crate::realtime::Presence`] leaves it now.
    pub(super) fn leave(&self) {
        let Replies { app, subscriber, .. } = &*self.replies;
        app.hub.unsubscribe(Audience::Room(self.id()), subscriber);
        app.presence.leave(Some(self.id()), subscriber.user);
        subscriber.queue.remove(self.slot);
    }

    /// Sends everything in the room that the other side has not been given, in parts, while pushes wait. Membership is
    /// checked again, now that the hub's frames are waiting for us.
    pub(super) async fn catch_up(
        &self,
        live: &Live,
        connection: &Connection,
        mut held: HeldConnection,
        placement: Placement,
    ) -> Result<(), End> {
        let Replies {
            app,
            membership: known,
            subscriber,
            ..
        } = &*self.replies;
        let (room, queue, listener) = (self.id(), &subscriber.queue, subscriber.listener);
        let find = async |db: &mut PgConnection| {
            let found = find_membership(db, subscriber.user, RoomAddress::Id(room)).await?;
            // Where a room was closed already, it is read on; where it closes, whoever is in it learns of that.
            let found = found.filter(|membership| membership.may_write || !known.may_write);
            found.ok_or(Error::NotFound)
        };
        // A direct chat between people who are not friends any more is closed, too.
        let start = |membership: &Membership| {
            live.deliveries.start(&RoomState {
                is_open: membership.may_write,
                ..membership.room.state()
            })
        };
        let mut membership = held.run(find).await?;
        if !start(&membership) {
            membership = held.run(find).await?;
            if !start(&membership) {
                // The database is behind what was delivered: it is another one now, which the regular check will see.
                return Err(End::Close(CloseCode::TryAgain));
            }
        }
        if membership.begins != known.begins {
            // They left and came back: the other side begins anew with what they may see now.
            return Err(End::Close(CloseCode::TryAgain));
        }
        let end = membership.room.state().position();
        let mut at = queue.position(self.slot).unwrap_or(end);
        if is_outdated(at, end) {
            held.release();
            queue.set_position(self.slot, end);
            return Ok(connection.send([missed::outdated(listener, room, end)]).await?);
        }
        while at.change < end.change {
            let load = async |db: &mut PgConnection| missed::load(app, db, &membership, at).await;
            let (items, to) = held.run(load).await?;
            // Never kept over the sending: a slow reader would hold it.
            held.release();
            let changes = Changes {
                after: at,
                to,
                items: &items,
                placement,
            };
            connection.send(changes.frames_for(listener, room)).await?;
            queue.set_position(self.slot, to);
            at = to;
        }
        Ok(())
    }

    /// Sends a message, of which the page is told what becomes of it.
    pub(super) fn send(&self, sent: Sent) -> Result<(), CommandError> {
        let client_id = sent.client_id;
        let refuse = |error| CommandError {
            client_id: Some(client_id),
            reason: Reason::Send(error),
        };
        let replies = &self.replies;
        // Each message that waits for its confirmation holds the replies weakly, each that is shown again strongly.
        if Arc::weak_count(replies) + Arc::strong_count(replies) > MAX_UNCONFIRMED {
            return Err(refuse(SendError::Busy));
        }
        let replies = Arc::downgrade(replies);
        let answer = move |outcome| {
            if let Some(replies) = replies.upgrade() {
                replies.answer(client_id, outcome);
            }
        };
        send(&self.replies.app, &self.sender, sent, Box::new(answer)).map_err(refuse)?;
        Ok(())
    }

    /// Publishes that the person types, unless that was just done, or they hide when they are here.
    pub(super) fn note_typing(&mut self) {
        let (room, now) = (self.id(), Instant::now());
        let Replies { app, subscriber, .. } = &*self.replies;
        let user = subscriber.user;
        let is_early = self.typed_at.is_some_and(|at| now - at < TYPING_INTERVAL);
        if !is_early && app.presence.is_seen(room, user) {
            app.bus.publish(BusEvent::Typing { room, user });
            self.typed_at = Some(now);
        }
    }
}
