//! Tells people on this node that something was written in rooms of theirs, wherever they are: at most once a second a
//! small frame, with all of their rooms in which something was. Pages add it up. Where it is not known what a page has
//! been told, because the room or the person was not known here, the counts themselves are sent; so they are to whom
//! messages name.
//!
//! Who of the people here belongs to an active room is remembered, and asked again when the room's members changed and
//! for people who came since.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};

use super::event::Event as PageEvent;
use crate::bus::{BusEvent, Event};
use crate::database::within_limit;
use crate::ids::{Change, RoomId, Seq, UserId};
use crate::realtime::Audience;
use crate::rooms::model::{RoomState, Unread};
use crate::rooms::queries::{count_written, list_members_of, list_named_since, list_room_states, list_unread_in};
use crate::{App, Error, Result};

const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// Rooms of which people are told together.
const BATCH: usize = 500;
/// What waits for people in rooms, so many numbers of it are counted at once.
const COUNTS: usize = 5_000;
/// Where more was written since than this, it is counted anew, which costs the same however much it is.
const ADDED_UP: i64 = 2_000;
/// Rooms that are remembered at most; then all are asked for anew.
const REMEMBERED: usize = 10_000;

/// What is known of the rooms in which something was written lately.
#[derive(Default)]
struct Known {
    rooms: HashMap<RoomId, Room>,
    /// For whom it is known whether they belong to those rooms.
    people: HashSet<UserId>,
}

struct Room {
    /// People were told of everything up to here; None when they were told of nothing yet.
    told: Option<Seq>,
    members_change: Change,
    /// Those of the people who belong to it.
    members: HashSet<UserId>,
}

/// The rooms in which something was since people were told last.
#[derive(Debug, Default)]
pub(super) struct ActiveRooms(Mutex<HashSet<RoomId>>);

impl ActiveRooms {
    /// Notes that something was in the room.
    pub(super) fn note(&self, room: RoomId) {
        self.lock().insert(room);
    }

    fn take(&self) -> Vec<RoomId> {
        let mut active = self.lock();
        let some: Vec<_> = active.iter().take(BATCH).copied().collect();
        active.retain(|room| !some.contains(room));
        some
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RoomId>> {
        // No code panics while it holds the lock, so a poisoned set is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives which rooms changed on other nodes, and tells the members of all that did who are connected here.
pub(super) async fn run(app: &App, active: &ActiveRooms) {
    let mut bus = app.bus.subscribe();
    let mut tell = interval(TELL_INTERVAL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut known, mut mentioned) = (Known::default(), HashMap::<RoomId, HashSet<UserId>>::new());
    loop {
        tokio::select! {
            _ = tell.tick() => {
                let rooms = active.take();
                if rooms.is_empty() {
                    continue;
                }
                if let Err(error) = publish(app, &mut known, &rooms, &mut mentioned).await {
                    tracing::warn!(%error, "people could not be told of what was written");
                    // Who has been told of what is not known any more: all are told anew.
                    known = Known::default();
                    active.lock().extend(rooms);
                }
            }
            received = bus.next() => match received {
                Some(BusEvent::Event(Event::RoomChanged { room, .. })) => active.note(room),
                Some(BusEvent::Event(Event::WaitingChanged { room })) => {
                    // What was added up is not true any more.
                    known.count_anew(room);
                    active.note(room);
                }
                Some(BusEvent::Event(Event::Mentioned { room, people })) => {
                    mentioned.entry(room).or_default().extend(people);
                    active.note(room);
                }
                Some(BusEvent::Resync) => {
                    for room in known.rooms.keys() {
                        active.note(*room);
                    }
                }
                Some(BusEvent::Event(_)) => {}
                None => return,
            },
        }
    }
}

async fn publish(
    app: &App,
    known: &mut Known,
    rooms: &[RoomId],
    mentioned: &mut HashMap<RoomId, HashSet<UserId>>,
) -> Result<()> {
    let people = app.hub.connected_people();
    if people.is_empty() {
        *known = Known::default();
        mentioned.clear();
        return Ok(());
    }
    let load = async |db: &mut PgConnection| {
        let states = list_room_states(&mut *db, rooms).await?;
        let came = known.update(db, &states, &people).await?;
        let told = known.of(&states).filter_map(|(id, room)| Some((id, room.told?)));
        let mut named = Vec::new();
        for (room, user) in list_named_since(&mut *db, &told.collect::<Vec<_>>()).await? {
            match user {
                Some(user) => named.push((room, user)),
                // For everybody more is told than what pages add up.
                None => known.count_anew(room),
            }
        }
        let (active, new): (Vec<_>, Vec<_>) = known.of(&states).partition(|(_, room)| room.told.is_some());
        let added_up: Vec<_> = active.iter().filter_map(|(id, room)| Some((*id, room.told?))).collect();
        let written = count_written(db, &added_up).await?;
        let ids = |rooms: &[(RoomId, &Room)]| rooms.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let (new, active) = (ids(&new), ids(&active));
        Ok::<_, Error>((states, came, written, named, new, active))
    };
    let (states, came, written, named, new, active) = within_limit(&app.db, load).await?;
    publish_counts(app, &new, &people).await?;
    publish_counts(app, &active, &came).await?;
    for (user, line) in known.add_up(&states, &came, &written)? {
        let frame = PageEvent::RoomsActive(&line).frame();
        app.hub.publish(Audience::User(user), &frame).await;
    }
    // Of whom messages name, more is told than what pages add up.
    for (room, user) in named {
        mentioned.entry(room).or_default().insert(user);
    }
    let rooms: Vec<_> = mentioned.keys().copied().collect();
    let people: HashSet<_> = mentioned.values().flatten().copied().collect();
    let people: Vec<_> = people.into_iter().filter(|user| app.hub.is_connected(*user)).collect();
    publish_counts(app, &rooms, &people).await?;
    mentioned.clear();
    Ok(())
}

/// Tells these people what waits for them in these rooms. So many at once that no statement takes long.
async fn publish_counts(app: &App, rooms: &[RoomId], people: &[UserId]) -> Result<()> {
    if rooms.is_empty() {
        return Ok(());
    }
    for some in people.chunks((COUNTS / rooms.len()).max(1)) {
        let counted = within_limit(&app.db, async |db| list_unread_in(db, rooms, some).await);
        let mut exact: HashMap<UserId, HashMap<RoomId, Unread>> = HashMap::new();
        for (user, unread) in counted.await? {
            exact.entry(user).or_default().insert(unread.room, unread);
        }
        for (user, unread) in exact {
            let frame = PageEvent::UnreadCounted(&unread).frame();
            app.hub.publish(Audience::User(user), &frame).await;
        }
    }
    Ok(())
}

impl Known {
    /// Has it counted what waits in the room for everybody here.
    fn count_anew(&mut self, room: RoomId) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.told = None;
        }
    }

    /// Those of the rooms that have members here and in which something was written.
    fn of<'a>(&'a self, states: &'a [RoomState]) -> impl Iterator<Item = (RoomId, &'a Room)> {
        let room = |state: &'a RoomState| Some((state, self.rooms.get(&state.id)?));
        let found = states.iter().filter_map(room);
        let active = found.filter(|(state, room)| Some(state.last_seq) > room.told && !room.members.is_empty());
        active.map(|(state, room)| (state.id, room))
    }

