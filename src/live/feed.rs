//! Delivers each room's changes to its listeners on this node, once and in order.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::views;
use crate::App;
use crate::ids::{Change, KeyId, RoomId};
use crate::messages::model::{Fresh, Item, Previous, Shown, place};
use crate::realtime::Frame;
use crate::rooms::queries::RoomState;

/// How far each room with listeners has been delivered. What this node has stored itself is delivered as it comes; for
/// everything else, doorbells collect here until whoever loads takes them all at once.
#[derive(Debug, Default)]
pub struct Feed {
    // A std mutex: it is held for a few instructions and never across an await.
    rooms: Mutex<Rooms>,
    /// Wakes who loads.
    pub(super) rung: Notify,
}

#[derive(Debug, Default)]
struct Rooms {
    followed: HashMap<RoomId, Progress>,
    /// Those that have to be loaded.
    rung: HashSet<RoomId>,
    /// How often a room began to be followed.
    lives: u64,
}

#[derive(Debug)]
struct Progress {
    /// Tells it from the progress of the same room before all had left it.
    life: u64,
    /// Every listener's queue has been given the changes up to this one; None until the room's state was read.
    delivered: Option<Change>,
    /// The change that it was at then: what came before was pushed to nobody.
    begun: Change,
    /// The room's data key; known from then on.
    key: Option<KeyId>,
    /// The newest change that a doorbell told of.
    wanted: Change,
    /// The members that were looked at last were those after this change.
    members_change: Change,
    /// Whether somebody delivers; doorbells meanwhile only raise `wanted`.
    delivering: bool,
    /// The last message that was delivered; None until one was loaded.
    last: Option<Previous>,
}

impl Progress {
    fn is_behind(&self) -> bool {
        self.delivered.is_some_and(|delivered| delivered < self.wanted)
    }

    /// Notes that changes up to `to` were delivered; `last` is the last message of them.
    fn pass(&mut self, to: Change, last: Option<Previous>) {
        self.delivered = self.delivered.max(Some(to));
        self.wanted = self.wanted.max(to);
        self.last = last.or(self.last);
    }
}

/// A room taken by the one who delivers what is next in it. When this is dropped the room is given back.
pub(super) struct Taken {
    feed: Arc<Feed>,
    life: u64,
    pub(super) room: RoomId,
    /// The room's data key.
    pub(super) key: KeyId,
    /// The changes up to this one have been delivered.
    pub(super) delivered: Change,
    wanted: Change,
    /// The members that were looked at last were those after this change.
    pub(super) members_change: Change,
    /// The last message that was delivered; None until one was loaded.
    pub(super) last: Option<Previous>,
}

impl Taken {
    /// Notes that changes up to `to` were delivered of the room, which was seen to be in this state; `last` is the last
    /// message of them.
    pub(super) fn delivered(self, state: &RoomState, to: Change, last: Option<Previous>) {
        if let Some(progress) = self.feed.lock().of(&self) {
            if to >= state.last_change && progress.wanted == self.wanted {
                // A doorbell may have told of more than there is: after a restore, for instance.
                progress.wanted = to;
            }
            progress.members_change = state.members_change;
            progress.pass(to, last);
        }
    }

    /// Delivers these messages, which bring the room to change `to` and follow on the last one that was delivered.
    pub(super) async fn append(self, app: &App, mut messages: Vec<Shown>, to: Change) {
        let last = place(&mut messages, self.last);
        let items: Vec<_> = messages.into_iter().map(Item::Message).collect();
        push_all(app, self.room, views::appended(self.delivered, to, &items)).await;
        if let Some(progress) = self.feed.lock().of(&self) {
            progress.pass(to, last);
        }
    }

