//! What programs use: JSON in and out at `/api/`, a second way to the actions and queries of the pages. What one changes,
//! the other sees at once; no rule, limit or query stands here.
//!
//! - A program names itself by an access token and by nothing else: cookies are not looked at.
//! - Every address counts with and without a slash at its end. Whatever is wrong is a problem in JSON (RFC 9457), which
//!   names the field. What is not open to somebody does not exist for them.
//! - A person is named by username, a room and a message by their ids.
//! - Every request counts for its account and its address; the answers say what is left.

mod allow;
mod body;
mod document;
mod envelope;
mod handlers;
mod limits;
pub mod model;
mod query;
mod sealed;
mod views;

use poem::{Route, get, post};

pub use allow::say_what_is_allowed;
pub use body::parse as parse_json;
pub use envelope::wrap_in_envelope;
pub use limits::{limit_accounts, limit_addresses};
pub use sealed::exchange_sealed;

use handlers::{docs, members, messages, rooms, tokens, uploads, users};

/// Both names of the one resource.
const ROOMS: [&str; 2] = ["/api/rooms", "/api/groups"];

/// The addresses that take files, as they come.
pub fn uploads(route: Route) -> Route {
    ROOMS.into_iter().fold(route, |route, rooms| {
        route.at(format!("{rooms}/:id/upload"), post(uploads::create))
    })
}

/// Whether that is one of them, with or without a slash at its end.
pub fn is_upload(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let room = ROOMS
        .into_iter()
        .find_map(|rooms| path.strip_prefix(rooms)?.strip_prefix('/'));
    room.and_then(|room| room.strip_suffix("/upload"))
        .is_some_and(|id| !id.contains('/'))
}

/// Every address whose body is small, without the slash at its end.
pub fn routes(route: Route) -> Route {
    let mut route = route
        .at("/api/register", post(users::create))
        .at("/api/token", post(tokens::create))
        .at("/api/token/refresh", post(tokens::refresh))
        .at("/api/token/revoke", post(tokens::revoke))
        .at("/api/users", get(users::index))
        .at("/api/users/me", get(users::me))
        .at("/api/users/:id", get(users::show))
        .at("/api/openapi.json", get(docs::show));
    for rooms in ROOMS {
        route = route
            .at(rooms, get(rooms::index).post(rooms::create))
            .at(
                format!("{rooms}/:id"),
                get(rooms::show)
                    .put(rooms::replace)
                    .patch(rooms::update)
                    .delete(rooms::destroy),
            )
            .at(
                format!("{rooms}/:id/messages"),
                get(messages::index).post(messages::create),
            )
            .at(
                format!("{rooms}/:id/messages/:message"),
                get(messages::show).patch(messages::update).delete(messages::destroy),
            )
            .at(
                format!("{rooms}/:id/members"),
                get(members::index).post(members::create),
            )
            .at(format!("{rooms}/:id/members/:username"), poem::delete(members::destroy))
            .at(format!("{rooms}/:id/read"), post(members::read));
    }
    route
}

/// What people read of it.
pub fn pages(route: Route) -> Route {
    route.at("/api/docs", get(docs::page))
}
