//! Rows of `security.md`, tried from outside. Those that belong to one feature stand with it.

mod csrf;
mod files;
mod groups;
mod pages;
mod sessions;
mod strangers;
pub mod throttle;

use reqwest::{Client, redirect};
use sqlx::PgPool;

fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}

/// A fingerprint of everything that a request could have changed.
async fn state(pool: &PgPool) -> Vec<String> {
    let mut state = Vec::new();
    for table in [
        "users",
        "user_sessions",
        "login_tokens",
        "jobs",
        "rooms",
        "members",
        "invitations",
        "invites",
        "room_events",
        "messages",
    ] {
        let rows = format!("SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t");
        state.push(sqlx::query_scalar(&rows).fetch_one(pool).await.unwrap());
    }
    state
}
