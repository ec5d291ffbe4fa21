//! Who is online in which room, here and on the other nodes.
//!
//! A person is online in a room as long as a connection of theirs shows it on any node, and for [`GRACE`] after the last
//! one closed, so that a reload does not blink. Each node counts its own connections and reports to the others who came
//! and who left, and everybody every few seconds. So a report that was lost is made up for by the next one, a node that
//! is silent for [`NODE_TIMEOUT`] counts as dead with all of its people, and nothing has to be stored where all nodes see
//! it: nodes that cannot reach each other know their own people and, for that time, the last report of the others.
//!
//! Who hides is online for nobody: their visits are known to the node of their connections alone, are counted nowhere and
//! reported to no other node.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::{NodeId, RoomId, UserId};

/// Whoever is away for longer has left.
const GRACE: Duration = Duration::from_secs(5);
/// A node's report holds this long: it sends three in that time.
const NODE_TIMEOUT: Duration = Duration::from_secs(15);

/// One person in one room, or on a page without a room.
pub type Place = (Option<RoomId>, UserId);

/// Who is online where. All methods are quick: what they cost does not grow with the room, where not said otherwise.
#[derive(Debug)]
pub struct Presence {
    node: NodeId,
    // A std mutex: nothing waits while it is held.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Everybody online, and on how many nodes.
    online: HashMap<Option<RoomId>, HashMap<UserId, u32>>,
    /// The same people, and in how many places.
    people: HashMap<UserId, u32>,
    /// Who is online on this node.
    here: HashMap<Place, Visit>,
    /// Whose last socket here closed, and when: the oldest first.
    leaving: VecDeque<(Instant, Place)>,
    /// The last report of each other node.
    elsewhere: HashMap<NodeId, Report>,
    /// Who came here since the last [`Presence::take_moves`].
    came: Vec<Place>,
    /// Who began to hide here since then.
    hid: Vec<Place>,
    /// Where somebody came or left since then.
    moved: HashSet<Option<RoomId>>,
    /// Who came online or went offline altogether since then, and may be as before by now.
    changed: HashSet<UserId>,
}

#[derive(Debug, Default)]
struct Visit {
    sockets: usize,
    /// When the last socket closed, while there is none.
    left: Option<Instant>,
    /// Whether nobody is to see it.
    is_hidden: bool,
}

#[derive(Debug)]
struct Report {
    until: Instant,
    sockets: usize,
    people: HashSet<Place>,
}

/// What happened within a short time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Who came to this node.
    pub came: Vec<Place>,
    /// Who left this node, after the grace, or hides from now on.
    pub left: Vec<Place>,
    /// The rooms, here and elsewhere, where somebody came or left.
    pub rooms: HashSet<RoomId>,
    /// Who came online, on any node, or is not online any more.
    pub people: HashMap<UserId, bool>,
    /// Those among them who are gone because their node is: it cannot say any more that they are.
    pub lost: HashSet<UserId>,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            node: NodeId::new(),
            state: Mutex::default(),
        }
    }
}

impl Presence {
    /// What this node is called; another start of it is another node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// A connection of `user` opened, in the room or on a page without one; they hide, or do not.
    pub fn enter(&self, room: Option<RoomId>, user: UserId, hides: bool) {
        self.lock().enter((room, user), hides);
    }

    /// A connection of `user` that entered without a room is in that room too; they hide as they do without one.
    pub fn enter_another(&self, room: RoomId, user: UserId) {
        let mut state = self.lock();
        let elsewhere = state.here.get(&(None, user));
        let hides = elsewhere.is_none_or(|visit| visit.is_hidden);
        state.enter((Some(room), user), hides);
    }

    /// `user` hides from now on, or does not any more, wherever they are on this node. It looks at everybody here.
    pub fn set_hidden(&self, user: UserId, hides: bool) {
        let mut state = self.lock();
        let places: Vec<_> = state.here.keys().filter(|place| place.1 == user).copied().collect();
        for place in places {
            state.hide(place, hides);
        }
    }

    /// Whether `user` is in the room on this node and does not hide.
    pub fn is_seen(&self, room: RoomId, user: UserId) -> bool {
        self.lock()
            .here
            .get(&(Some(room), user))
            .is_some_and(|visit| !visit.is_hidden)
    }

    /// A connection of `user` closed. Call it once per [`Presence::enter`].
    pub fn leave(&self, room: Option<RoomId>, user: UserId) {
        let (mut state, place) = (self.lock(), (room, user));
        let Some(visit) = state.here.get_mut(&place) else {
            return;
        };
        visit.sockets -= 1;
        if visit.sockets == 0 {
            let now = Instant::now();
            visit.left = Some(now);
            state.leaving.push_back((now, place));
        }
    }

    /// How many people are online in the room.
    pub fn count(&self, room: RoomId) -> usize {
        self.lock().online.get(&Some(room)).map_or(0, HashMap::len)
    }

    /// The same, with `user` among them, whose socket is not open yet.
    pub fn count_with(&self, room: RoomId, user: UserId) -> usize {
        let state = self.lock();
        let others = |people: &HashMap<_, _>| people.len() - usize::from(people.contains_key(&user));
        1 + state.online.get(&Some(room)).map_or(0, others)
    }

    /// How many people are online anywhere.
    pub fn everybody(&self) -> usize {
        self.lock().people.len()
    }

    /// Whether the person is online anywhere and does not hide.
    pub fn is_online(&self, user: UserId) -> bool {
        self.lock().people.contains_key(&user)
    }

