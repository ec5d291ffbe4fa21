//! Who is online in which room, here and on the other nodes.
//!
//! A person is online in a room as long as a socket of theirs is open there on any node, and for [`GRACE`] after the
//! last one closed, so that a reload does not blink. Each node counts its own sockets and tells the others who came and
//! who left, and everybody every few seconds. So what was lost on the way is healed by the next telling, a node that
//! stays silent for [`KEPT`] is taken for dead, people and all, and nothing has to be stored where all nodes see it:
//! while they do not hear each other, each knows its own people and, for that time, what it heard last.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::{NodeId, RoomId, UserId};

/// Whoever is away for longer has left.
const GRACE: Duration = Duration::from_secs(5);
/// What another node told holds this long: three of its tellings.
const KEPT: Duration = Duration::from_secs(15);

/// One person in one room.
pub type Place = (RoomId, UserId);

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
    online: HashMap<RoomId, HashMap<UserId, u32>>,
    /// Who is online on this node.
    here: HashMap<Place, Visit>,
    /// Whose last socket here closed, and when: the oldest first.
    leaving: VecDeque<(Instant, Place)>,
    /// What the other nodes told.
    elsewhere: HashMap<NodeId, Told>,
    /// Who came here since the last [`Presence::settle`].
    came: Vec<Place>,
    /// Rooms where somebody came or left since then.
    moved: HashSet<RoomId>,
}

#[derive(Debug, Default)]
struct Visit {
    sockets: usize,
    /// When the last socket closed, while there is none.
    left: Option<Instant>,
}

#[derive(Debug)]
struct Told {
    until: Instant,
    sockets: usize,
    people: HashSet<Place>,
}

