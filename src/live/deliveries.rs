//! How far each room's changes have been delivered to its subscribers on this node, and who delivers next. The states
//! of a room are described in [`super`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::event::{Changes, Placement};
use crate::App;
use crate::ids::{Change, KeyId, Position, RoomId};
use crate::messages::model::{Item, MessageView, PreviousMessage, StoredBatch, group};
use crate::realtime::{Audience, Frame, Listener};
use crate::rooms::model::RoomState;

/// The deliveries of every room with subscribers. What this node has stored itself is delivered as it comes; rooms that
/// changed elsewhere collect here until a loader claims them all at once.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    // A std mutex: it is held for a few instructions and never across an await.
    rooms: Mutex<Rooms>,
    /// Wakes a loader when a room is pending.
    pub(super) wake_loader: Notify,
}

#[derive(Debug, Default)]
struct Rooms {
    tracked: HashMap<RoomId, Delivery>,
    /// Those that have to be loaded.
    pending: HashSet<RoomId>,
    /// How often a room began to be tracked.
    generations: u64,
}

#[derive(Debug)]
struct Delivery {
    /// Differs from that of an earlier delivery of the same room, whose guard may still be held.
    generation: u64,
    /// The state that the room was in when the delivery started; None until it was read.
    start: Option<Start>,
    /// Every subscriber has been given everything up to here.
    delivered: Position,
    /// The newest change that is known of the room.
    target: Change,
    /// The members were checked last after this change.
    members_change: Change,
    /// Whether the room was open when it was seen last, or to somebody who subscribed since.
    was_open: bool,
    /// Whether a guard is held.
    is_claimed: bool,
    /// The last message that was delivered; None until one was loaded.
    last_message: Option<PreviousMessage>,
}

/// What is known of a room from the start of its delivery on.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// What happened up to and including this change was not published here.
    change: Change,
    /// The room's data key.
    key: KeyId,
}

impl Delivery {
    fn is_behind(&self) -> bool {
        self.start.is_some() && self.delivered.change < self.target
    }

    /// Notes that everything up to `to` was delivered; `last_message` is the last message of it.
    fn advance(&mut self, to: Position, last_message: Option<PreviousMessage>) {
        if to.change > self.delivered.change {
            self.delivered = to;
        }
        self.target = self.target.max(to.change);
        self.last_message = last_message.or(self.last_message);
    }
}

/// The right to deliver what is next in a room. Dropped, it leaves the room to the next one.
pub(super) struct DeliveryGuard {
    deliveries: Arc<Deliveries>,
    generation: u64,
    pub(super) room: RoomId,
    /// The room's data key.
    pub(super) key: KeyId,
    /// Everything up to here has been delivered.
    pub(super) delivered: Position,
    target: Change,
    /// The members were checked last after this change.
    pub(super) members_change: Change,
    /// Whether there may be subscriptions from when the room was open.
    pub(super) was_open: bool,
    /// The last message that was delivered; None until one was loaded.
    pub(super) last_message: Option<PreviousMessage>,
}

impl DeliveryGuard {
    /// Notes that everything up to `to` was delivered of the room, which was seen to be in this state; `last_message` is
    /// the last message of it.
    pub(super) fn finish(self, state: &RoomState, to: Position, last_message: Option<PreviousMessage>) {
        if let Some(delivery) = self.deliveries.lock().of(&self) {
            if to.change >= state.last_change && delivery.target == self.target {
                // Another node may have told of a change that does not exist: after a restore, for instance.
                delivery.target = to.change;
            }
            delivery.members_change = state.members_change;
            delivery.was_open = state.is_open;
            delivery.advance(to, last_message);
        }
    }

    /// Delivers these new messages, which follow on what was delivered and bring the room to `to`.
    pub(super) async fn append(self, app: &App, mut messages: Vec<MessageView>, to: Position) {
        let last_message = group(&mut messages, self.last_message);
        let items: Vec<_> = messages.into_iter().map(Item::Message).collect();
        self.publish_changes(app, &items, to).await;
        if let Some(delivery) = self.deliveries.lock().of(&self) {
            delivery.advance(to, last_message);
        }
    }

    /// Publishes what happened up to `to`.
    pub(super) async fn publish_changes(&self, app: &App, items: &[Item], to: Position) {
        let changes = Changes {
            after: self.delivered,
            to,
            items,
            placement: Placement::AtEnd,
        };
        for listener in [Listener::Page, Listener::Program] {
            // Each is made once, and only where somebody listens.
            if app.hub.has(self.room, listener) {
                for frame in changes.frames_for(listener, self.room) {
                    let audience = Audience::Room(self.room);
                    app.hub.publish_to(audience, listener, &frame).await;
                }
            }
        }
    }