    /// Those of these people who are online anywhere, as far as they do not hide.
    pub fn online_among(&self, people: impl IntoIterator<Item = UserId>) -> HashSet<UserId> {
        let state = self.lock();
        let mut people: HashSet<_> = people.into_iter().collect();
        people.retain(|user| state.people.contains_key(user));
        people
    }

    /// The sockets that are open on the other nodes, as they report.
    pub fn sockets_elsewhere(&self) -> usize {
        self.lock().elsewhere.values().map(|report| report.sockets).sum()
    }

    /// Lets go of those whose grace, or whose node's time, is over by `now`; returns what happened since the last call.
    pub fn take_moves(&self, now: Instant) -> Moves {
        let mut state = self.lock();
        let mut left = Vec::new();
        while let Some(&(since, place)) = state.leaving.front().filter(|(since, _)| *since + GRACE <= now) {
            state.leaving.pop_front();
            // Unless they came back; if they have left once more, that stands later in the queue.
            if state.here.get(&place).is_some_and(|visit| visit.left == Some(since)) {
                let is_hidden = state.here.remove(&place).is_some_and(|visit| visit.is_hidden);
                if is_hidden {
                    continue;
                }
                state.remove(place);
                // Also when they are still online elsewhere: they may have been the last one here.
                state.moved.insert(place.0);
                left.push(place);
            }
        }
        let dead: Vec<_> = state.elsewhere.extract_if(|_, report| report.until <= now).collect();
        let mut lost = HashSet::new();
        for place in dead.into_iter().flat_map(|(_, report)| report.people) {
            state.remove(place);
            lost.insert(place.1);
        }
        lost.retain(|user| !state.people.contains_key(user));
        // Who hid and showed themselves meanwhile, or the other way round, is reported as they are now.
        let (came, hid) = (std::mem::take(&mut state.came), std::mem::take(&mut state.hid));
        let is_seen = |place: &Place| state.here.get(place).is_some_and(|visit| !visit.is_hidden);
        left.extend(hid.into_iter().filter(|place| !is_seen(place)));
        let came = came.into_iter().filter(is_seen).collect();
        let changed = std::mem::take(&mut state.changed).into_iter();
        Moves {
            people: changed.map(|user| (user, state.people.contains_key(&user))).collect(),
            came,
            left,
            lost,
            rooms: std::mem::take(&mut state.moved).into_iter().flatten().collect(),
        }
    }

    /// Everybody online on this node who does not hide, to be reported to the others. It looks at all of them.
    pub fn here(&self) -> Vec<Place> {
        let state = self.lock();
        let seen = state.here.iter().filter(|(_, visit)| !visit.is_hidden);
        seen.map(|(place, _)| *place).collect()
    }

    /// Another node reports everybody there, and how many connections it has. Returns whether it was unknown before.
    pub fn receive_report(&self, node: NodeId, sockets: usize, people: HashSet<Place>, now: Instant) -> bool {
        let mut state = self.lock();
        let until = now + NODE_TIMEOUT;
        let report = Report { until, sockets, people };
        for &place in &report.people {
            state.add(place);
        }
        let before = state.elsewhere.insert(node, report);
        for place in before.iter().flat_map(|report| &report.people) {
            state.remove(*place);
        }
        before.is_none()
    }

    /// A node reports who came there and who left. Of a node that is unknown that says too little.
    pub fn receive_moves(&self, node: NodeId, came: impl Iterator<Item = Place>, left: impl Iterator<Item = Place>) {
        let mut state = self.lock();
        let Some(mut report) = state.elsewhere.remove(&node) else {
            return;
        };
        came.filter(|place| report.people.insert(*place))
            .for_each(|place| state.add(place));
        left.filter(|place| report.people.remove(place))
            .for_each(|place| state.remove(place));
        state.elsewhere.insert(node, report);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, place: Place, hides: bool) {
        // A visit begins unseen, and is then shown.
        let visit = self.here.entry(place).or_insert(Visit {
            is_hidden: true,
            ..Visit::default()
        });
        visit.sockets += 1;
        visit.left = None;
        self.hide(place, hides);
    }

    /// Whether a visit here is to be seen changes, or stays as it is.
    fn hide(&mut self, place: Place, hides: bool) {
        let Some(visit) = self.here.get_mut(&place).filter(|visit| visit.is_hidden != hides) else {
            return;
        };
        visit.is_hidden = hides;
        if hides {
            self.hid.push(place);
            self.remove(place);
        } else {
            self.came.push(place);
            self.add(place);
        }
    }

    /// The person is online in the room on one more node.
    fn add(&mut self, place: Place) {
        let nodes = self.online.entry(place.0).or_default().entry(place.1).or_default();
        *nodes += 1;
        if *nodes == 1 {
            let places = self.people.entry(place.1).or_default();
            *places += 1;
            if *places == 1 {
                self.changed.insert(place.1);
            }
            self.moved.insert(place.0);
        }
    }

    /// The person is online in the room on one node less.
    fn remove(&mut self, (room, user): Place) {
        let Some(people) = self.online.get_mut(&room) else {
            return;
        };
        let Some(nodes) = people.get_mut(&user) else { return };
        *nodes -= 1;
        if *nodes > 0 {
            return;
        }
        people.remove(&user);
        if people.is_empty() {
            self.online.remove(&room);
        }
        if let Entry::Occupied(mut places) = self.people.entry(user) {
            *places.get_mut() -= 1;
            if *places.get() == 0 {
                places.remove();
                self.changed.insert(user);
            }
        }
        self.moved.insert(room);
    }
}

#[cfg(test)]
mod tests;
