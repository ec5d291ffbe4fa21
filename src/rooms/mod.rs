//! Rooms and who belongs to them.
//!
//! - A room is fetched *through the caller's membership*; what is not open to somebody does not exist for them.
//! - `last_seq` counts messages, `last_change` counts everything that happens in the room. Both are handed out inside
//!   the transaction that stores the thing, under the room's row lock, so they are gap-free and in commit order.
//! - A public room's slug is its name, compared without regard to case.
//! - People get into a private room by an invitation, into private rooms and groups by a link. Owners and moderators make
//!   both, and both hold while who made them may. A link's token is stored as a hash; one that is no good is as one that
//!   never was.
//! - Joins, leaves and edits are `room_events`, each with a change of its own.

pub mod actions;
pub mod handlers;
pub mod model;
pub mod queries;
pub mod views;

use poem::{Route, post};

/// What members and those who want to join can do with one room.
pub fn routes(route: Route) -> Route {
    route
        .at("/chat/room/:name/join", post(handlers::create))
        .at("/chat/room/:name/leave", post(handlers::destroy))
        .at("/chat/room/:name/read", post(handlers::read))
        .at("/chat/room/:name/unread", post(handlers::unread))
}