    /// Forgets the room: it is gone.
    pub(super) fn forget(self) {
        let mut rooms = self.feed.lock();
        if rooms.of(&self).is_some() {
            rooms.followed.remove(&self.room);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut rooms = self.feed.lock();
        let Some(progress) = rooms.of(self) else { return };
        progress.delivering = false;
        if progress.is_behind() {
            rooms.rung.insert(self.room);
            self.feed.rung.notify_one();
        }
    }
}

impl Rooms {
    /// The progress that this was taken from, unless all have left the room since.
    fn of(&mut self, taken: &Taken) -> Option<&mut Progress> {
        let progress = self.followed.get_mut(&taken.room)?;
        (progress.life == taken.life).then_some(progress)
    }
}

impl Feed {
    /// Begins to note the doorbells of a room. Call it after subscribing to the hub and before reading the room's
    /// state for [`Feed::begin`], so that no change falls between.
    pub fn follow(&self, room: RoomId) {
        let mut rooms = self.lock();
        let Rooms { followed, lives, .. } = &mut *rooms;
        followed.entry(room).or_insert_with(|| {
            *lives += 1;
            Progress {
                life: *lives,
                delivered: None,
                begun: Change::default(),
                key: None,
                wanted: Change::default(),
                members_change: Change::default(),
                delivering: false,
                last: None,
            }
        });
    }

    /// Begins to deliver a followed room from this state on, unless it is delivered already. Gives whether everything
    /// after this state is pushed; if not, the delivery began at a later one, and the state has to be read again, once.
    pub fn begin(&self, state: &RoomState) -> bool {
        let mut is_whole = true;
        if let Some(progress) = self.lock().followed.get_mut(&state.id) {
            if progress.delivered.is_none() {
                progress.delivered = Some(state.last_change);
                progress.begun = state.last_change;
                progress.key = Some(state.key);
                // Whoever follows the room has looked at their own membership at this state or will do so later.
                progress.members_change = state.members_change;
            }
            is_whole = progress.begun <= state.last_change;
        }
        self.ring(state.id, state.last_change);
        is_whole
    }

    /// Says that the last listener may have left; a room without listeners is forgotten.
    pub fn left(&self, app: &App, room: RoomId) {
        let mut rooms = self.lock();
        if !app.hub.is_open(room) {
            rooms.followed.remove(&room);
        }
    }

    /// How far each followed room is delivered.
    pub(super) fn delivered(&self) -> HashMap<RoomId, Change> {
        let rooms = self.lock();
        let delivered = |(room, progress): (&RoomId, &Progress)| Some((*room, progress.delivered?));
        rooms.followed.iter().filter_map(delivered).collect()
    }

    /// Forgets a room: it is gone, or nothing that is known of it holds any more.
    pub(super) fn forget(&self, room: RoomId) {
        self.lock().followed.remove(&room);
    }

    /// The newest change known of a followed room.
    pub fn newest(&self, room: RoomId) -> Option<Change> {
        self.lock().followed.get(&room).map(|progress| progress.wanted)
    }

    /// A doorbell: the room is at `change`.
    pub fn ring(&self, room: RoomId, change: Change) {
        let mut rooms = self.lock();
        let Some(progress) = rooms.followed.get_mut(&room) else {
            return;
        };
        progress.wanted = progress.wanted.max(change);
        if progress.is_behind() && !progress.delivering {
            rooms.rung.insert(room);
            self.rung.notify_one();
        }
    }

    /// Takes at most `limit` rooms that have to be loaded.
    pub(super) fn take_rung(self: &Arc<Self>, limit: usize) -> Vec<Taken> {
        let mut rooms = self.lock();
        let Rooms { followed, rung, .. } = &mut *rooms;
        let some: Vec<_> = rung.iter().take(limit).copied().collect();
        let taken = some.into_iter().filter_map(|room| {
            rung.remove(&room);
            let progress = followed.get_mut(&room).filter(|progress| progress.is_behind())?;
            self.take(room, progress)
        });
        taken.collect()
    }

