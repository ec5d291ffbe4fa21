//! The sockets of the pages: from a change in the database to the fragment on the screen.
//!
//! - [`Feed`] notes how far each room has been delivered, and delivers what this node's writer has just stored. What
//!   doorbells tell of `load` reads, all rooms of a burst together. Either renders once and pushes shared frames.
//! - `enter` shakes hands and lets members in; `socket` is one page's connection. Its queue counts the changes that the
//!   page has been given, so that every change arrives once and in order, whatever the doorbells do.
//! - Nobody hears a room who is not a member: membership is looked at when a socket opens, again after it has
//!   subscribed, and whenever the room's members changed before anything later is delivered.

mod enter;
mod feed;
mod load;
mod online;
mod revocations;
mod socket;
mod views;

use std::sync::Arc;

use poem::{Route, get};
use tokio::sync::mpsc;

pub use feed::Feed;
#[doc(hidden)]
pub use socket::parse;

use crate::App;
use crate::messages::model::Fresh;

/// The sockets of the pages.
pub fn routes(route: Route) -> Route {
    route.at("/ws/chatroom/:name", get(enter::connect))
}

/// Serves the sockets of this node until the program ends: hears doorbells, looks every few seconds for what a lost
/// doorbell left behind, closes sockets of ended log-ins, and keeps the online counts true.
pub async fn run(app: App, feed: Arc<Feed>) {
    tokio::join!(
        load::listen(&app, &feed),
        load::look_again(&app, &feed),
        online::run(&app, &feed),
        revocations::run(&app),
    );
}

/// Loads and delivers what other nodes have stored, until the program ends. There may be several of these.
pub async fn load(app: App, feed: Arc<Feed>) {
    load::run(&app, &feed).await;
}

/// Delivers what this node's writer has stored, until the program ends. There may be several of these, each for other
/// rooms.
pub async fn deliver(app: App, feed: Arc<Feed>, mut fresh: mpsc::Receiver<Fresh>) {
    while let Some(batch) = fresh.recv().await {
        feed.deliver(&app, batch).await;
    }
}