/// What happened within a short time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Who came to this node.
    pub came: Vec<Place>,
    /// Who left this node, after the grace.
    pub left: Vec<Place>,
    /// The rooms, here and elsewhere, where somebody came or left.
    pub rooms: HashSet<RoomId>,
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

    /// A socket of `user` opened in the room.
    pub fn enter(&self, room: RoomId, user: UserId) {
        let (mut state, place) = (self.lock(), (room, user));
        let is_new = !state.here.contains_key(&place);
        let visit = state.here.entry(place).or_default();
        visit.sockets += 1;
        visit.left = None;
        if is_new {
            state.came.push(place);
            state.add(place);
        }
    }

    /// A socket of `user` closed. Call it once per [`Presence::enter`].
    pub fn leave(&self, room: RoomId, user: UserId) {
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
        self.lock().online.get(&room).map_or(0, HashMap::len)
    }

    /// The same, with `user` among them, whose socket is not open yet.
    pub fn count_with(&self, room: RoomId, user: UserId) -> usize {
        let state = self.lock();
        let others = |people: &HashMap<_, _>| people.len() - usize::from(people.contains_key(&user));
        1 + state.online.get(&room).map_or(0, others)
    }

    /// How many people are online in any room. It looks at all of them.
    pub fn everybody(&self) -> usize {
        let state = self.lock();
        state
            .online
            .values()
            .flat_map(HashMap::keys)
            .collect::<HashSet<_>>()
            .len()
    }

    /// The sockets that are open on the other nodes, as they told.
    pub fn sockets_elsewhere(&self) -> usize {
        self.lock().elsewhere.values().map(|told| told.sockets).sum()
    }

    /// Lets go of those whose grace, or whose node's time, is over by `now`; gives what happened since the last time.
    pub fn settle(&self, now: Instant) -> Moves {
        let mut state = self.lock();
        let mut left = Vec::new();
        while let Some(&(since, place)) = state.leaving.front().filter(|(since, _)| *since + GRACE <= now) {
            state.leaving.pop_front();
            // Unless they came back; if they have left once more, that stands later in the queue.
            if state.here.get(&place).is_some_and(|visit| visit.left == Some(since)) {
                state.here.remove(&place);
                state.remove(place);
                // Also when they are still online elsewhere: they may have been the last one here.
                state.moved.insert(place.0);
                left.push(place);
            }
        }
        let dead: Vec<_> = state.elsewhere.extract_if(|_, told| told.until <= now).collect();
        for place in dead.into_iter().flat_map(|(_, told)| told.people) {
            state.remove(place);
        }
        Moves {
            came: std::mem::take(&mut state.came),
            left,
            rooms: std::mem::take(&mut state.moved),
        }
    }

    /// Everybody online on this node, to be told to the others. It looks at all of them.
    pub fn here(&self) -> Vec<Place> {
        self.lock().here.keys().copied().collect()
    }

    /// Another node told of everybody there, and how many sockets it has; gives whether it was unknown before.
    pub fn hear_all(&self, node: NodeId, sockets: usize, people: HashSet<Place>, now: Instant) -> bool {
        let mut state = self.lock();
        let until = now + KEPT;
        let told = Told { until, sockets, people };
        for &place in &told.people {
            state.add(place);
        }
        let before = state.elsewhere.insert(node, told);
        for place in before.iter().flat_map(|told| &told.people) {
            state.remove(*place);
        }
        before.is_none()
    }

    /// A node told who came there and who left; of one that is unknown it says too little.
    pub fn hear_moves(&self, node: NodeId, came: impl Iterator<Item = Place>, left: impl Iterator<Item = Place>) {
        let mut state = self.lock();
        let Some(mut told) = state.elsewhere.remove(&node) else {
            return;
        };
        came.filter(|place| told.people.insert(*place))
            .for_each(|place| state.add(place));
        left.filter(|place| told.people.remove(place))
            .for_each(|place| state.remove(place));
        state.elsewhere.insert(node, told);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The person is online in the room on one more node.
    fn add(&mut self, place: Place) {
        let nodes = self.online.entry(place.0).or_default().entry(place.1).or_default();
        *nodes += 1;
        if *nodes == 1 {
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
        self.moved.insert(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little later than now, so that what was just done is before it.
    fn after(time: Duration) -> Instant {
        Instant::now() + time + Duration::from_millis(1)
    }

    #[test]
    fn a_person_counts_once_however_many_sockets_and_nodes() {
        let (presence, room, [alice, bob]) = (Presence::default(), RoomId::new(), [UserId::new(), UserId::new()]);
        presence.enter(room, alice);
        presence.enter(room, alice);
        let now = Instant::now();
        assert!(presence.hear_all(NodeId::new(), 3, HashSet::from([(room, alice), (room, bob)]), now));
        assert!(presence.hear_all(
            NodeId::new(),
            1,
            HashSet::from([(room, bob), (RoomId::new(), bob)]),
            now
        ));
        assert_eq!((presence.count(room), presence.everybody()), (2, 2));
        assert_eq!(presence.sockets_elsewhere(), 4);
        assert_eq!(presence.here(), [(room, alice)]);
        assert_eq!(presence.count_with(room, bob), 2);
        assert_eq!(presence.count_with(room, UserId::new()), 3);
    }

    #[test]
    fn a_reload_does_not_blink_and_who_stays_away_leaves() {
        let (presence, room, user) = (Presence::default(), RoomId::new(), UserId::new());
        presence.enter(room, user);
        assert_eq!(presence.settle(Instant::now()).came, [(room, user)]);
        presence.leave(room, user);
        presence.enter(room, user);
        assert_eq!(presence.settle(after(GRACE)), Moves::default());
        assert_eq!(presence.count(room), 1);

        presence.leave(room, user);
        assert_eq!(presence.settle(Instant::now()), Moves::default());
        assert_eq!(presence.count(room), 1);
        let moves = presence.settle(after(GRACE));
        assert_eq!((moves.left, moves.rooms), (vec![(room, user)], HashSet::from([room])));
        assert_eq!(presence.count(room), 0);
    }

    #[test]
    fn the_grace_begins_anew_with_every_leave() {
        let (presence, room, user) = (Presence::default(), RoomId::new(), UserId::new());
        presence.enter(room, user);
        presence.leave(room, user);
        let first = after(GRACE);
        std::thread::sleep(Duration::from_millis(5));
        presence.enter(room, user);
        presence.leave(room, user);
        assert_eq!(presence.settle(first).left, []);
        assert_eq!(presence.settle(after(GRACE)).left, [(room, user)]);
    }

    #[test]
    fn the_last_telling_counts_and_a_silent_node_is_dead() {
        let (presence, room, [alice, bob]) = (Presence::default(), RoomId::new(), [UserId::new(), UserId::new()]);
        let (node, now) = (NodeId::new(), Instant::now());
        let tell = |people: &[Place], now| presence.hear_all(node, 1, people.iter().copied().collect(), now);
        assert!(tell(&[(room, alice)], now));
        assert_eq!(presence.settle(now).rooms, HashSet::from([room]));
        assert!(!tell(&[(room, alice)], now));
        assert_eq!(presence.settle(now), Moves::default(), "nothing new");

        let online = || presence.lock().online[&room].keys().copied().collect::<Vec<_>>();
        let moves = || (std::iter::once((room, bob)), std::iter::once((room, alice)));
        // A telling may come twice.
        for _ in 0..2 {
            presence.hear_moves(node, moves().0, moves().1);
        }
        assert_eq!(online(), [bob]);
        assert!(!tell(&[(room, alice)], now));
        assert_eq!(online(), [alice]);

        assert!(!tell(&[(room, alice)], now + KEPT));
        presence.settle(now + KEPT);
        assert_eq!(presence.count(room), 1, "it spoke again");
        assert_eq!(presence.settle(now + KEPT * 2).rooms, HashSet::from([room]));
        assert_eq!((presence.count(room), presence.sockets_elsewhere()), (0, 0));
        assert!(presence.lock().online.is_empty(), "nothing is kept of it");
    }
}