    /// Takes a room, unless nothing of it is delivered yet or somebody delivers it.
    fn take(self: &Arc<Self>, room: RoomId, progress: &mut Progress) -> Option<Taken> {
        if progress.delivering {
            return None;
        }
        let (key, delivered) = (progress.key?, progress.delivered?);
        progress.delivering = true;
        Some(Taken {
            feed: self.clone(),
            life: progress.life,
            room,
            key,
            delivered,
            wanted: progress.wanted,
            members_change: progress.members_change,
            last: progress.last,
        })
    }

    /// Delivers what the writer has at hand, without a query, if it follows on what was delivered last; else rings.
    pub(super) async fn deliver(self: &Arc<Self>, app: &App, fresh: Fresh) {
        match self.take_if_next(&fresh) {
            Some(taken) => taken.append(app, fresh.messages, fresh.to).await,
            None => self.ring(fresh.room, fresh.to),
        }
    }

    /// Takes the room of these messages for delivery, if they are next and nobody delivers, and if the message before
    /// them is known, which decides how the first is drawn.
    fn take_if_next(self: &Arc<Self>, fresh: &Fresh) -> Option<Taken> {
        let mut rooms = self.lock();
        let progress = rooms.followed.get_mut(&fresh.room)?;
        if progress.delivered != Some(fresh.from) || progress.last.is_none() {
            return None;
        }
        self.take(fresh.room, progress)
    }

    /// Whether everything that was told of has been delivered.
    pub fn is_idle(&self) -> bool {
        self.lock()
            .followed
            .values()
            .all(|progress| !progress.delivering && !progress.is_behind())
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pushes frames that follow on each other. Whoever does it has taken the room for delivery.
pub(super) async fn push_all(app: &App, room: RoomId, frames: Vec<Frame>) {
    for frame in frames {
        app.hub.push(room, &frame).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(room: RoomId, last_change: i64) -> RoomState {
        RoomState {
            id: room,
            key: KeyId::new(),
            last_change: Change(last_change),
            members_change: Change(0),
            open: true,
        }
    }

    #[test]
    fn whoever_read_the_state_before_the_delivery_began_has_to_read_it_again() {
        let (feed, room) = (Feed::default(), RoomId::new());
        feed.follow(room);
        feed.ring(room, Change(10));
        assert!(feed.begin(&state(room, 10)));
        assert!(!feed.begin(&state(room, 8)), "9 and 10 were pushed to nobody");
        assert!(feed.begin(&state(room, 10)));
        assert!(feed.is_idle());
    }

    #[test]
    fn doorbells_of_one_room_become_one_load_and_those_meanwhile_one_more() {
        let (feed, room) = (Arc::new(Feed::default()), RoomId::new());
        feed.follow(room);
        feed.begin(&state(room, 1));
        feed.ring(room, Change(2));
        feed.ring(room, Change(3));
        let taken = feed.take_rung(10).pop().unwrap();
        assert_eq!((taken.room, taken.delivered), (room, Change(1)));
        feed.ring(room, Change(4));
        assert!(feed.take_rung(10).is_empty(), "one load at a time");
        taken.delivered(&state(room, 3), Change(3), None);
        let taken = feed.take_rung(10).pop().unwrap();
        assert_eq!(taken.delivered, Change(3));
        taken.delivered(&state(room, 4), Change(4), None);
        assert!(feed.take_rung(10).is_empty() && feed.is_idle());
    }

    #[test]
    fn who_took_a_room_that_all_have_left_does_not_give_back_its_next_life() {
        let (feed, room) = (Arc::new(Feed::default()), RoomId::new());
        let take = |seen, rung| {
            feed.follow(room);
            feed.begin(&state(room, seen));
            feed.ring(room, Change(rung));
            feed.take_rung(10).pop().unwrap()
        };
        let earlier = take(1, 2);
        feed.lock().followed.clear();
        let _later = take(5, 6);
        earlier.delivered(&state(room, 2), Change(2), None);
        feed.ring(room, Change(7));
        assert!(feed.take_rung(10).is_empty(), "it is still being delivered");
        assert_eq!(feed.lock().followed[&room].delivered, Some(Change(5)));
    }
}
