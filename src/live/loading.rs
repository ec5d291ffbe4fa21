//! Loads what changed in rooms elsewhere: all rooms that are pending together, with the same few queries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::deliveries::{Deliveries, DeliveryGuard};
use super::event::Event as PageEvent;
use crate::bus::{BusEvent, Event};
use crate::database::{HeldConnection, within_limit};
use crate::ids::{Change, Position, RoomId, Seq};
use crate::messages::history;
use crate::messages::model::Item;
use crate::messages::queries::Previous;
use crate::realtime::{CloseCode, Listener, Subscriber};
use crate::rooms::model::{EventKind, RoomState, Span};
use crate::rooms::queries;
use crate::{App, Result};

/// Rooms that are loaded together at most.
const ROOMS_PER_LOAD: usize = 64;
/// Changes of each room that are loaded together at most.
const CHANGES_PER_LOAD: i64 = 100;
/// What changes within this time becomes one load: what other nodes store comes in many small batches.
const GATHER_PAUSE: Duration = Duration::from_millis(1);
/// How often rooms with subscribers are checked although nothing was published.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Pause before a load that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Loads and publishes the rooms that are pending. What changes meanwhile becomes one more load.
pub(super) async fn run(app: &App, deliveries: &Arc<Deliveries>) {
    let mut held = HeldConnection::new(app.db.clone());
    loop {
        tokio::select! {
            () = deliveries.wake_loader.notified() => sleep(GATHER_PAUSE).await,
            () = sleep(HeldConnection::IDLE_LIMIT), if held.is_held() => held.release(),
        }
        loop {
            let guards = deliveries.claim_pending(ROOMS_PER_LOAD);
            if guards.is_empty() {
                break;
            }
            let app = app.clone();
            let mut lent = std::mem::replace(&mut held, HeldConnection::new(app.db.clone()));
            // A task of its own: should it panic, the rest of the program goes on.
            let loading = tokio::spawn(async move {
                let loaded = load(&app, &mut lent, guards).await;
                (lent, loaded)
            });
            let failed = match loading.await {
                Ok((lent, Ok(()))) => {
                    held = lent;
                    continue;
                }
                Ok((_, Err(error))) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::warn!(error = failed, "changes could not be loaded; trying again");
            sleep(RETRY_PAUSE).await;
        }
    }
}

/// Loads and publishes the next changes of each of these rooms.
async fn load(app: &App, held: &mut HeldConnection, guards: Vec<DeliveryGuard>) -> Result<()> {
    let (known, mut rest): (Vec<_>, Vec<_>) = guards.into_iter().partition(|guard| guard.last_message.is_some());
    if !known.is_empty() {
        rest.append(&mut load_messages(app, held, known).await?);
    }
    if !rest.is_empty() {
        load_changes(app, held, rest).await?;
    }
    Ok(())
}

/// Loads, with one query, and publishes the messages of rooms in which nothing else happened, and whose last message is
/// known. Whatever concerns who may read them has a change of its own: where new messages leave out no number, there was
/// nothing else. Returns the other rooms.
async fn load_messages(app: &App, held: &mut HeldConnection, guards: Vec<DeliveryGuard>) -> Result<Vec<DeliveryGuard>> {
    let spans: Vec<_> = guards.iter().map(|guard| span(guard, Change(i64::MAX))).collect();
    let messages =
        async |db: &mut _| history::changed_messages(app, db, &spans, CHANGES_PER_LOAD, Previous::Known).await;
    let mut found = held.run(messages).await?;
    let mut rest = Vec::new();
    for guard in guards {
        let messages = found.remove(&guard.room).unwrap_or_default();
        let changes = i64::try_from(messages.len()).unwrap_or_default();
        let to = Position {
            change: Change(guard.delivered.change.0 + changes),
            seq: Seq(guard.delivered.seq.0 + changes),
        };
        let end = messages.last().map(|last| (last.change, last.seq));
        if end == Some((to.change, to.seq)) {
            guard.append(app, messages, to).await;
        } else {
            rest.push(guard);
        }
    }
    Ok(rest)
}

/// Loads and publishes whatever happened next in each of these rooms, to those who still belong to it.
async fn load_changes(app: &App, held: &mut HeldConnection, guards: Vec<DeliveryGuard>) -> Result<()> {
    let rooms: Vec<_> = guards.iter().map(|guard| guard.room).collect();
    let states = held.run(async |db| queries::list_room_states(db, &rooms).await).await?;
    let mut states: HashMap<_, _> = states.into_iter().map(|state| (state.id, state)).collect();
    let (mut there, mut spans) = (Vec::with_capacity(guards.len()), Vec::with_capacity(guards.len()));
    for guard in guards {
        let Some(state) = states.remove(&guard.room) else {
            app.hub.end_where(guard.room, |_, _| Some(CloseCode::NotOpen));
            guard.forget();
            continue;
        };
        spans.push(span(&guard, state.last_change));
        there.push((guard, state));
    }
    let changes = async |db: &mut _| history::changes(app, db, &spans, CHANGES_PER_LOAD).await;
    let read = held.run(changes).await?;
    for ((guard, state), (items, change)) in there.into_iter().zip(read) {
        if state.members_change > guard.members_change {
            // Read after the changes: whoever is not a member by now is told none of them.
            end_of_strangers(app, held, state.id).await?;
        }
        deliver_changes(app, held, guard, &state, &items, change).await?;
    }
    Ok(())
}

/// What comes after the changes of a room that have been delivered.
fn span(guard: &DeliveryGuard, up_to: Change) -> Span {
    Span {
        room: guard.room,
        key: guard.key,
        begins: Seq(0),
        for_all: true,
        newest: guard.delivered.seq,
        after: guard.delivered.change,
        up_to,
    }
}

/// Publishes items as the changes up to `change`. When the room's name or topic changed among them, pages load again, at
/// the room's new address; when the room closes to all, its subscriptions end. Programs may come back to a closed one, and read.
async fn deliver_changes(
    app: &App,
    held: &mut HeldConnection,
    guard: DeliveryGuard,
    state: &RoomState,
    items: &[Item],
    change: Change,
) -> Result<()> {
    let (mut to, mut last_message, mut is_edited, mut erased) = (guard.delivered, None, false, Vec::new());
    for item in items {
        match item {
            Item::Message(message) => {
                // In the order of changes, a message that was altered since stands behind newer ones.
                if message.seq > to.seq {
                    to.seq = message.seq;
                    last_message = Some((message.author.id, message.created_at));
                }
            }
            Item::Altered(_) => {}
            Item::Event(event) => {
                is_edited |= event.kind == EventKind::Edited;
                if event.kind == EventKind::Left && event.actor.is_erased() {
                    erased.push(&event.actor);
                }
            }
        }
    }
    if change > to.change {
        to.change = change;
        guard.publish_changes(app, items, to).await;
    }
    // The room's pages still show them in other lines, and they are nobody's roommate any more.
    for author in erased {
        guard
            .publish_frame(app, &PageEvent::AuthorChanged(author).frame())
            .await;
    }
    let room = guard.room;
    if is_edited && let Some(slug) = held.run(async |db| queries::find_slug(db, room).await).await? {
        guard
            .publish_frame(app, &PageEvent::RoomMoved(room, &slug).frame())
            .await;
    }
    if !state.is_open && to.change == state.last_change {
        app.hub.end_where(room, |subscriber, _| {
            (guard.was_open || subscriber.listener == Listener::Page).then_some(CloseCode::NotOpen)
        });
    }
    guard.finish(state, to, last_message);
    Ok(())
}

/// Ends the subscriptions of people who do not belong to the room any more. Whoever left and came back subscribes anew,
/// because their membership begins elsewhere now.
async fn end_of_strangers(app: &App, held: &mut HeldConnection, room: RoomId) -> Result<()> {
    let subscribed: Vec<_> = app.hub.people(room).into_iter().collect();
    let members = held
        .run(async |db| queries::list_members_among(db, room, &subscribed).await)
        .await?;
    let members: HashMap<_, _> = members.into_iter().collect();
    let checked: HashSet<_> = subscribed.into_iter().collect();
    app.hub
        .end_where(room, |Subscriber { user, .. }, begins| match members.get(user) {
            // Whoever subscribed meanwhile has checked their own membership.
            _ if !checked.contains(user) => None,
            None => Some(CloseCode::NotOpen),
            Some(now) => (*now != begins).then_some(CloseCode::TryAgain),
        });
    Ok(())
}

/// Receives what is published on the bus.
pub(super) async fn receive(app: &App, deliveries: &Deliveries) {
    let mut bus = app.bus.subscribe();
    while let Some(received) = bus.next().await {
        match received {
            BusEvent::Event(Event::RoomChanged { room, change }) => deliveries.notify(room, change),
            BusEvent::Event(_) => {}
            BusEvent::Resync => check(app, deliveries).await,
        }
    }
}

/// Checks every room with subscribers every few seconds: makes up for what was published and lost on the way.
pub(super) async fn check_regularly(app: &App, deliveries: &Deliveries) {
    let mut tick = interval(CHECK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        check(app, deliveries).await;
    }
}

async fn check(app: &App, deliveries: &Deliveries) {
    let rooms = app.hub.rooms();
    if rooms.is_empty() {
        return;
    }
    let delivered = deliveries.delivered();
    match within_limit(&app.db, async |db| queries::list_room_states(db, &rooms).await).await {
        Ok(states) => {
            for state in &states {
                let is_set_back = |delivered: &Change| *delivered > state.last_change;
                if delivered.get(&state.id).is_some_and(is_set_back) {
                    begin_anew(app, deliveries, state.id);
                } else {
                    deliveries.notify(state.id, state.last_change);
                }
            }
            let there: HashSet<_> = states.iter().map(|state| state.id).collect();
            for room in rooms.into_iter().filter(|room| !there.contains(room)) {
                app.hub.end_where(room, |_, _| Some(CloseCode::NotOpen));
            }
        }
        Err(error) => tracing::warn!(%error, "rooms could not be checked"),
    }
}

/// What was delivered of the room does not stand in the database any more: another server has taken over, for instance,
/// that had not received it. The room's pages come back and load it as it is.
fn begin_anew(app: &App, deliveries: &Deliveries, room: RoomId) {
    tracing::warn!(%room, "the database has lost changes that it had confirmed; the room's pages load again");
    deliveries.forget(room);
    app.hub.end_where(room, |_, _| Some(CloseCode::TryAgain));
}
