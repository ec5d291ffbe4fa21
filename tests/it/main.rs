//! The integration tests: one binary, one file per subject.

// Helpers stand outside of #[test] functions, where the lints do not know that this is a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../fuzz/entries.rs"]
mod entries;
mod cluster;
mod page;
mod pooler;
mod program;
mod services;
mod support;

mod accounts;
mod api;
mod admin;
mod bounds;
mod chat;
mod clock;
mod config;
mod consent;
mod conformance;
mod editing;
mod embedded;
mod encryption;
mod erasure;
mod exports;
mod files;
mod friends;
mod jobs;
mod invitations;
mod layers;
mod links;
mod log;
mod mail;
mod members;
mod mentions;
mod messages;
mod missed;
mod model;
mod moderation;
mod nodes;
mod outages;
mod own_rooms;
mod past;
mod pictures;
mod parsers;
mod plans;
mod presence;
mod reactions;
mod receipts;
mod refusals;
mod replies;
mod profile;
mod rooms;
mod security;
mod sent_twice;
mod settings;
mod setup;
mod unfit;
mod unread;
mod typing;
mod storms;
mod switcher;
mod subscriptions;
mod writer;
