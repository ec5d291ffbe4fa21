//! The administrator's pages: one file per resource.

pub(super) mod audit;
pub(super) mod bans;
mod confirmations;
pub(super) mod jobs;
pub(super) mod overview;
pub(super) mod reset_links;
pub(super) mod roles;
pub(super) mod rooms;
pub(super) mod users;

pub use confirmations::confirm_administrator;
