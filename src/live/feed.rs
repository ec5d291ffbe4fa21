//! Delivers each room's changes to its listeners on this node, once and in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::views;
use crate::bus::{Event, Heard};
use crate::ids::{Change, RoomId, Seq};
use crate::messages::actions;
use crate::messages::model::{Fresh, Item, Previous, place};
use crate::realtime::{CloseCode, Frame};
use crate::rooms::model::EventKind;
use crate::rooms::queries::{self, RoomState};
use crate::{App, Result};

/// Changes that one frame brings at most.
const CHUNK: i64 = 200;
/// How often rooms with listeners are looked at although no doorbell rang.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Pause before a load that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// How far each room with listeners has been delivered.
#[derive(Debug)]
pub struct Feed {
    // A std mutex: it is held for a few instructions and never across an await.
    rooms: Mutex<HashMap<RoomId, Progress>>,
    /// Says whose listeners came or went.
    visited: mpsc::UnboundedSender<RoomId>,
}

/// Rooms whose listeners came or went, for the online counts.
#[derive(Debug)]
pub struct Visits(pub(super) mpsc::UnboundedReceiver<RoomId>);

#[derive(Debug, Clone, Copy)]
struct Progress {
    /// Every listener's queue has been given the changes up to this one.
    delivered: Change,
    /// The newest change that a doorbell told of.
    wanted: Change,
    /// The members that were looked at last were those after this change.
    members_change: Change,
    /// Whether something is being delivered; doorbells meanwhile only raise `wanted`.
    loading: bool,
    /// The last message that was delivered; None until one was loaded.
    last: Option<Previous>,
}

/// What one frame from the database brought.
struct Delivered {
    to: Change,
    /// Whether that is all that there was.
    is_all: bool,
    members_change: Change,
    /// Its last message, if it held one.
    last: Option<Previous>,
}

impl Feed {
    /// A feed that follows no room yet, and what it says of visits.
    pub fn new() -> (Arc<Self>, Visits) {
        let (visited, visits) = mpsc::unbounded_channel();
        let feed = Self {
            rooms: Mutex::default(),
            visited,
        };
        (Arc::new(feed), Visits(visits))
    }

    /// Begins to follow a room, from its state as given. Call it after subscribing to the hub, then [`Feed::ring`] with
    /// a `last_change` read after this call: so no change falls between.
    pub fn follow(&self, state: RoomState) {
        self.lock().entry(state.id).or_insert(Progress {
            delivered: state.last_change,
            wanted: state.last_change,
            members_change: state.members_change,
            loading: false,
            last: None,
        });
        self.visited.send(state.id).ok();
    }

    /// Says that a listener left; a room without listeners is forgotten.
    pub fn left(&self, app: &App, room: RoomId) {
        let mut rooms = self.lock();
        if !app.hub.is_open(room) {
            rooms.remove(&room);
        }
        drop(rooms);
        self.visited.send(room).ok();
    }

    /// The newest change known of a followed room.
    pub fn newest(&self, room: RoomId) -> Option<Change> {
        self.lock().get(&room).map(|progress| progress.wanted)
    }

    /// A doorbell: the room is at `change`. Starts loading unless a task does already, or nobody listens.
    pub fn ring(self: &Arc<Self>, app: &App, room: RoomId, change: Change) {
        let mut rooms = self.lock();
        let Some(progress) = rooms.get_mut(&room) else { return };
        progress.wanted = progress.wanted.max(change);
        if progress.loading || progress.wanted <= progress.delivered {
            return;
        }
        progress.loading = true;
        drop(rooms);
        tokio::spawn(deliver(app.clone(), self.clone(), room));
    }

    /// What is to be loaded next; None, and no longer loading, when everything is delivered.
    fn next(&self, room: RoomId) -> Option<Progress> {
        let mut rooms = self.lock();
        let progress = rooms.get_mut(&room)?;
        if progress.wanted <= progress.delivered {
            progress.loading = false;
            return None;
        }
        Some(*progress)
    }

    /// Notes what was delivered, `wanted` being what was asked for when that began.
    fn delivered(&self, room: RoomId, wanted: Change, delivered: &Delivered) {
        if let Some(progress) = self.lock().get_mut(&room) {
            progress.delivered = progress.delivered.max(delivered.to);
            if delivered.is_all && progress.wanted == wanted {
                // A doorbell may have told of more than there is: after a restore, or from somebody else's room.
                progress.wanted = progress.delivered;
            }
            progress.members_change = delivered.members_change;
            progress.last = delivered.last.or(progress.last);
        }
    }

    /// Delivers what the writer has at hand, without a query, if it follows on what was delivered last; else rings.
    fn fresh(self: &Arc<Self>, app: &App, mut fresh: Fresh) {
        let (room, to) = (fresh.room, fresh.to);
        let mut rooms = self.lock();
        let Some(progress) = rooms.get_mut(&room) else { return };
        // What stands before decides how the first message is drawn, so it has to be known.
        if progress.loading || progress.delivered != fresh.from || progress.last.is_none() {
            drop(rooms);
            return self.ring(app, room, to);
        }
        progress.loading = true;
        let previous = progress.last;
        drop(rooms);
        let last = place(&mut fresh.messages, previous);
        let items: Vec<_> = fresh.messages.into_iter().map(Item::Message).collect();
        push_all(app, room, views::appended(fresh.from, to, &items));

        let mut rooms = self.lock();
        let Some(progress) = rooms.get_mut(&room) else { return };
        progress.delivered = progress.delivered.max(to);
        progress.last = last;
        progress.loading = false;
        let wanted = progress.wanted.max(to);
        drop(rooms);
        self.ring(app, room, wanted);
    }

