//! Who is subscribed to what on this node.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use super::frame::{CloseCode, Frame};
use super::queue::{Queue, Slot};
use crate::ids::{Position, RoomId, SessionId, UserId};

/// Audiences are spread over this many locks, so that busy rooms do not wait for each other.
const SHARDS: usize = 32;

/// At the end sockets are closed in at most this many steps, at least so many in each, with this pause between: three
/// seconds at most.
const CLOSING_STEPS: usize = 30;
const CLOSED_PER_STEP: usize = 100;
const CLOSING_PAUSE: Duration = Duration::from_millis(100);
/// Subscriptions that are pushed to before other tasks get a turn: each push may be a write to a socket.
const PUSHES_PER_TURN: usize = 256;

/// Whom a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everybody who shows this room.
    Room(RoomId),
    /// Every connection of this person: each is subscribed to it for as long as it lives.
    User(UserId),
}

/// One connection, as the hub knows it.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// Whose it is.
    pub user: UserId,
    /// By which login.
    pub session: SessionId,
    /// Where its frames go.
    pub queue: Arc<Queue>,
}

/// A subscriber in an audience.
#[derive(Debug, Clone)]
struct Subscription {
    subscriber: Subscriber,
    slot: Slot,
}

/// The subscriptions are shared with the pushes under way, so that nobody waits for those.
type Subscriptions = Arc<Vec<Subscription>>;

type Shard = HashMap<Audience, Subscriptions>;

/// The subscriptions to every audience on this node. No method waits for a socket.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Whether the server ends: who connects now is told so too.
    ending: AtomicBool,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            ending: AtomicBool::new(false),
        }
    }
}

impl Hub {
    /// Takes a connection in, subscribed to what concerns its person; None when they have `limit` connections already.
    pub fn connect(&self, subscriber: &Subscriber, limit: u32) -> Option<Slot> {
        let audience = Audience::User(subscriber.user);
        let slot = self.add(audience, subscriber, Position::default());
        let open = self
            .shard(audience)
            .get(&audience)
            .map_or(0, |connections| connections.len());
        if open > limit as usize {
            self.unsubscribe(audience, subscriber);
            return None;
        }
        // Looked at only now, so that whoever `close_all` did not find is closed here.
        if self.ending.load(Ordering::SeqCst) {
            subscriber.queue.close(CloseCode::Restart);
        }
        Some(slot)
    }

    /// Subscribes a connection to a room, in which its person's membership begins there.
    pub fn subscribe(&self, room: RoomId, subscriber: &Subscriber, begins: Position) -> Slot {
        self.add(Audience::Room(room), subscriber, begins)
    }

    fn add(&self, audience: Audience, subscriber: &Subscriber, begins: Position) -> Slot {
        let slot = subscriber.queue.add(begins);
        let subscriber = subscriber.clone();
        let mut shard = self.shard(audience);
        // Room for just one: most people have one connection.
        let subscriptions = shard.entry(audience).or_insert_with(|| Arc::new(Vec::with_capacity(1)));
        Arc::make_mut(subscriptions).push(Subscription { subscriber, slot });
        slot
    }

    /// Removes a connection's subscription to an audience.
    pub fn unsubscribe(&self, audience: Audience, subscriber: &Subscriber) {
        let mut shard = self.shard(audience);
        if let Some(subscriptions) = shard.get_mut(&audience) {
            Arc::make_mut(subscriptions).retain(|other| !Arc::ptr_eq(&other.subscriber.queue, &subscriber.queue));
            if subscriptions.is_empty() {
                shard.remove(&audience);
            }
        }
    }

    /// Sends the frame to everybody in the audience. Pushes that cover changes of one audience must follow each other.
    pub async fn publish(&self, audience: Audience, frame: &Frame) {
        let subscriptions = self.shard(audience).get(&audience).cloned();
        if let Some(subscriptions) = subscriptions {
            push_to_all(subscriptions.iter(), frame, 0).await;
        }
    }

    /// Sends the frame to everybody in the room but those people.
    pub async fn publish_except(&self, room: RoomId, frame: &Frame, except: &HashSet<UserId>) {
        let audience = Audience::Room(room);
        let subscriptions = self.shard(audience).get(&audience).cloned();
        let subscriptions = subscriptions.iter().flat_map(|subscriptions| subscriptions.iter());
        let others = subscriptions.filter(|subscription| !except.contains(&subscription.subscriber.user));
        push_to_all(others, frame, 0).await;
    }

