//! Who listens to which room on this node.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use super::frame::{CloseCode, Frame};
use super::queue::Queue;
use crate::ids::{RoomId, SessionId, UserId};

/// Rooms are spread over this many locks, so that busy rooms do not wait for each other.
const SHARDS: usize = 32;

/// At the end sockets are closed in at most this many steps, at least so many in each, with this pause between: three
/// seconds at most.
const CLOSING_STEPS: usize = 30;
const CLOSED_AT_ONCE: usize = 100;
const CLOSING_PAUSE: Duration = Duration::from_millis(100);
/// Listeners that are pushed to before other tasks get a turn: each push may be a write to a socket.
const TURN: usize = 256;

/// One socket that shows a room.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Whose it is.
    pub user: UserId,
    /// By which login.
    pub session: SessionId,
    /// Where its frames go.
    pub queue: Arc<Queue>,
}

/// The listeners are shared with the pushes under way, so that nobody waits for those.
type Shard = HashMap<RoomId, Arc<Vec<Listener>>>;

/// The listeners of every room on this node. No method waits for a socket.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
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
            sockets: Mutex::default(),
            ending: AtomicBool::new(false),
        }
    }
}

impl Hub {
    /// Adds a socket of `user` to `room`; None when they have `limit` sockets open already.
    pub fn subscribe(
        &self,
        room: RoomId,
        (user, session): (UserId, SessionId),
        queue: Arc<Queue>,
        limit: u32,
    ) -> Option<Listener> {
        {
            let mut sockets = lock(&self.sockets);
            let open = sockets.entry(user).or_default();
            if *open >= limit {
                return None;
            }
            *open += 1;
        }
        let listener = Listener { user, session, queue };
        Arc::make_mut(self.shard(room).entry(room).or_default()).push(listener.clone());
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
            Arc::make_mut(listeners).retain(|other| !Arc::ptr_eq(&other.queue, &listener.queue));
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

    /// Sends the frame to every listener of the room. Pushes that cover changes of one room must follow each other.
    pub async fn push(&self, room: RoomId, frame: &Frame) {
        let Some(listeners) = self.shard(room).get(&room).cloned() else {
            return;
        };
        for (index, some) in listeners.chunks(TURN).enumerate() {
            if index > 0 {
                yield_now().await;
            }
            for listener in some {
                listener.queue.push(frame);
            }
        }
    }

    /// The people who have a socket open in the room.
    pub fn people(&self, room: RoomId) -> HashSet<UserId> {
        self.shard(room)
            .get(&room)
            .into_iter()
            .flat_map(|listeners| listeners.iter())
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
        for listener in self
            .shard(room)
            .get(&room)
            .into_iter()
            .flat_map(|listeners| listeners.iter())
        {
            if gone(listener.user) {
                listener.queue.close(code);
            }
        }
    }

    /// Closes every socket of these logins.
    pub fn close_sessions(&self, sessions: &[SessionId]) {
        for shard in &self.shards {
            for listener in lock(shard).values().flat_map(|listeners| listeners.iter()) {
                if sessions.contains(&listener.session) {
                    listener.queue.close(CloseCode::SignedOut);
                }
            }
        }
    }

    /// Closes every socket, for a restart, also those that are only just being opened. Many are closed over a few
    /// seconds, so that their pages do not all knock at the other nodes at once.
    pub async fn close_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
        let mut open: Vec<Arc<Queue>> = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            let listeners = shard.values().flat_map(|listeners| listeners.iter());
            open.extend(listeners.map(|listener| listener.queue.clone()));
        }
        let some = open.len().div_ceil(CLOSING_STEPS).max(CLOSED_AT_ONCE);
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
    use tokio::net::TcpStream;

    use super::super::queue::tests::{closed_with, open, received};
    use super::*;