    /// Whether everything that was told of has been delivered.
    pub fn is_idle(&self) -> bool {
        self.lock()
            .values()
            .all(|progress| !progress.loading && progress.wanted <= progress.delivered)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Progress>> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push_all(app: &App, room: RoomId, frames: Vec<Frame>) {
    for frame in frames {
        app.hub.push(room, &frame);
    }
}

/// Loads and pushes until the room is where the doorbells said.
async fn deliver(app: App, feed: Arc<Feed>, room: RoomId) {
    let mut guard = LoadingGuard {
        feed: &feed,
        room,
        done: false,
    };
    while let Some(progress) = feed.next(room) {
        match load_and_push(&app, room, progress).await {
            Ok(Some(delivered)) => feed.delivered(room, progress.wanted, &delivered),
            Ok(None) => {
                app.hub.close_where(room, CloseCode::NotOpen, |_| true);
                feed.lock().remove(&room);
            }
            Err(error) => {
                tracing::warn!(%error, %room, "changes could not be loaded; trying again");
                sleep(PAUSE).await;
            }
        }
    }
    guard.done = true;
}

/// Lets the next doorbell start anew when a delivery ends by a panic.
struct LoadingGuard<'a> {
    feed: &'a Feed,
    room: RoomId,
    done: bool,
}

impl Drop for LoadingGuard<'_> {
    fn drop(&mut self) {
        if !self.done
            && let Some(progress) = self.feed.lock().get_mut(&self.room)
        {
            progress.loading = false;
        }
    }
}

/// Pushes the next frame; gives how far that went, or None when the room is not there any more.
async fn load_and_push(app: &App, room: RoomId, progress: Progress) -> Result<Option<Delivered>> {
    let states = queries::list_room_states(&app.db, &[room]).await?;
    let Some(state) = states.first() else { return Ok(None) };
    let range = (progress.delivered, state.last_change);
    let (items, reached) = actions::changes(app, (room, state.key), Seq(0), range.0, range.1, CHUNK).await?;
    if state.members_change > progress.members_change {
        // Read after the changes: whoever is not a member by now hears none of them.
        close_strangers(app, room).await?;
    }
    if reached > range.0 {
        push_all(app, room, views::appended(range.0, reached, &items));
    }
    if let Some(slug) = moved_to(app, room, &items).await? {
        app.hub.push(room, &views::reload(Some(&slug)));
    }
    if !state.open && reached == state.last_change {
        app.hub.close_where(room, CloseCode::NotOpen, |_| true);
    }
    let messages = items.iter().rev().find_map(|item| match item {
        Item::Message(message) => Some((message.author.id, message.created_at)),
        Item::Event(_) => None,
    });
    Ok(Some(Delivered {
        to: reached,
        is_all: reached >= state.last_change,
        members_change: state.members_change,
        last: messages,
    }))
}

/// The room's address, when its name or topic changed among these items: pages load again there.
async fn moved_to(app: &App, room: RoomId, items: &[Item]) -> Result<Option<String>> {
    let edited = |item: &Item| matches!(item, Item::Event(event) if event.kind == EventKind::Edited);
    if items.iter().any(edited) {
        Ok(queries::find_slug(&app.db, room).await?)
    } else {
        Ok(None)
    }
}

/// Closes the sockets of people who do not belong to the room any more.
async fn close_strangers(app: &App, room: RoomId) -> Result<()> {
    let listening: Vec<_> = app.hub.people(room).into_iter().collect();
    let members = queries::list_members_among(&app.db, room, &listening).await?;
    app.hub.close_where(room, CloseCode::NotOpen, |user| {
        listening.contains(&user) && !members.contains(&user)
    });
    Ok(())
}

/// Takes what the writer has stored.
pub(super) async fn take(app: &App, feed: &Arc<Feed>, mut fresh: mpsc::Receiver<Fresh>) {
    while let Some(batch) = fresh.recv().await {
        feed.fresh(app, batch);
    }
}

/// Hears the bus.
pub(super) async fn listen(app: &App, feed: &Arc<Feed>) {
    let mut bus = app.bus.subscribe();
    while let Some(heard) = bus.next().await {
        match heard {
            Heard::Event(Event::RoomChanged { room, change }) => feed.ring(app, room, change),
            Heard::Event(Event::Revoked) => {}
            Heard::Resync => look(app, feed).await,
        }
    }
}

/// Looks at every room with listeners every few seconds: heals what a lost doorbell left behind.
pub(super) async fn look_again(app: &App, feed: &Arc<Feed>) {
    let mut tick = interval(LOOK_AGAIN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        look(app, feed).await;
    }
}

async fn look(app: &App, feed: &Arc<Feed>) {
    let rooms = app.hub.rooms();
    if rooms.is_empty() {
        return;
    }
    match queries::list_room_states(&app.db, &rooms).await {
        Ok(states) => {
            for state in &states {
                feed.ring(app, state.id, state.last_change);
            }
            let there: std::collections::HashSet<_> = states.iter().map(|state| state.id).collect();
            for room in rooms.into_iter().filter(|room| !there.contains(room)) {
                app.hub.close_where(room, CloseCode::NotOpen, |_| true);
            }
        }
        Err(error) => tracing::warn!(%error, "rooms could not be looked at"),
    }
}