    /// Sends everybody who is connected the frame that is for them, if there is one.
    pub async fn publish_to_people<'a>(&self, frame_for: impl Fn(UserId) -> Option<&'a Frame>) {
        let mut pushed = 0;
        for shard in &self.shards {
            let people = people_in(&lock(shard));
            for (user, subscriptions) in people {
                if let Some(frame) = frame_for(user) {
                    pushed = push_to_all(subscriptions.iter(), frame, pushed).await;
                }
            }
        }
    }

    /// Everybody who is connected.
    pub fn connected_people(&self) -> Vec<UserId> {
        let people = self.shards.iter().flat_map(|shard| people_in(&lock(shard)));
        people.map(|(user, _)| user).collect()
    }

    /// Whether the person has a connection.
    pub fn is_connected(&self, user: UserId) -> bool {
        let audience = Audience::User(user);
        self.shard(audience).contains_key(&audience)
    }

    /// Everybody who is subscribed to the room.
    pub fn people(&self, room: RoomId) -> HashSet<UserId> {
        let audience = Audience::Room(room);
        let shard = self.shard(audience);
        let subscriptions = shard
            .get(&audience)
            .into_iter()
            .flat_map(|subscriptions| subscriptions.iter());
        subscriptions.map(|subscription| subscription.subscriber.user).collect()
    }

    /// Whether somebody is subscribed to the room.
    pub fn is_open(&self, room: RoomId) -> bool {
        let audience = Audience::Room(room);
        self.shard(audience).contains_key(&audience)
    }

    /// The rooms that somebody is subscribed to.
    pub fn rooms(&self) -> Vec<RoomId> {
        let audiences = self
            .shards
            .iter()
            .flat_map(|shard| lock(shard).keys().copied().collect::<Vec<_>>());
        let room = |audience| match audience {
            Audience::Room(room) => Some(room),
            Audience::User(_) => None,
        };
        audiences.filter_map(room).collect()
    }

    /// Open connections on this node.
    pub fn connections(&self) -> usize {
        let counts = self.shards.iter().flat_map(|shard| people_in(&lock(shard)));
        counts.map(|(_, subscriptions)| subscriptions.len()).sum()
    }

    /// Ends the subscriptions to the room for which there is a reason. A subscriber is known by who they are, and by
    /// where their membership began when they subscribed.
    pub fn end_where(&self, room: RoomId, reason: impl Fn(UserId, Position) -> Option<CloseCode>) {
        let audience = Audience::Room(room);
        let Some(subscriptions) = self.shard(audience).get(&audience).cloned() else {
            return;
        };
        for Subscription { subscriber, slot } in subscriptions.iter() {
            let begins = subscriber.queue.begins(*slot);
            if let Some(code) = begins.and_then(|begins| reason(subscriber.user, begins)) {
                subscriber.queue.end(*slot, code);
            }
        }
    }

    /// Closes every connection of these logins.
    pub fn close_sessions(&self, sessions: &[SessionId]) {
        for shard in &self.shards {
            let people = people_in(&lock(shard));
            for (_, subscriptions) in people {
                let ended = |subscription: &&Subscription| sessions.contains(&subscription.subscriber.session);
                for subscription in subscriptions.iter().filter(ended) {
                    subscription.subscriber.queue.close(CloseCode::SignedOut);
                }
            }
        }
    }

    /// Closes every connection, for a restart, also those that are only just being opened. Many are closed over a few
    /// seconds, so that their pages do not all knock at the other nodes at once.
    pub async fn close_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
        let mut open: Vec<Arc<Queue>> = Vec::new();
        for shard in &self.shards {
            for (_, subscriptions) in people_in(&lock(shard)) {
                let queues = subscriptions
                    .iter()
                    .map(|subscription| subscription.subscriber.queue.clone());
                open.extend(queues);
            }
        }
        let some = open.len().div_ceil(CLOSING_STEPS).max(CLOSED_PER_STEP);
        loop {
            // Drained, because a connection ends only when nobody holds its queue any more.
            for queue in open.drain(..some.min(open.len())) {
                queue.close(CloseCode::Restart);
            }
            if open.is_empty() {
                return;
            }
            sleep(CLOSING_PAUSE).await;
        }
    }

    fn shard(&self, audience: Audience) -> MutexGuard<'_, Shard> {
        let hash = usize::try_from(self.hasher.hash_one(audience) % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[hash])
    }
}

/// Pushes a frame, letting other tasks have a turn now and then. `pushed` counts the pushes before this, the result
/// those before and in it.
async fn push_to_all<'a>(
    subscriptions: impl Iterator<Item = &'a Subscription>,
    frame: &Frame,
    mut pushed: usize,
) -> usize {
    for Subscription { subscriber, slot } in subscriptions {
        if pushed > 0 && pushed.is_multiple_of(PUSHES_PER_TURN) {
            yield_now().await;
        }
        subscriber.queue.push(*slot, frame);
        pushed += 1;
    }
    pushed
}

/// Whoever is connected and known to this shard, with their connections.
fn people_in(shard: &Shard) -> Vec<(UserId, Subscriptions)> {
    let person = |(audience, subscriptions): (&Audience, &Subscriptions)| match audience {
        Audience::User(user) => Some((*user, subscriptions.clone())),
        Audience::Room(_) => None,
    };
    shard.iter().filter_map(person).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of the hub's locks, so a poisoned map is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
