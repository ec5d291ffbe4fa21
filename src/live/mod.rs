//! The sockets of pages and programs: from a change in the database to the fragment on the screen, or to JSON.
//!
//! - [`connect`](self): the handshake. [`socket`](self): one page's connection, with a subscription to its person and,
//!   on the page of a room, one to the room. It sends what the page missed, then carries out [`command`](self)s.
//! - `room`: the subscription to a room, what was missed of it, and what is sent there.
//! - [`programs`](self): the sockets of programs, with subscriptions to many rooms.
//! - `event`: everything that may be said to a page, and the frames that carry it.
//! - `deliveries`: how far each room has been delivered. What this node has stored itself is delivered as it comes, what
//!   others have stored is loaded by `loading`. Either renders once and publishes shared frames.
//! - `missed`: what a page has not been given, for its socket and for a page whose proxy lets no socket pass.
//! - `replies`: what became of a page's own messages.
//! - `room_list`: what changes in the list of public rooms. `side_bars`: what in the side bar is one person's own.
//!   `authors`: how people are shown. `activity`: what was written where people are not. `reads`: how far they have read. `online`: how many are online. `comings`: whose friend came or
//!   went. `typing`: who types. `revocations`: log-ins that ended.
//!
//! Nobody is sent a room who is not a member: membership is checked when a socket opens, again after it has subscribed,
//! and whenever the room's members changed before anything later is delivered.
//!
//! The delivery of one room:
//!
//! ```text
//!           start                  notify
//! tracked ─────────▶ up to date ─────────────▶ pending
//!                     ▲      │                 ▲     │
//!  the guard is       │      │ claim_if_next   │     │ claim_pending
//!  dropped: is all    │      ▼                 │     ▼
//!  delivered?         └─yes──── claimed ───no──┘
//! ```
//!
//! - *tracked*: somebody subscribed, and the room's state is being read. `start` begins the delivery at that state; if
//!   the room has changed since, it is pending at once.
//! - `notify` reports a change that was not delivered directly: what another node stored, a join, an edit, a batch of
//!   this node that does not follow on, or what the check every few seconds found. While the room is claimed, it only
//!   raises `target`.
//! - `claim_if_next` takes a batch that this node has just stored, if it follows on what was delivered and the message
//!   before it is known; also from *pending*. Whatever decides who may read has a change number of its own, so where
//!   a batch follows on, nobody has left before it, and no query is needed.
//! - `claim_pending` lets a loader take some of the pending rooms, and load what is missing together.
//! - *claimed*: one guard publishes the changes after `delivered`. When it is dropped the room is pending again if it
//!   changed meanwhile, if there were too many changes for one load, or if the delivery failed.
//!
//! The delivery is forgotten when nobody is subscribed any more, when the room is deleted, and when the database has gone
//! back. The next one of the same room is another generation, which a guard that is still held does not touch.

mod activity;
mod authors;
mod comings;
mod command;
mod connect;
mod deliveries;
mod event;
mod loading;
mod missed;
mod online;
mod programs;
mod reads;
mod replies;
mod revocations;
mod room;
mod room_list;
mod side_bars;
mod socket;
mod typing;
mod views;

use std::sync::Arc;

use poem::{Route, get};
use tokio::sync::mpsc;

pub use command::{Command, CommandError};

use self::activity::ActiveRooms;
use self::comings::Comings;
use self::deliveries::Deliveries;
use self::programs::tokens::Tokens;
use self::reads::Reads;
use self::room_list::RoomListVersion;
use crate::App;
use crate::messages::model::StoredBatch;
use crate::realtime::Warnings;

/// What the sockets of this node have been sent.
#[derive(Debug, Default)]
pub struct Live {
    deliveries: Arc<Deliveries>,
    room_list: RoomListVersion,
    reads: Reads,
    comings: Comings,
    active_rooms: ActiveRooms,
    tokens: Tokens,
    /// About pages that come from elsewhere.
    origin_warnings: Warnings,
}

impl Live {
    /// Whether every change that is known of has been delivered.
    pub fn is_idle(&self) -> bool {
        self.deliveries.is_idle()
    }
}

/// Where the socket of programs is, without the slash at its end.
pub const PROGRAMS: &str = "/ws/rooms";

/// The sockets of pages, and the way for pages that no socket reaches.
pub fn routes(route: Route) -> Route {
    route
        .at("/chat/room/:name/changes", get(missed::index))
        .at("/ws/chatroom/:name", get(connect::room))
        .at("/ws/inbox", get(connect::inbox))
}

/// The socket of programs.
pub fn program_routes(route: Route) -> Route {
    route.at(PROGRAMS, get(programs::connect))
}

/// Serves the sockets of this node until the program ends: receives what other nodes publish, checks every few seconds
/// for what was lost on the way, closes sockets of ended log-ins, and keeps counts and lists true.
pub async fn run(app: App, live: Arc<Live>) {
    tokio::join!(
        loading::receive(&app, &live.deliveries),
        loading::check_regularly(&app, &live.deliveries),
        online::run(&app, &live.deliveries, &live.comings),
        comings::run(&app, &live.comings),
        revocations::run(&app),
        room_list::run(&app, &live.room_list),
        authors::run(&app),
        side_bars::run(&app),
        activity::run(&app, &live.active_rooms),
        reads::run(&app, &live.reads),
        reads::publish(&app),
        typing::run(&app),
        programs::tokens::run(&app, &live.tokens),
    );
}

/// Loads and delivers what other nodes have stored, until the program ends. There may be several of these.
pub async fn load(app: App, live: Arc<Live>) {
    loading::run(&app, &live.deliveries).await;
}

/// Delivers what this node's writer has stored, until the program ends. There may be several of these, each for other
/// rooms.
pub async fn deliver(app: App, live: Arc<Live>, mut batches: mpsc::Receiver<StoredBatch>) {
    while let Some(batch) = batches.recv().await {
        live.active_rooms.note(batch.room);
        live.deliveries.deliver(&app, batch).await;
    }
}