    /// Publishes a frame to the room's pages.
    pub(super) async fn publish_frame(&self, app: &App, frame: &Frame) {
        app.hub.publish(Audience::Room(self.room), frame).await;
    }

    /// Ends the delivery: the room is gone.
    pub(super) fn forget(self) {
        let mut rooms = self.deliveries.lock();
        if rooms.of(&self).is_some() {
            rooms.tracked.remove(&self.room);
        }
    }
}

impl Drop for DeliveryGuard {
    fn drop(&mut self) {
        let mut rooms = self.deliveries.lock();
        let Some(delivery) = rooms.of(self) else { return };
        delivery.is_claimed = false;
        if delivery.is_behind() {
            rooms.pending.insert(self.room);
            self.deliveries.wake_loader.notify_one();
        }
    }
}

impl Rooms {
    /// The delivery that this guard is of, unless it has ended since.
    fn of(&mut self, guard: &DeliveryGuard) -> Option<&mut Delivery> {
        let delivery = self.tracked.get_mut(&guard.room)?;
        (delivery.generation == guard.generation).then_some(delivery)
    }
}

impl Deliveries {
    /// Begins to note the changes of a room. To be called after subscribing to it and before its state is read for
    /// [`Deliveries::start`], so that no change falls between.
    pub(super) fn track(&self, room: RoomId) {
        let mut rooms = self.lock();
        let Rooms {
            tracked, generations, ..
        } = &mut *rooms;
        tracked.entry(room).or_insert_with(|| {
            *generations += 1;
            Delivery {
                generation: *generations,
                start: None,
                delivered: Position::default(),
                target: Change::default(),
                members_change: Change::default(),
                was_open: false,
                is_claimed: false,
                last_message: None,
            }
        });
    }

    /// Starts the delivery of a tracked room in this state, unless it has started already. Returns whether everything
    /// after this state is delivered; if not, the delivery started at a later one, and the state has to be read again,
    /// once.
    pub(super) fn start(&self, state: &RoomState) -> bool {
        let mut is_whole = true;
        if let Some(delivery) = self.lock().tracked.get_mut(&state.id) {
            let start = *delivery.start.get_or_insert_with(|| {
                delivery.delivered = state.position();
                // Whoever subscribes has checked their own membership at this state or will do so later.
                delivery.members_change = state.members_change;
                Start {
                    change: state.last_change,
                    key: state.key,
                }
            });
            delivery.was_open |= state.is_open;
            is_whole = start.change <= state.last_change;
        }
        self.notify(state.id, state.last_change);
        is_whole
    }

    /// Ends the delivery of a room that nobody is subscribed to any more.
    pub(super) fn forget_unless_open(&self, app: &App, room: RoomId) {
        let mut rooms = self.lock();
        if !app.hub.is_open(room) {
            rooms.tracked.remove(&room);
        }
    }

    /// Ends the delivery of a room of which nothing that is known holds any more.
    pub(super) fn forget(&self, room: RoomId) {
        self.lock().tracked.remove(&room);
    }

    /// How far each room is delivered.
    pub(super) fn delivered(&self) -> HashMap<RoomId, Change> {
        let rooms = self.lock();
        let started = rooms.tracked.iter().filter(|(_, delivery)| delivery.start.is_some());
        started
            .map(|(room, delivery)| (*room, delivery.delivered.change))
            .collect()
    }

    /// The newest change known of a tracked room.
    pub(super) fn target(&self, room: RoomId) -> Option<Change> {
        self.lock().tracked.get(&room).map(|delivery| delivery.target)
    }

    /// Notes that the room is at `change`, and that it is pending if that has not been delivered.
    pub(super) fn notify(&self, room: RoomId, change: Change) {
        let mut rooms = self.lock();
        let Some(delivery) = rooms.tracked.get_mut(&room) else {
            return;
        };
        delivery.target = delivery.target.max(change);
        if delivery.is_behind() && !delivery.is_claimed {
            rooms.pending.insert(room);
            self.wake_loader.notify_one();
        }
    }

    /// Claims at most `limit` rooms that are pending.
    pub(super) fn claim_pending(self: &Arc<Self>, limit: usize) -> Vec<DeliveryGuard> {
        let mut rooms = self.lock();
        let Rooms { tracked, pending, .. } = &mut *rooms;
        let some: Vec<_> = pending.iter().take(limit).copied().collect();
        let claimed = some.into_iter().filter_map(|room| {
            pending.remove(&room);
            let delivery = tracked.get_mut(&room).filter(|delivery| delivery.is_behind())?;
            self.claim(room, delivery)
        });
        claimed.collect()
    }

