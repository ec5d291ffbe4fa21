//! Who is subscribed to what on this node.

use std::collections::{HashMap, HashSet};
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

/// What reads at the other end of a connection. Each has frames of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listener {
    /// A page, which is sent fragments of HTML.
    Page,
    /// A program, which is sent JSON.
    Program,
}

impl Listener {
    const ALL: [Self; 2] = [Self::Page, Self::Program];
}

/// One connection, as the hub knows it.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// Whose it is.
    pub user: UserId,
    /// By which login.
    pub session: SessionId,
    /// What reads there.
    pub listener: Listener,
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

/// Pages and programs of one audience stand apart, in the same shard, so that neither is looked at for the other.
type Shard = HashMap<(Audience, Listener), Subscriptions>;

/// The subscriptions to every audience on this node. No method waits for a socket.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    /// Whether the server ends: who connects now is told so too.
    ending: AtomicBool,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
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
            .listeners(audience)
            .map(|connections| connections.len())
            .sum::<usize>();
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
        let subscriptions = shard
            .entry((audience, subscriber.listener))
            .or_insert_with(|| Arc::new(Vec::with_capacity(1)));
        Arc::make_mut(subscriptions).push(Subscription { subscriber, slot });
        slot
    }

    /// Removes a connection's subscription to an audience.
    pub fn unsubscribe(&self, audience: Audience, subscriber: &Subscriber) {
        let (mut shard, key) = (self.shard(audience), (audience, subscriber.listener));
        if let Some(subscriptions) = shard.get_mut(&key) {
            Arc::make_mut(subscriptions).retain(|other| !Arc::ptr_eq(&other.subscriber.queue, &subscriber.queue));
            if subscriptions.is_empty() {
                shard.remove(&key);
            }
        }
    }

    /// Sends the frame to the audience's pages. Pushes that cover changes of one audience must follow each other.
    pub async fn publish(&self, audience: Audience, frame: &Frame) {
        self.publish_to(audience, Listener::Page, frame).await;
    }

    /// Sends the frame to those listeners of the audience.
    pub async fn publish_to(&self, audience: Audience, listener: Listener, frame: &Frame) {
        let subscriptions = self.shard(audience).get(&(audience, listener)).cloned();
        if let Some(subscriptions) = subscriptions {
            push_to_all(subscriptions.iter(), frame, 0).await;
        }
    }

    /// Sends the frame to those listeners in the room, but not to those people.
    pub async fn publish_except(&self, room: RoomId, listener: Listener, frame: &Frame, except: &HashSet<UserId>) {
        let audience = Audience::Room(room);
        let subscriptions = self.shard(audience).get(&(audience, listener)).cloned();
        let subscriptions = subscriptions.iter().flat_map(|subscriptions| subscriptions.iter());
        let others = subscriptions.filter(|subscription| !except.contains(&subscription.subscriber.user));
        push_to_all(others, frame, 0).await;
    }

    /// Sends the pages of everybody who is connected the frame that is for them, if there is one.
    pub async fn publish_to_people<'a>(&self, frame_for: impl Fn(UserId) -> Option<&'a Frame>) {
        let mut pushed = 0;
        for shard in &self.shards {
            let pages = pages_in(&lock(shard));
            for (user, subscriptions) in pages {
                if let Some(frame) = frame_for(user) {
                    pushed = push_to_all(subscriptions.iter(), frame, pushed).await;
                }
            }
        }
    }

    /// Everybody who has a page.
    pub fn connected_people(&self) -> Vec<UserId> {
        let pages = self.shards.iter().flat_map(|shard| pages_in(&lock(shard)));
        pages.map(|(user, _)| user).collect()
    }

    /// Whether the person has a page.
    pub fn is_connected(&self, user: UserId) -> bool {
        let audience = Audience::User(user);
        self.shard(audience).contains_key(&(audience, Listener::Page))
    }

    /// Everybody who is subscribed to the room.
    pub fn people(&self, room: RoomId) -> HashSet<UserId> {
        let mut people = HashSet::new();
        for subscriptions in self.listeners(Audience::Room(room)) {
            people.extend(subscriptions.iter().map(|subscription| subscription.subscriber.user));
        }
        people
    }

    /// Whether somebody is subscribed to the room.
    pub fn is_open(&self, room: RoomId) -> bool {
        Listener::ALL.into_iter().any(|listener| self.has(room, listener))
    }

    /// Whether one of those listeners is subscribed to the room.
    pub fn has(&self, room: RoomId, listener: Listener) -> bool {
        let audience = Audience::Room(room);
        self.shard(audience).contains_key(&(audience, listener))
    }

    /// The rooms that somebody is subscribed to.
    pub fn rooms(&self) -> Vec<RoomId> {
        let rooms: HashSet<_> = Listener::ALL.into_iter().flat_map(|one| self.rooms_with(one)).collect();
        rooms.into_iter().collect()
    }

    /// The rooms that one of those listeners is subscribed to.
    pub fn rooms_with(&self, listener: Listener) -> Vec<RoomId> {
        let mut rooms = Vec::new();
        for shard in &self.shards {
            rooms.extend(lock(shard).keys().filter_map(|key| match key {
                (Audience::Room(room), of) if *of == listener => Some(*room),
                _ => None,
            }));
        }
        rooms
    }

    /// Open connections on this node.
    pub fn connections(&self) -> usize {
        let counts = self.shards.iter().flat_map(|shard| connections_in(&lock(shard)));
        counts.map(|connections| connections.len()).sum()
    }

    /// Ends the subscriptions to the room for which there is a reason. A subscription is known by whose it is, and by
    /// where their membership began when they subscribed.
    pub fn end_where(&self, room: RoomId, reason: impl Fn(&Subscriber, Position) -> Option<CloseCode>) {
        for subscriptions in self.listeners(Audience::Room(room)) {
            for Subscription { subscriber, slot } in subscriptions.iter() {
                let begins = subscriber.queue.begins(*slot);
                if let Some(code) = begins.and_then(|begins| reason(subscriber, begins)) {
                    subscriber.queue.end(*slot, code);
                }
            }
        }
    }

    /// Closes every connection of these logins.
    pub fn close_sessions(&self, sessions: &[SessionId]) {
        for shard in &self.shards {
            let connections = connections_in(&lock(shard));
            for subscriptions in connections {
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
            for subscriptions in connections_in(&lock(shard)) {
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

    /// Pages and programs of an audience.
    fn listeners(&self, audience: Audience) -> impl Iterator<Item = Subscriptions> {
        let shard = self.shard(audience);
        let found = Listener::ALL.map(|listener| shard.get(&(audience, listener)).cloned());
        found.into_iter().flatten()
    }

    fn shard(&self, audience: Audience) -> MutexGuard<'_, Shard> {
        let (Audience::Room(RoomId(id)) | Audience::User(UserId(id))) = audience;
        // The end of an id is random.
        let [.., last] = id.into_bytes();
        lock(&self.shards[usize::from(last) % SHARDS])
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

/// Whoever has a page and is known to this shard, with their pages' connections.
fn pages_in(shard: &Shard) -> Vec<(UserId, Subscriptions)> {
    let person = |(key, subscriptions): (&(Audience, Listener), &Subscriptions)| match key {
        (Audience::User(user), Listener::Page) => Some((*user, subscriptions.clone())),
        _ => None,
    };
    shard.iter().filter_map(person).collect()
}

/// The connections of the people who are known to this shard.
fn connections_in(shard: &Shard) -> Vec<Subscriptions> {
    let of_people = shard
        .iter()
        .filter(|((audience, _), _)| matches!(audience, Audience::User(_)));
    of_people.map(|(_, subscriptions)| subscriptions.clone()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of the hub's locks, so a poisoned map is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
