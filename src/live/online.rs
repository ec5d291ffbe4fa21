//! Keeps the online count in every open room true, at most once a second in each, and reports to the other nodes who is online on this one.
//!
//! Everything is gathered for a moment: a thousand sockets that open at once become one event to the other nodes, with
//! those who came, and one frame to each room. What waits for Redis is the bus's task alone, never a socket or a page.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::comings::Comings;
use super::deliveries::Deliveries;
use super::event::Event as PageEvent;
use crate::App;
use crate::bus::{Bus, BusEvent, Event, People};
use crate::ids::RoomId;
use crate::realtime::{Audience, Place};

/// Moves within this time become one push and one event.
const GATHER_INTERVAL: Duration = Duration::from_millis(300);
/// The count of one room is pushed once in this time.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// How often everybody here is reported to the other nodes.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Pushes a room's count whenever it changed, and exchanges with the other nodes who is online.
pub(super) async fn run(app: &App, deliveries: &Deliveries, comings: &Comings) {
    let mut bus = app.bus.subscribe();
    let mut gather = interval(GATHER_INTERVAL);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut published, mut waiting) = (HashMap::new(), HashSet::new());
    let mut publish_at = Instant::now();
    loop {
        tokio::select! {
            _ = gather.tick() => {
                let now = Instant::now();
                let moves = app.presence.take_moves(now);
                publish_moves(app, &moves.came, &moves.left);
                if now >= publish_at {
                    publish_everybody(app);
                    publish_at = now + REPORT_INTERVAL;
                }
                let mut here: HashSet<_> = moves.came.iter().chain(&moves.left).map(|(_, user)| *user).collect();
                // Every node that is left stores when they were seen last.
                here.extend(moves.lost);
                comings.note(moves.people, &here);
                waiting.extend(moves.rooms);
                publish_counts(app, deliveries, &mut waiting, &mut published).await;
            }
            received = bus.next() => match received {
                Some(BusEvent::Event(event)) => if receive(app, event) {
                    publish_at = Instant::now();
                }
                Some(BusEvent::Resync) => publish_at = Instant::now(),
                None => return,
            },
        }
    }
}

/// Takes what another node reports. Returns whether that node is new, and has to be told of everybody here.
fn receive(app: &App, event: Event) -> bool {
    match event {
        Event::Online { node, sockets, people } if node != app.presence.node() => {
            let people = places(people).collect();
            app.presence.receive_report(node, sockets, people, Instant::now())
        }
        Event::Moved { node, came, left } if node != app.presence.node() => {
            app.presence.receive_moves(node, places(came), places(left));
            false
        }
        _ => false,
    }
}

fn publish_moves(app: &App, came: &[Place], left: &[Place]) {
    if !came.is_empty() || !left.is_empty() {
        app.bus.publish_elsewhere(Event::Moved {
            node: app.presence.node(),
            came: by_room(came),
            left: by_room(left),
        });
    }
}

fn publish_everybody(app: &App) {
    if matches!(app.bus, Bus::Redis { .. }) {
        app.bus.publish_elsewhere(Event::Online {
            node: app.presence.node(),
            sockets: app.hub.connections(),
            people: by_room(&app.presence.here()),
        });
    }
}

fn by_room(places: &[Place]) -> People {
    let mut people: HashMap<_, Vec<_>> = HashMap::new();
    for (room, user) in places {
        people.entry(*room).or_default().push(*user);
    }
    people.into_iter().collect()
}

fn places(people: People) -> impl Iterator<Item = Place> {
    people
        .into_iter()
        .flat_map(|(room, users)| users.into_iter().map(move |user| (room, user)))
}

/// Pushes the counts of the rooms that wait for it, as far as they are others than those that are `published`. Rooms whose
/// count was pushed only just go on waiting.
async fn publish_counts(
    app: &App,
    deliveries: &Deliveries,
    waiting: &mut HashSet<RoomId>,
    published: &mut HashMap<RoomId, (usize, Instant)>,
) {
    let now = Instant::now();
    let is_due = |room: &RoomId| {
        let published = published.get(room);
        published.is_none_or(|(_, at)| now - *at >= COUNT_INTERVAL)
    };
    let due: Vec<_> = waiting.extract_if(is_due).collect();
    for room in due {
        if !app.hub.is_open(room) {
            published.remove(&room);
            deliveries.forget_unless_open(app, room);
            continue;
        }
        let count = app.presence.count(room);
        if published.get(&room).is_none_or(|(published, _)| *published != count) {
            published.insert(room, (count, now));
            app.hub
                .publish(Audience::Room(room), &PageEvent::OnlineChanged(count).frame())
                .await;
        }
    }
}
