//! Publishes that something changed to whoever serves its viewers.
//!
//! An event says only *that* something happened, with ids and numbers, never text. Events may be lost, doubled or
//! late: who receives one loads what it lacks from PostgreSQL, and [`BusEvent::Resync`] says that some were missed. Only who
//! is online stands nowhere else: of that, every node publishes everything every few seconds. Subscribers in this process
//! receive events at once; with Redis those of every other node do too.

mod redis;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};

pub use self::redis::RedisTask;

use crate::ids::{Change, NodeId, RoomId, Seq, UserId};

/// Events that a slow subscriber may lag behind before it receives a resync instead.
const BACKLOG: usize = 4096;

/// People by the room that they are in; without a room are those on other pages.
pub type People = Vec<(Option<RoomId>, Vec<UserId>)>;

/// How far somebody has read has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMove {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// Messages of others that they have not read now; 100 stands for more.
    pub count: i64,
    /// Messages among them that name the person.
    pub mentions: i64,
    /// The newest message that was counted or passed over.
    pub last_seq: Seq,
    /// How often they marked something as unread.
    pub version: i64,
    /// The last message that they have read, by that count.
    pub read: Seq,
    /// What others in the room may know of it.
    pub receipt: Option<Receipt>,
}

/// What somebody has read, for others to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Up to which message.
    pub seq: Seq,
    /// Up to which one it was before.
    pub before: Seq,
    /// Who may know it, and how much of it.
    pub shown: Shown,
}

/// How a receipt is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shown {
    /// By a tick, to the other person of a direct chat.
    Ticked,
    /// By the reader's name, in a room of a few people.
    Named,
    /// In a number, in a larger one.
    Counted,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The room is at this change now (or gone, when it was deleted).
    RoomChanged {
        /// Which room.
        room: RoomId,
        /// Its `last_change` after the commit.
        change: Change,
    },
    /// Other than by new messages: messages were deleted, or one calls everybody now or does not any more. For all of the
    /// room's members it is counted anew what waits for them.
    WaitingChanged {
        /// Where.
        room: RoomId,
    },
    /// A changed message names these people, or does not any more: it is counted anew what waits for them.
    Mentioned {
        /// Where.
        room: RoomId,
        /// Whom.
        people: Vec<UserId>,
    },
    /// A public room was made, renamed, archived, opened again or deleted.
    RoomListChanged,
    /// A person is shown by another name, or with another picture.
    AuthorChanged {
        /// Who.
        user: UserId,
    },
    /// How far people have read rooms has moved.
    ReadMoved {
        /// Who, where, and what waits there now.
        moves: Vec<ReadMove>,
    },
    /// Somebody types.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// What these people see in their side bars changed: who asks them, which rooms are theirs.
    SideBarChanged {
        /// Who.
        people: Vec<UserId>,
    },
    /// Something was revoked: look at `revocations` now instead of in a second.
    Revoked,
    /// These people are online on a node, and nobody else.
    Online {
        /// Which node.
        node: NodeId,
        /// Its open sockets.
        sockets: usize,
        /// Everybody online there.
        people: People,
    },
    /// People came to a node or left it since it published last.
    Moved {
        /// Which node.
        node: NodeId,
        /// Who came.
        came: People,
        /// Who left after that.
        left: People,
    },
}

/// What a subscriber receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusEvent {
    /// An event.
    Event(Event),
    /// Events were missed: look at everything you serve.
    Resync,
}

/// The bus. Publishing never waits.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Events stay in this process.
    Local(broadcast::Sender<BusEvent>),
    /// Events also go to the other nodes.
    Redis {
        /// To subscribers in this process, directly.
        local: broadcast::Sender<BusEvent>,
        /// To the task that talks to Redis.
        outbox: mpsc::Sender<Event>,
        /// Whether Redis answered the last time.
        up: Arc<AtomicBool>,
    },
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Self {
        Self::Local(broadcast::channel(BACKLOG).0)
    }

    /// A bus over the Redis at this URL (`redis://` or `rediss://`, with user and password), and the task that it
    /// needs. Only nodes with the same `chat` receive each other's events. An unusable URL is an error; a Redis that is
    /// away is not.
    pub fn over_redis(url: &str, chat: &str) -> Result<(Self, RedisTask), ::redis::RedisError> {
        let local = broadcast::channel(BACKLOG).0;
        let (outbox, to_publish) = mpsc::channel(BACKLOG);
        let up = Arc::new(AtomicBool::new(false));
        let redis_task = RedisTask::new(url, chat, local.clone(), to_publish, up.clone())?;
        Ok((Self::Redis { local, outbox, up }, redis_task))
    }

    /// Publishes to every subscriber, after the commit of what happened.
    pub fn publish(&self, event: Event) {
        self.publish_elsewhere(event.clone());
        // An error means that nobody has subscribed.
        self.sender().send(BusEvent::Event(event)).ok();
    }

    /// Publishes to the other nodes only: subscribers here know already.
    pub fn publish_elsewhere(&self, event: Event) {
        if let Self::Redis { outbox, .. } = self {
            // A full outbox means that Redis is away for long: the other nodes check the database every few seconds.
            outbox.try_send(event).ok();
        }
    }

    /// Receives everything that is published from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.sender().subscribe())
    }

    /// Whether events reach every node.
    pub fn is_up(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Redis { up, .. } => up.load(Ordering::Relaxed),
        }
    }

    /// For the line that the start prints.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Local(_) => "local (one node)",
            Self::Redis { .. } => "Redis",
        }
    }

    fn sender(&self) -> &broadcast::Sender<BusEvent> {
        match self {
            Self::Local(sender) | Self::Redis { local: sender, .. } => sender,
        }
    }
}

/// One subscriber's end of the bus.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<BusEvent>);

impl Subscription {
    /// The next event; None when the bus is gone.
    pub async fn next(&mut self) -> Option<BusEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(BusEvent::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_subscriber_receives_and_a_slow_one_resyncs() {
        let bus = Bus::local();
        let event = Event::RoomChanged {
            room: RoomId::new(),
            change: Change(1),
        };
        let (mut quick, mut slow) = (bus.subscribe(), bus.subscribe());
        bus.publish(event.clone());
        assert_eq!(quick.next().await, Some(BusEvent::Event(event)));
        for _ in 0..=BACKLOG {
            bus.publish(Event::Revoked);
        }
        assert_eq!(slow.next().await, Some(BusEvent::Resync));
    }
}