    /// What each member has to be told who knows what was before, and notes that all have been told.
    fn add_up(
        &mut self,
        states: &[RoomState],
        came: &[UserId],
        written: &[(RoomId, UserId, i64)],
    ) -> Result<HashMap<UserId, String>> {
        let (mut all, mut by_author) = (HashMap::new(), HashMap::new());
        for (room, author, count) in written {
            *all.entry(*room).or_insert(0) += count;
            by_author.insert((*room, *author), *count);
        }
        let mut lines: HashMap<UserId, String> = HashMap::new();
        for state in states {
            let Some(room) = self.rooms.get_mut(&state.id) else {
                continue;
            };
            let told = room.told.replace(state.last_seq);
            let (Some(told), Some(count)) = (told, all.get(&state.id)) else {
                continue;
            };
            for member in room.members.iter().filter(|member| !came.contains(member)) {
                let count = count - by_author.get(&(state.id, *member)).copied().unwrap_or_default();
                let line = lines.entry(*member).or_default();
                let comma = if line.is_empty() { "" } else { "," };
                write!(line, "{comma}\"{}\":[{count},{told},{}]", state.id, state.last_seq).map_err(Error::internal)?;
            }
        }
        Ok(lines)
    }

    /// Makes it true for these rooms, as they are now, and these people; returns who of them was not known.
    async fn update(&mut self, db: &mut PgConnection, states: &[RoomState], people: &[UserId]) -> Result<Vec<UserId>> {
        if self.rooms.len() > REMEMBERED {
            *self = Self::default();
        }
        let here: HashSet<_> = people.iter().copied().collect();
        let came: Vec<_> = here.difference(&self.people).copied().collect();
        for state in states {
            if let Some(room) = self.rooms.get_mut(&state.id) {
                room.told = room.told.filter(|told| state.last_seq.0 - told.0 <= ADDED_UP);
            }
        }
        let is_stale = |state: &&RoomState| {
            let room = self.rooms.get(&state.id);
            room.is_none_or(|room| room.members_change != state.members_change)
        };
        let stale: HashMap<_, _> = states.iter().filter(is_stale).map(|state| (state.id, state)).collect();
        let fresh: Vec<_> = self
            .rooms
            .keys()
            .filter(|room| !stale.contains_key(room))
            .copied()
            .collect();
        let mut members = Vec::new();
        if !came.is_empty() && !fresh.is_empty() {
            members = list_members_of(&mut *db, &fresh, &came).await?;
        }
        if !stale.is_empty() {
            let rooms: Vec<_> = stale.keys().copied().collect();
            members.extend(list_members_of(db, &rooms, people).await?);
        }
        for (id, state) in stale {
            let told = self.rooms.get(&id).and_then(|room| room.told);
            let room = Room {
                told,
                members_change: state.members_change,
                members: HashSet::new(),
            };
            self.rooms.insert(id, room);
        }
        for room in self.rooms.values_mut() {
            room.members.retain(|user| here.contains(user));
        }
        for (room, user) in members {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.members.insert(user);
            }
        }
        self.people = here;
        Ok(came)
    }
}
