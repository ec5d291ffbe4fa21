//! Who somebody is: sign-up, log-in, sessions, the first administrator.
//!
//! - Usernames are public and unique by their folded key. E-mail addresses never tell whether somebody has given them
//!   before: they are stored unverified and need not be unique. Logging in with one, the password decides between the
//!   account that has verified it, and of those that gave it unverified the oldest and the newest two. The oldest, so that
//!   nobody ends another's log-in by giving their address; the newest, so that an account made to ask about an address
//!   is always among them and logs in as if there was no other. Everybody else logs in by username, which always works.
//! - A log-in is one row of `user_sessions`, which says whose it is and whether it lives. A session of the session library
//!   (`web::session`) leads from the cookie to that row and holds nothing else. Each log-in has a session of its own; what
//!   is ended stays ended. Lookups are cached for two seconds.
//! - Whether an account exists cannot be told from a failed log-in, neither by its answer nor by its time: one password
//!   is verified for a username, four for an e-mail address, however many accounts there are.
//! - Who guesses an account's password is throttled, from whichever addresses, without keeping its owner out: a browser that
//!   has logged in to the account before has a limit of its own.
//! - The first administrator is made on `/setup` with a one-time code, under a lock.

pub mod actions;
mod current_user;
mod device_cookie;
mod handlers;
pub mod model;
mod password;
mod picture;
pub mod profile;
pub mod queries;
pub mod setup;
mod uploads;
pub mod views;

use poem::{Route, get, post};

pub use current_user::{Administrator, CurrentUser, MaybeUser, lead_to_setup, recognise_user, refuse_before_setup};
pub use uploads::admit_upload;

/// Sign-up, log-in, setup, and the choice of a theme.
pub fn routes(route: Route) -> Route {
    route
        .at("/setup", get(handlers::setup::new).post(handlers::setup::create))
        .at(
            "/accounts/signup",
            get(handlers::users::new).post(handlers::users::create),
        )
        .at(
            "/accounts/login",
            get(handlers::sessions::new).post(handlers::sessions::create),
        )
        .at("/accounts/logout", post(handlers::sessions::destroy))
        .at("/appearance", post(handlers::appearance::update))
}

/// People's pictures.
pub fn pictures(route: Route) -> Route {
    route.at("/pictures/:username/:version", get(handlers::pictures::show))
}