    /// Claims a room, unless its delivery has not started or is claimed already.
    fn claim(self: &Arc<Self>, room: RoomId, delivery: &mut Delivery) -> Option<DeliveryGuard> {
        if delivery.is_claimed {
            return None;
        }
        let key = delivery.start?.key;
        delivery.is_claimed = true;
        Some(DeliveryGuard {
            deliveries: self.clone(),
            generation: delivery.generation,
            room,
            key,
            delivered: delivery.delivered,
            target: delivery.target,
            members_change: delivery.members_change,
            was_open: delivery.was_open,
            last_message: delivery.last_message,
        })
    }

    /// Delivers what this node has just stored, without a query, if it follows on what was delivered last; else the room
    /// is pending.
    pub(super) async fn deliver(self: &Arc<Self>, app: &App, batch: StoredBatch) {
        match self.claim_if_next(&batch) {
            Some(guard) => guard.append(app, batch.messages, batch.to).await,
            None => self.notify(batch.room, batch.to.change),
        }
    }

    /// Claims the room of this batch, if the batch is next, and if the message before it is known, which decides how its
    /// first message is rendered.
    fn claim_if_next(self: &Arc<Self>, batch: &StoredBatch) -> Option<DeliveryGuard> {
        let mut rooms = self.lock();
        let delivery = rooms.tracked.get_mut(&batch.room)?;
        if delivery.delivered.change != batch.after || delivery.last_message.is_none() {
            return None;
        }
        self.claim(batch.room, delivery)
    }

    /// Whether everything that is known of has been delivered.
    pub(super) fn is_idle(&self) -> bool {
        let rooms = self.lock();
        let mut deliveries = rooms.tracked.values();
        deliveries.all(|delivery| !delivery.is_claimed && !delivery.is_behind())
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Seq;

    fn at(number: i64) -> Position {
        let (change, seq) = (Change(number), Seq(number));
        Position { change, seq }
    }

    fn state(room: RoomId, number: i64) -> RoomState {
        RoomState {
            id: room,
            key: KeyId::new(),
            last_seq: Seq(number),
            last_change: Change(number),
            members_change: Change(0),
            is_open: true,
        }
    }

    #[test]
    fn whoever_read_the_state_before_the_delivery_started_has_to_read_it_again() {
        let (deliveries, room) = (Deliveries::default(), RoomId::new());
        deliveries.track(room);
        deliveries.notify(room, Change(10));
        assert!(deliveries.start(&state(room, 10)));
        assert!(!deliveries.start(&state(room, 8)), "9 and 10 were published to nobody");
        assert!(deliveries.start(&state(room, 10)));
        assert!(deliveries.is_idle());
    }

    #[test]
    fn changes_of_one_room_become_one_load_and_those_meanwhile_one_more() {
        let (deliveries, room) = (Arc::new(Deliveries::default()), RoomId::new());
        deliveries.track(room);
        deliveries.start(&state(room, 1));
        deliveries.notify(room, Change(2));
        deliveries.notify(room, Change(3));
        let guard = deliveries.claim_pending(10).pop().unwrap();
        assert_eq!((guard.room, guard.delivered), (room, at(1)));
        deliveries.notify(room, Change(4));
        assert!(deliveries.claim_pending(10).is_empty(), "one load at a time");
        guard.finish(&state(room, 3), at(3), None);
        let guard = deliveries.claim_pending(10).pop().unwrap();
        assert_eq!(guard.delivered, at(3));
        guard.finish(&state(room, 4), at(4), None);
        assert!(deliveries.claim_pending(10).is_empty() && deliveries.is_idle());
    }

    #[test]
    fn the_guard_of_an_earlier_delivery_does_not_release_a_later_one() {
        let (deliveries, room) = (Arc::new(Deliveries::default()), RoomId::new());
        let claim = |seen, known| {
            deliveries.track(room);
            deliveries.start(&state(room, seen));
            deliveries.notify(room, Change(known));
            deliveries.claim_pending(10).pop().unwrap()
        };
        let earlier = claim(1, 2);
        deliveries.lock().tracked.clear();
        let _later = claim(5, 6);
        earlier.finish(&state(room, 2), at(2), None);
        deliveries.notify(room, Change(7));
        assert!(deliveries.claim_pending(10).is_empty(), "it is still being delivered");
        assert_eq!(deliveries.lock().tracked[&room].delivered, at(5));
    }
}
