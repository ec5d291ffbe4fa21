//! How programs get in and stay in. A program's log-in is a session without a cookie: it begins with username and password,
//! and goes on by refresh tokens of 256 bits, stored as hashes, each good for one use within 30 days.
//!
//! The token that follows on another is made of it by HMAC with a key of the server. Whoever lost an answer therefore gets
//! the same one again, for ten seconds, and it is stored nowhere. A token that comes again later, or when its successor was used
//! already, was copied: its log-in ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sqlx::PgConnection;

use super::actions::{self, end_sessions};
use super::device_cookie::DeviceCookie;
use super::links::{hash, random_token};
use super::model::LogInForm;
use super::queries::{self, NewSession};
use super::sessions::{device_of, expiry};
use crate::ids::SessionId;
use crate::web::forwarded::Client;
use crate::web::session::Lifetime;
use crate::web::signature::sign;
use crate::{App, Error, Result, jobs};

/// For so long a used refresh token gets the same answer again.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// Log-ins of programs that one person has at most; the oldest ends when there is one more.
const MOST: i64 = 50;

/// What a program goes on with.
pub struct Tokens {
    /// For requests, for ten minutes.
    pub access: String,
    /// For the next pair.
    pub refresh: String,
}

/// Begins a log-in with username and password.
pub async fn log_in(app: &App, form: &LogInForm, client: &Client) -> Result<Tokens> {
    let found = actions::authenticate(app, form, client, &DeviceCookie::default()).await?;
    let device = device_of(client);
    let address = client.address.to_string();
    let (session, at) = (SessionId::new(), app.now());
    let is_known = queries::has_program_like(&app.db, found.user, (&device, &address), at).await?;
    let mut tx = actions::begin_log_in(app, &found, form, client, is_known).await?;
    let new = NewSession {
        id: session,
        store_id: None,
        user: found.user,
        lifetime: Lifetime::Program,
        device: &device,
        address: &address,
        at,
        expires_at: expiry(Lifetime::Program, at),
    };
    queries::insert_session(&mut tx, new).await?;
    let refresh = random_token()?;
    store(app, &mut tx, session, &refresh).await?;
    let ended = queries::update_oldest_programs_ended(&mut tx, found.user, MOST, at).await?;
    end_sessions(app, tx, &ended).await?;
    jobs::wake(app);
    let access = app.access_tokens.issue(session, found.user, at)?;
    Ok(Tokens { access, refresh })
}

/// Uses a refresh token; None when it is no good. It is too long to be guessed, so that tries are counted like any request.
pub async fn refresh(app: &App, token: &str) -> Result<Option<Tokens>> {
    let (now, used, next) = (app.now(), hash(token), successor(app, token));
    let mut tx = app.db.begin().await?;
    let Some(found) = queries::lock_refresh_token(&mut tx, &used, now).await? else {
        return Ok(None);
    };
    // Whoever has used the successor has not lost the answer.
    let has_next = queries::is_refresh_token_used(&mut tx, &hash(&next)).await?;
    if has_next || found.used_at.is_some_and(|at| now - at > GRACE) {
        let ended = queries::update_session_replayed(&mut tx, found.session, now).await?;
        end_sessions(app, tx, &ended.into_iter().collect::<Vec<_>>()).await?;
        tracing::warn!(user = %found.user, "a refresh token was used twice: its log-in has ended");
        return Ok(None);
    }
    if found.used_at.is_none() {
        queries::update_refresh_token_used(&mut tx, &used, now).await?;
        store(app, &mut tx, found.session, &next).await?;
        let end = expiry(Lifetime::Program, now);
        queries::update_session_use(&mut *tx, found.session, now, end).await?;
    }
    tx.commit().await?;
    let access = app.access_tokens.issue(found.session, found.user, now)?;
    Ok(Some(Tokens { access, refresh: next }))
}

/// Ends the log-in that a refresh token belongs to, used or not. One that belongs to none is no error (RFC 7009).
pub async fn revoke(app: &App, token: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let found = queries::lock_refresh_token(&mut tx, &hash(token), app.now()).await?;
    drop(tx);
    match found {
        Some(found) => actions::end_session(app, found.user, found.session)
            .await
            .or_else(ended),
        None => Ok(()),
    }
}

/// One that has ended meanwhile is what was asked for.
fn ended(error: Error) -> Result<()> {
    match error {
        Error::NotFound => Ok(()),
        error => Err(error),
    }
}

async fn store(app: &App, tx: &mut PgConnection, session: SessionId, token: &str) -> Result<()> {
    let expires_at = expiry(Lifetime::Program, app.now());
    Ok(queries::insert_refresh_token(tx, &hash(token), session, expires_at).await?)
}

/// The refresh token that follows on this one.
fn successor(app: &App, token: &str) -> String {
    let digest = URL_SAFE_NO_PAD.encode(hash(token));
    sign(app.vault.refresh_key(), "refresh", &[&digest])
}
