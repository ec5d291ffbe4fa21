//! Who listens to which room on this node.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frame::{CloseCode, Frame};
use super::queue::Queue;
use crate::ids::{RoomId, SessionId, UserId};

/// Rooms are spread over this many locks, so that busy rooms do not wait for each other.
const SHARDS: usize = 32;

/// Names one connection of this process; never used twice, so that an old one cannot remove its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(u64);

/// One socket that shows a room.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Which connection.
    pub id: ConnectionId,
    /// Whose it is.
    pub user: UserId,
    /// By which login.
    pub session: SessionId,
    /// Where its frames go.
    pub queue: Arc<Queue>,
}

type Shard = HashMap<RoomId, Vec<Listener>>;

/// The listeners of every room on this node. All methods are quick and never wait for a socket.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    next_id: AtomicU64,
    /// Open sockets per person, over all rooms.
    sockets: Mutex<HashMap<UserId, u32>>,
    /// Whether the server ends: who comes now is told so too.
    ending: AtomicBool,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next_id: AtomicU64::new(1),
            sockets: Mutex::default(),
            ending: AtomicBool::new(false),
        }
    }
}

impl Hub {
    /// Adds a socket of `user` to `room`; None when they have `limit` sockets open already.
    pub fn subscribe(&self, room: RoomId, user: UserId, session: SessionId, limit: u32) -> Option<Listener> {
        {
            let mut sockets = lock(&self.sockets);
            let open = sockets.entry(user).or_default();
            if *open >= limit {
                return None;
            }
            *open += 1;
        }
        let id = ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let listener = Listener {
            id,
            user,
            session,
            queue: Arc::default(),
        };
        self.shard(room).entry(room).or_default().push(listener.clone());
        // Looked at only now, so that whoever `close_all` did not find is closed here.
        if self.ending.load(Ordering::SeqCst) {
            listener.queue.close(CloseCode::Restart);
        }
        Some(listener)
    }

    /// Removes a socket. Call it once per [`Hub::subscribe`].
    pub fn unsubscribe(&self, room: RoomId, listener: &Listener) {
        let mut shard = self.shard(room);
        if let Some(listeners) = shard.get_mut(&room) {
            listeners.retain(|other| other.id != listener.id);
            if listeners.is_empty() {
                shard.remove(&room);
            }
        }
        drop(shard);
        let mut sockets = lock(&self.sockets);
        if let Some(open) = sockets.get_mut(&listener.user) {
            *open -= 1;
            if *open == 0 {
                sockets.remove(&listener.user);
            }
        }
    }

    /// Puts the frame into the queue of every listener of the room.
    pub fn push(&self, room: RoomId, frame: &Frame) {
        if let Some(listeners) = self.shard(room).get(&room) {
            for listener in listeners {
                listener.queue.push(frame);
            }
        }
    }

    /// The people who have a socket open in the room.
    pub fn people(&self, room: RoomId) -> HashSet<UserId> {
        self.shard(room)
            .get(&room)
            .into_iter()
            .flatten()
            .map(|listener| listener.user)
            .collect()
    }

    /// Whether somebody listens to the room.
    pub fn is_open(&self, room: RoomId) -> bool {
        self.shard(room).contains_key(&room)
    }

    /// The rooms that somebody listens to.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.shards
            .iter()
            .flat_map(|shard| lock(shard).keys().copied().collect::<Vec<_>>())
            .collect()
    }

    /// Open sockets on this node.
    pub fn connections(&self) -> usize {
        lock(&self.sockets).values().map(|&open| open as usize).sum()
    }

    /// Closes the room's sockets of people for whom `gone` holds.
    pub fn close_where(&self, room: RoomId, code: CloseCode, gone: impl Fn(UserId) -> bool) {
        for listener in self.shard(room).get(&room).into_iter().flatten() {
            if gone(listener.user) {
                listener.queue.close(code);
            }
        }
    }

    /// Closes every socket of these logins.
    pub fn close_sessions(&self, sessions: &[SessionId]) {
        for shard in &self.shards {
            for listener in lock(shard).values().flatten() {
                if sessions.contains(&listener.session) {
                    listener.queue.close(CloseCode::SignedOut);
                }
            }
        }
    }

    /// Closes every socket, for a restart, also those that are only just being opened.
    pub fn close_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
        for shard in &self.shards {
            for listener in lock(shard).values().flatten() {
                listener.queue.close(CloseCode::Restart);
            }
        }
    }

    fn shard(&self, room: RoomId) -> MutexGuard<'_, Shard> {
        let hash = usize::try_from(self.hasher.hash_one(room) % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[hash])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of the hub's locks, so a poisoned map is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::queue::Taken;
    use super::*;

    #[tokio::test]
    async fn a_push_reaches_the_room_and_nobody_else() {
        let hub = Hub::default();
        let (here, there) = (RoomId::new(), RoomId::new());
        let alice = hub.subscribe(here, UserId::new(), SessionId::new(), 5).unwrap();
        let charlie = hub.subscribe(there, UserId::new(), SessionId::new(), 5).unwrap();
        hub.push(here, &Frame::ephemeral("hello"));
        hub.push(there, &Frame::ephemeral("other room"));
        let Taken::Frames(frames) = alice.queue.take().await else {
            panic!("closed")
        };
        assert_eq!(frames.len(), 1);
        let Taken::Frames(frames) = charlie.queue.take().await else {
            panic!("closed")
        };
        assert!(frames[0].encoded().ends_with(b"other room"));
    }

    #[test]
    fn sockets_are_counted_and_limited_per_person() {
        let hub = Hub::default();
        let (room, user, session) = (RoomId::new(), UserId::new(), SessionId::new());
        let first = hub.subscribe(room, user, session, 2).unwrap();
        hub.subscribe(room, user, session, 2).unwrap();
        assert!(hub.subscribe(room, user, session, 2).is_none());
        assert_eq!((hub.connections(), hub.people(room).len()), (2, 1));
        hub.unsubscribe(room, &first);
        assert!(hub.subscribe(room, user, session, 2).is_some());
    }

    #[tokio::test]
    async fn at_the_end_latecomers_are_told_too() {
        let hub = Hub::default();
        let early = hub
            .subscribe(RoomId::new(), UserId::new(), SessionId::new(), 5)
            .unwrap();
        hub.close_all();
        let late = hub
            .subscribe(RoomId::new(), UserId::new(), SessionId::new(), 5)
            .unwrap();
        for listener in [early, late] {
            assert!(matches!(listener.queue.take().await, Taken::Close(CloseCode::Restart)));
        }
    }

    #[tokio::test]
    async fn an_ended_login_closes_its_sockets_only() {
        let hub = Hub::default();
        let (room, user) = (RoomId::new(), UserId::new());
        let (phone, desk) = (SessionId::new(), SessionId::new());
        let on_phone = hub.subscribe(room, user, phone, 5).unwrap();
        let on_desk = hub.subscribe(room, user, desk, 5).unwrap();
        hub.close_sessions(&[phone]);
        hub.push(room, &Frame::ephemeral("still here"));
        assert!(matches!(
            on_phone.queue.take().await,
            Taken::Close(CloseCode::SignedOut)
        ));
        assert!(matches!(on_desk.queue.take().await, Taken::Frames(_)));
    }
}
