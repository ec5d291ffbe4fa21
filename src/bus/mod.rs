//! The doorbell between whoever stores a change and whoever serves its viewers.
//!
//! An event says only *that* something happened, with ids and numbers, never text. Events may be lost, doubled or
//! late: who hears one loads what it lacks from PostgreSQL, and [`Heard::Resync`] says that some were missed.

use tokio::sync::broadcast;

use crate::ids::{Change, RoomId, SessionId};

/// Events that a slow listener may lag behind before it is told to resync instead.
const BACKLOG: usize = 4096;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The room is at this change now (or gone, when it was deleted).
    RoomChanged {
        /// Which room.
        room: RoomId,
        /// Its `last_change` after the commit.
        change: Change,
    },
    /// These logins ended: their sockets must close.
    SessionsEnded(Vec<SessionId>),
}

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An event.
    Event(Event),
    /// Events were missed: look at everything you serve.
    Resync,
}

/// The bus: within this process. Publishing never waits.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Events stay in this process.
    Local(broadcast::Sender<Event>),
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Self {
        Self::Local(broadcast::channel(BACKLOG).0)
    }

    /// Tells every listener, after the commit of what happened.
    pub fn publish(&self, event: Event) {
        match self {
            // An error means that nobody listens.
            Self::Local(sender) => drop(sender.send(event)),
        }
    }

    /// Hears everything that is published from now on.
    pub fn subscribe(&self) -> Subscription {
        match self {
            Self::Local(sender) => Subscription(sender.subscribe()),
        }
    }

    /// What the start tells the operator.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Local(_) => "local (one node)",
        }
    }
}

/// One listener's end of the bus.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Event>);

impl Subscription {
    /// The next thing heard; None when the bus is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_hears_and_a_slow_one_resyncs() {
        let bus = Bus::local();
        let room = RoomId::new();
        let (mut quick, mut slow) = (bus.subscribe(), bus.subscribe());
        bus.publish(Event::RoomChanged {
            room,
            change: Change(1),
        });
        let expected = Heard::Event(Event::RoomChanged {
            room,
            change: Change(1),
        });
        assert_eq!(quick.next().await, Some(expected));
        for _ in 0..=BACKLOG {
            bus.publish(Event::RoomChanged {
                room,
                change: Change(2),
            });
        }
        assert_eq!(slow.next().await, Some(Heard::Resync));
    }
}
