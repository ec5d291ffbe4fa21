//! Who somebody is: sign-up, log-in, sessions, the first administrator.
//!
//! - Usernames are public and unique by their folded key, and no two look alike (but where both are older than
//!   this rule).
//! - E-mail addresses never tell whether somebody has given them before: they are stored unverified and need not be
//!   unique. Logging in with one, the password decides between the account that has verified it, and of those that gave
//!   it unverified the oldest and the newest two. The oldest, so that nobody ends another's log-in by giving their
//!   address; the newest, so that an account made to ask about an address is always among them and logs in as if there
//!   was no other. Everybody else logs in by username, which always works.
//! - A log-in is one row of `user_sessions`, which says whose it is and whether it lives. A session of the session library
//!   (`web::session`) leads from the cookie to that row and holds nothing else. Each log-in has a session of its own; what
//!   is ended stays ended. Lookups are cached for two seconds.
//! - A form that makes an account and is sent twice opens one log-in for both answers, because nobody knows which of them
//!   the browser keeps. The id of that log-in is a hash of the form's id and the account's name.
//! - Whether an account exists cannot be told from a failed log-in, neither by its answer nor by its time: one password
//!   is verified for a username, four for an e-mail address, however many accounts there are.
//! - Who guesses an account's password is throttled, from whichever addresses, without keeping its owner out: a browser that
//!   has logged in to the account before has a limit of its own.
//! - A form that is refused because nobody is logged in goes along with the log-in, in a field of it, and back to where it
//!   was sent: with a token from before, so that it is shown there and not carried out.
//! - Whoever agreed to an older privacy page is asked before the next page that they open. What is done on a page that is
//!   open goes through, so that nothing typed is lost. Whose account was made on the command line is not asked.
//! - What is mailed goes to addresses that are verified, but for the link that verifies one. Links hold random tokens, are
//!   good once and for an hour, and opening one changes nothing. Whose password is to be reset is found out by a job, so
//!   that the answer to who asks cannot tell.
//! - A program logs in without a cookie: its access tokens name the log-in and are good for ten minutes, its refresh tokens
//!   once. Whatever ends a log-in of a browser ends one of a program as soon.
//! - What an administrator does needs their password, given within the last quarter of an hour; the time stands with the
//!   log-in in the database. A log-in begins with it, and everything that asks for the password renews it.
//! - The first administrator is made on `/setup` with a one-time code, under a lock.

pub mod actions;
pub mod api_keys;
mod current_user;
mod device_cookie;
pub mod emails;
pub mod erasure;
mod handlers;
pub mod links;
mod mails;
pub mod model;
pub mod moderation;
mod password;
pub mod passwords;
pub mod privacy;
pub mod picture;
pub mod profile;
pub mod programs;
pub mod queries;
mod sessions;
pub mod setup;
mod uploads;
pub mod views;

use poem::{Route, get, post};

pub use current_user::{
    Administrator, CurrentUser, MaybeUser, ask_for_consent, bearer, find_token, lead_to_setup, recognise_anybody,
    recognise_program, recognise_user, refuse_before_setup,
};
pub use handlers::ask_to_log_in;
pub use handlers::users::SignedUpByInvite;
pub use uploads::{DOWNLOADS, FILES, PICTURES, Turn, admit_upload};

/// Sign-up, log-in, setup, consent, and the choice of a theme.
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
        .at(
            current_user::CONSENT,
            get(handlers::consent::new).post(handlers::consent::create),
        )
        .at(
            "/accounts/reset",
            get(handlers::reset::new).post(handlers::reset::create),
        )
        .at("/accounts/reset/done", get(handlers::reset::done))
        .at(
            "/accounts/reset/:token",
            get(handlers::reset::edit).post(handlers::reset::update),
        )
        .at("/accounts/email/done", get(handlers::emails::done))
        .at(
            "/accounts/email/verify/:token",
            get(handlers::emails::edit).post(handlers::emails::update),
        )
        .at("/appearance", post(handlers::appearance::update))
}

/// People's pictures.
pub fn pictures(route: Route) -> Route {
    route.at("/pictures/:username/:version", get(handlers::pictures::show))
}
