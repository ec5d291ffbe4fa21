//! Keeps the online count in every open room true, and tells the other nodes who is online on this one.
//!
//! Everything is gathered for a moment: a thousand sockets that open at once become one event to the other nodes, with
//! those who came, and one push to each room. What waits for Redis is the bus's task alone, never a socket or a page.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::{Feed, views};
use crate::App;
use crate::bus::{Bus, Event, Heard, People};
use crate::ids::RoomId;
use crate::realtime::Place;

/// Moves within this time become one push and one event.
const GATHER: Duration = Duration::from_millis(300);
/// How often the other nodes are told of everybody here.
const TELL: Duration = Duration::from_secs(5);

/// Pushes a room's count whenever it changed, and exchanges with the other nodes who is online.
pub(super) async fn run(app: &App, feed: &Feed) {
    let mut bus = app.bus.subscribe();
    let mut gather = interval(GATHER);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = HashMap::new();
    let mut tell_at = Instant::now();
    loop {
        tokio::select! {
            _ = gather.tick() => {
                let now = Instant::now();
                let moves = app.presence.settle(now);
                tell_moves(app, &moves.came, &moves.left);
                if now >= tell_at {
                    tell_all(app);
                    tell_at = now + TELL;
                }
                show(app, feed, moves.rooms, &mut shown).await;
            }
            heard = bus.next() => match heard {
                Some(Heard::Event(event)) => if hear(app, event) {
                    tell_at = Instant::now();
                }
                Some(Heard::Resync) => tell_at = Instant::now(),
                None => return,
            },
        }
    }
}

/// Takes what another node tells; gives whether that node is new, and has to be told of everybody here.
fn hear(app: &App, event: Event) -> bool {
    match event {
        Event::Online { node, sockets, people } if node != app.presence.node() => {
            let people = places(people).collect();
            app.presence.hear_all(node, sockets, people, Instant::now())
        }
        Event::Moved { node, came, left } if node != app.presence.node() => {
            app.presence.hear_moves(node, places(came), places(left));
            false
        }
        _ => false,
    }
}

fn tell_moves(app: &App, came: &[Place], left: &[Place]) {
    if !came.is_empty() || !left.is_empty() {
        app.bus.publish_elsewhere(Event::Moved {
            node: app.presence.node(),
            came: by_room(came),
            left: by_room(left),
        });
    }
}

fn tell_all(app: &App) {
    if matches!(app.bus, Bus::Redis { .. }) {
        app.bus.publish_elsewhere(Event::Online {
            node: app.presence.node(),
            sockets: app.hub.connections(),
            people: by_room(&app.presence.here()),
        });
    }
}

fn by_room(places: &[Place]) -> People {
    let mut people = People::new();
    for (room, user) in places {
        people.entry(*room).or_default().push(*user);
    }
    people
}

fn places(people: People) -> impl Iterator<Item = Place> {
    people
        .into_iter()
        .flat_map(|(room, users)| users.into_iter().map(move |user| (room, user)))
}

/// Pushes the counts of these rooms, as far as they are others than those that are `shown`.
async fn show(app: &App, feed: &Feed, rooms: HashSet<RoomId>, shown: &mut HashMap<RoomId, usize>) {
    for room in rooms {
        if !app.hub.is_open(room) {
            shown.remove(&room);
            feed.left(app, room);
            continue;
        }
        let count = app.presence.count(room);
        if shown.insert(room, count) != Some(count) {
            app.hub.push(room, &views::online(count)).await;
        }
    }
}
