//! UmbraChat: a private, self-hosted, real-time chat in one binary.
//!
//! Pages are HTML rendered on the server, swapped by htmx; the socket `ws/chatroom/<name>` pushes rendered
//! fragments; messages are encrypted before they reach PostgreSQL. Modules stand in reading order, and import
//! only what stands above them (`tests/it/layers.rs` checks).

pub mod config;
pub mod error;
pub mod ids;
pub mod middleware;
pub mod text;

pub mod bus;
pub mod database;
pub mod realtime;
pub mod storage;
pub mod throttle;
pub mod vault;

pub mod state;

pub mod jobs;
pub mod mail;

pub mod web;

pub mod accounts;
pub mod friends;
pub mod rooms;
pub mod files;
pub mod messages;
pub mod privacy;
pub mod chat;
pub mod settings;
pub mod admin;
pub mod api;
pub mod site;

pub mod live;

pub mod app;

pub use error::{Error, Result};
pub use state::App;
