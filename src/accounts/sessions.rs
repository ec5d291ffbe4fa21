//! How log-ins begin, go on and end.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, Postgres, Transaction};
use tower_sessions::session::Id;

use super::queries::{self, EndedSession, NewSession};
use crate::bus::Event;
use crate::database::within_limit;
use crate::ids::{SessionId, UserId};
use crate::web::Theme;
use crate::web::forwarded::Client;
use crate::web::session::{self, Lifetime, STAY};
use crate::{App, Error, Result};

/// A log-in that does not outlive the browser ends after this long without use.
const IDLE_LIMIT: TimeDelta = TimeDelta::hours(24);

/// Of what a browser calls itself, this many characters are kept.
const DEVICE_CHARACTERS: usize = 200;

/// Somebody who has just logged in: what their browser is to be given.
pub struct LoggedIn {
    /// Who.
    pub user: UserId,
    /// Which log-in.
    pub session: SessionId,
    /// For the session cookie.
    pub cookie: Id,
    /// How long the cookie lasts.
    pub lifetime: Lifetime,
    /// For the theme's cookie.
    pub theme: Theme,
}

/// When a log-in that is used at `now` ends unless it is used again.
pub fn expiry(lifetime: Lifetime, now: DateTime<Utc>) -> DateTime<Utc> {
    match lifetime {
        Lifetime::Browser => now + IDLE_LIMIT,
        Lifetime::Device | Lifetime::Program => now + STAY,
    }
}

/// Ends one log-in. Its cookie is worthless from now on, and its sockets close.
pub async fn log_out(app: &App, session: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let ended = queries::update_session_ended(&mut *tx, session, app.now()).await?;
    end_sessions(app, tx, &ended.into_iter().collect::<Vec<_>>()).await
}

/// Ends one of a person's own log-ins. None of somebody else, and none that has ended already, exists for them.
pub async fn end_session(app: &App, user: UserId, session: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let ended = queries::update_own_session_ended(&mut *tx, user, session, app.now()).await?;
    end_sessions(app, tx, &[ended.ok_or(Error::NotFound)?]).await
}

/// Ends all of a person's log-ins but this one.
pub async fn end_other_sessions(app: &App, user: UserId, kept: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let ended = queries::update_sessions_ended(&mut tx, user, Some(kept), app.now()).await?;
    end_sessions(app, tx, &ended).await
}

/// Commits that log-ins ended, and makes it known: the cache of this node forgets them, and every node closes their
/// sockets, by the bus at once, by `revocations` within a second. (The cache of another node forgets them then, too.)
pub async fn end_sessions(app: &App, mut tx: Transaction<'_, Postgres>, ended: &[EndedSession]) -> Result<()> {
    if !ended.is_empty() {
        queries::delete_session_records(&mut tx, ended).await?;
        queries::insert_revocations(&mut tx, ended).await?;
    }
    tx.commit().await?;
    if !ended.is_empty() {
        app.logins.clear();
        app.bus.publish(Event::Revoked);
    }
    Ok(())
}

/// Notes that a log-in is in use without a page being asked for; false when it is over.
pub async fn note_use(app: &App, session: SessionId) -> Result<bool> {
    let now = app.now();
    let note = async |db: &mut PgConnection| {
        let Some(alive) = queries::find_session_alive(&mut *db, session, now).await? else {
            return Ok(false);
        };
        queries::update_session_use(db, session, now, expiry(alive.lifetime, now)).await?;
        Ok(true)
    };
    within_limit(&app.db, note).await
}

/// A session of the library that stands for a log-in which is about to be stored.
pub(super) struct OpenedSession {
    login: SessionId,
    cookie: Id,
}

impl OpenedSession {
    /// Opens a session for that log-in. To be called before the transaction that stores it: the library uses a
    /// connection of its own.
    pub(super) async fn open(app: &App, login: SessionId) -> Result<Self> {
        let cookie = session::open(app, login).await?;
        Ok(Self { login, cookie })
    }
}

/// Stores a new log-in, for which this session has been opened.
pub(super) async fn start_session(
    app: &App,
    tx: &mut PgConnection,
    opened: OpenedSession,
    user: UserId,
    lifetime: Lifetime,
    theme: Theme,
    client: &Client,
) -> Result<LoggedIn> {
    let (at, cookie) = (app.now(), opened.cookie);
    let new = NewSession {
        id: opened.login,
        store_id: Some(&app.session_store.stored_id(cookie).to_string()),
        user,
        lifetime,
        device: &device_of(client),
        address: &client.address.to_string(),
        at,
        expires_at: expiry(lifetime, at),
    };
    queries::insert_session(tx, new).await?;
    Ok(LoggedIn {
        session: opened.login,
        user,
        cookie,
        lifetime,
        theme,
    })
}

/// What the client calls itself, as far as it is kept.
pub(super) fn device_of(client: &Client) -> String {
    let visible = client.device.chars().filter(|c| !c.is_control());
    visible.take(DEVICE_CHARACTERS).collect()
}
