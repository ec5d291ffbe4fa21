//! Loads what doorbells told of: all rooms of a burst with the same few queries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::feed::{Feed, Taken, push_all};
use super::views;
use crate::bus::{Event, Heard};
use crate::database::Line;
use crate::ids::{Change, RoomId, Seq};
use crate::messages::actions;
use crate::messages::model::Item;
use crate::realtime::CloseCode;
use crate::rooms::model::{EventKind, Span};
use crate::rooms::queries;
use crate::{App, Result};

/// Rooms that are loaded together at most.
const ROOMS: usize = 64;
/// Changes of each room that are loaded together at most.
const CHUNK: i64 = 100;
/// Doorbells that ring within this time become one load: what other nodes store comes in many small batches.
const GATHER: Duration = Duration::from_millis(1);
/// How often rooms with listeners are looked at although no doorbell rang.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Pause before a load that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Loads and pushes rooms that doorbells told of. Doorbells that ring meanwhile become one more load.
pub(super) async fn run(app: &App, feed: &Arc<Feed>) {
    let mut line = Line::new(app.db.clone());
    loop {
        tokio::select! {
            () = feed.rung.notified() => sleep(GATHER).await,
            () = sleep(Line::IDLE), if line.is_held() => line.release(),
        }
        loop {
            let taken = feed.take_rung(ROOMS);
            if taken.is_empty() {
                break;
            }
            let app = app.clone();
            let mut kept = std::mem::replace(&mut line, Line::new(app.db.clone()));
            // A task of its own: should it panic, the rest of the program goes on.
            let loading = tokio::spawn(async move {
                let loaded = load(&app, &mut kept, taken).await;
                (kept, loaded)
            });
            let failed = match loading.await {
                Ok((kept, Ok(()))) => {
                    line = kept;
                    continue;
                }
                Ok((_, Err(error))) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::warn!(error = failed, "changes could not be loaded; trying again");
            sleep(PAUSE).await;
        }
    }
}

/// Loads and pushes the next changes of each of these rooms.
async fn load(app: &App, line: &mut Line, taken: Vec<Taken>) -> Result<()> {
    let (known, mut rest): (Vec<_>, Vec<_>) = taken.into_iter().partition(|taken| taken.last.is_some());
    if !known.is_empty() {
        rest.append(&mut load_messages(app, line, known).await?);
    }
    if !rest.is_empty() {
        load_changes(app, line, rest).await?;
    }
    Ok(())
}

/// Loads, with one query, and pushes the messages of rooms in which nothing else happened, and whose last message is
/// known. Whatever concerns who may hear them has a change of its own: where the messages leave out no number, there was
/// nothing. Gives back the other rooms.
async fn load_messages(app: &App, line: &mut Line, taken: Vec<Taken>) -> Result<Vec<Taken>> {
    let spans: Vec<_> = taken.iter().map(|taken| span(taken, Change(i64::MAX))).collect();
    let mut found = line
        .run(async |db| actions::changed_messages(app, db, &spans, CHUNK, false).await)
        .await?;
    let mut rest = Vec::new();
    for taken in taken {
        let messages = found.remove(&taken.room).unwrap_or_default();
        let to = messages.last().map_or(taken.delivered, |last| last.change);
        let is_whole = i64::try_from(messages.len()) == Ok(to.0 - taken.delivered.0);
        if messages.is_empty() || !is_whole {
            rest.push(taken);
        } else {
            taken.append(app, messages, to).await;
        }
    }
    Ok(rest)
}

/// Loads and pushes whatever happened next in each of these rooms, as far as their members may still hear it.
async fn load_changes(app: &App, line: &mut Line, taken: Vec<Taken>) -> Result<()> {
    let rooms: Vec<_> = taken.iter().map(|taken| taken.room).collect();
    let states = line.run(async |db| queries::list_room_states(db, &rooms).await).await?;
    let mut states: HashMap<_, _> = states.into_iter().map(|state| (state.id, state)).collect();
    let (mut there, mut spans) = (Vec::with_capacity(taken.len()), Vec::with_capacity(taken.len()));
    for taken in taken {
        let Some(state) = states.remove(&taken.room) else {
            app.hub.close_where(taken.room, CloseCode::NotOpen, |_| true);
            taken.forget();
            continue;
        };
        spans.push(span(&taken, state.last_change));
        there.push((taken, state));
    }
    let read = line
        .run(async |db| actions::changes(app, db, &spans, CHUNK).await)
        .await?;
    for ((taken, state), (items, to)) in there.into_iter().zip(read) {
        if state.members_change > taken.members_change {
            // Read after the changes: whoever is not a member by now hears none of them.
            close_strangers(app, line, state.id).await?;
        }
        push(app, line, &taken, &items, to).await?;
        if !state.open && to == state.last_change {
            app.hub.close_where(state.id, CloseCode::NotOpen, |_| true);
        }
        let last = items.iter().rev().find_map(|item| match item {
            Item::Message(message) => Some((message.author.id, message.created_at)),
            Item::Event(_) => None,
        });
        taken.delivered(&state, to, last);
    }
    Ok(())
}

/// What comes after the changes of a room that have been delivered.
fn span(taken: &Taken, up_to: Change) -> Span {
    Span {
        room: taken.room,
        key: taken.key,
        from: Seq(0),
        after: taken.delivered,
        up_to,
    }
}

/// Pushes lines as the changes up to `to`. When the room's name or topic changed among them, pages load again, at the
/// room's new address.
async fn push(app: &App, line: &mut Line, taken: &Taken, items: &[Item], to: Change) -> Result<()> {
    let room = taken.room;
    if to > taken.delivered {
        push_all(app, room, views::appended(taken.delivered, to, items)).await;
    }
    let edited = |item: &Item| matches!(item, Item::Event(event) if event.kind == EventKind::Edited);
    if items.iter().any(edited)
        && let Some(slug) = line.run(async |db| queries::find_slug(db, room).await).await?
    {
        app.hub.push(room, &views::reload(Some(&slug))).await;
    }
    Ok(())
}

/// Closes the sockets of people who do not belong to the room any more.
async fn close_strangers(app: &App, line: &mut Line, room: RoomId) -> Result<()> {
    let listening: Vec<_> = app.hub.people(room).into_iter().collect();
    let members = line
        .run(async |db| queries::list_members_among(db, room, &listening).await)
        .await?;
    app.hub.close_where(room, CloseCode::NotOpen, |user| {
        listening.contains(&user) && !members.contains(&user)
    });
    Ok(())
}

/// Hears the bus.
pub(super) async fn listen(app: &App, feed: &Feed) {
    let mut bus = app.bus.subscribe();
    while let Some(heard) = bus.next().await {
        match heard {
            Heard::Event(Event::RoomChanged { room, change }) => feed.ring(room, change),
            Heard::Event(_) => {}
            Heard::Resync => look(app, feed).await,
        }
    }
}

/// Looks at every room with listeners every few seconds: heals what a lost doorbell left behind.
pub(super) async fn look_again(app: &App, feed: &Feed) {
    let mut tick = interval(LOOK_AGAIN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        look(app, feed).await;
    }
}

async fn look(app: &App, feed: &Feed) {
    let rooms = app.hub.rooms();
    if rooms.is_empty() {
        return;
    }
    let delivered = feed.delivered();
    match queries::list_room_states(&app.db, &rooms).await {
        Ok(states) => {
            for state in &states {
                if delivered
                    .get(&state.id)
                    .is_some_and(|delivered| *delivered > state.last_change)
                {
                    set_back(app, feed, state.id);
                } else {
                    feed.ring(state.id, state.last_change);
                }
            }
            let there: HashSet<_> = states.iter().map(|state| state.id).collect();
            for room in rooms.into_iter().filter(|room| !there.contains(room)) {
                app.hub.close_where(room, CloseCode::NotOpen, |_| true);
            }
        }
        Err(error) => tracing::warn!(%error, "rooms could not be looked at"),
    }
}

/// What was delivered of the room does not stand in the database any more: another server has taken over, for instance,
/// that had not heard of it. Its pages come back and load it as it is.
fn set_back(app: &App, feed: &Feed, room: RoomId) {
    tracing::warn!(%room, "the database has lost changes that it had confirmed; the room's pages load again");
    feed.forget(room);
    app.hub.close_where(room, CloseCode::TryAgain, |_| true);
}