    async fn subscribe(hub: &Hub, room: RoomId, user: UserId, limit: u32) -> Option<(Listener, TcpStream)> {
        let (queue, reader) = open().await;
        let listener = hub.subscribe(room, (user, SessionId::new()), queue, limit)?;
        Some((listener, reader))
    }

    #[tokio::test]
    async fn a_push_reaches_the_room_and_nobody_else() {
        let hub = Hub::default();
        let (here, there) = (RoomId::new(), RoomId::new());
        let (_alice, mut alice) = subscribe(&hub, here, UserId::new(), 5).await.unwrap();
        let (_charlie, mut charlie) = subscribe(&hub, there, UserId::new(), 5).await.unwrap();
        hub.push(here, &Frame::ephemeral("hello")).await;
        assert_eq!(received(&mut alice).await, ["hello"]);
        assert!(received(&mut charlie).await.is_empty());
    }

    #[tokio::test]
    async fn a_large_room_is_reached_whole() {
        let hub = Hub::default();
        let room = RoomId::new();
        let mut crowd = Vec::new();
        for _ in 0..=TURN {
            crowd.push(subscribe(&hub, room, UserId::new(), 5).await.unwrap());
        }
        hub.push(room, &Frame::ephemeral("hello")).await;
        for (_, reader) in &mut crowd {
            assert_eq!(received(reader).await, ["hello"]);
        }
    }

    #[tokio::test]
    async fn a_person_has_so_many_sockets_and_counts_once() {
        let hub = Hub::default();
        let (room, user) = (RoomId::new(), UserId::new());
        let (first, _) = subscribe(&hub, room, user, 2).await.unwrap();
        let _second = subscribe(&hub, room, user, 2).await.unwrap();
        assert!(subscribe(&hub, room, user, 2).await.is_none());
        assert_eq!((hub.connections(), hub.people(room).len()), (2, 1));
        hub.unsubscribe(room, &first);
        assert!(subscribe(&hub, room, user, 2).await.is_some());
    }

    #[tokio::test]
    async fn at_the_end_latecomers_are_told_too() {
        let hub = Hub::default();
        let (early, _) = subscribe(&hub, RoomId::new(), UserId::new(), 5).await.unwrap();
        hub.close_all().await;
        let (late, _) = subscribe(&hub, RoomId::new(), UserId::new(), 5).await.unwrap();
        for listener in [early, late] {
            assert_eq!(closed_with(&listener.queue).await, Some(CloseCode::Restart));
        }
    }

    #[tokio::test]
    async fn at_the_end_many_sockets_are_closed_in_steps() {
        let hub = Hub::default();
        let mut crowd = Vec::new();
        for _ in 0..=CLOSED_AT_ONCE {
            crowd.push(subscribe(&hub, RoomId::new(), UserId::new(), 5).await.unwrap());
        }
        let closed = async || {
            let mut closed = 0;
            for (listener, _) in &crowd {
                closed += usize::from(closed_with(&listener.queue).await.is_some());
            }
            closed
        };
        let closing = hub.close_all();
        tokio::pin!(closing);
        assert!(futures_util::poll!(&mut closing).is_pending());
        assert_eq!(closed().await, CLOSED_AT_ONCE);
        closing.await;
        assert_eq!(closed().await, CLOSED_AT_ONCE + 1);
    }

    #[tokio::test]
    async fn an_ended_login_closes_its_sockets_only() {
        let hub = Hub::default();
        let (room, user) = (RoomId::new(), UserId::new());
        let (on_phone, _phone) = subscribe(&hub, room, user, 5).await.unwrap();
        let (on_desk, mut desk) = subscribe(&hub, room, user, 5).await.unwrap();
        hub.close_sessions(&[on_phone.session]);
        hub.push(room, &Frame::ephemeral("still here")).await;
        assert_eq!(closed_with(&on_phone.queue).await, Some(CloseCode::SignedOut));
        assert_eq!(closed_with(&on_desk.queue).await, None);
        assert_eq!(received(&mut desk).await, ["still here"]);
    }
}
