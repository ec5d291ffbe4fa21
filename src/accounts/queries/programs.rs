//! The SQL of programs' log-ins: their refresh tokens, stored as hashes.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::{EndedSession, OwnSession};
use crate::ids::{SessionId, UserId};
use crate::web::session::Lifetime;

/// Stores a refresh token.
pub async fn insert_refresh_token(
    connection: &mut PgConnection,
    hash: &[u8],
    session: SessionId,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    // The same one again only where the program was given it before.
    sqlx::query!(
        "INSERT INTO refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
        hash,
        session.0,
        expires_at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A refresh token of a log-in that is alive.
pub struct RefreshToken {
    /// Of which log-in.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// When it was used, if it was.
    pub used_at: Option<DateTime<Utc>>,
}

/// The refresh token with that hash, locked until the end of the transaction; None when it or its log-in is over.
pub async fn lock_refresh_token(
    connection: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<Option<RefreshToken>> {
    sqlx::query_as!(
        RefreshToken,
        r#"SELECT t.session_id AS "session: SessionId", s.user_id AS "user: UserId", t.used_at AS "used_at: DateTime<Utc>"
           FROM refresh_tokens t JOIN user_sessions s ON s.id = t.session_id
           WHERE t.hash = $1 AND t.expires_at > $2 AND s.ended_at IS NULL AND s.expires_at > $2 FOR UPDATE OF t, s"#,
        hash,
        now as _
    )
    .fetch_optional(connection)
    .await
}

/// Whether a refresh token was used. Who has locked another one of its log-in sees it as it stays until they commit.
pub async fn is_refresh_token_used(connection: &mut PgConnection, hash: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM refresh_tokens WHERE hash = $1 AND used_at IS NOT NULL) AS "used!""#,
        hash
    )
    .fetch_one(connection)
    .await
}

/// Notes that a refresh token is used.
pub async fn update_refresh_token_used(
    connection: &mut PgConnection,
    hash: &[u8],
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!("UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1", hash, at as _)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a log-in because a refresh token came again that was used before, and notes that.
pub async fn update_session_replayed(
    connection: &mut PgConnection,
    session: SessionId,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $2, replayed_at = $2 WHERE id = $1 AND ended_at IS NULL
           RETURNING id AS "id: SessionId", store_id"#,
        session.0,
        at as _
    )
    .fetch_optional(connection)
    .await
}

/// Ends all log-ins of a person's programs but the newest `kept`.
pub async fn update_oldest_programs_ended(
    connection: &mut PgConnection,
    user: UserId,
    kept: i64,
    at: DateTime<Utc>,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $3 WHERE id IN (
               SELECT id FROM user_sessions WHERE user_id = $1 AND kind = 'program' AND ended_at IS NULL
               ORDER BY created_at DESC, id DESC OFFSET $2
           ) RETURNING id AS "id: SessionId", store_id"#,
        user.0,
        kept,
        at as _
    )
    .fetch_all(connection)
    .await
}

/// Whether a program of that name and address is logged in to the account.
pub async fn has_program_like(
    db: impl PgExecutor<'_>,
    user: UserId,
    (device, address): (&str, &str),
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               -- The person's log-ins are looked up first, whatever the others are like.
               SELECT FROM (SELECT * FROM user_sessions WHERE user_id = $1 AND ended_at IS NULL OFFSET 0) s
               WHERE kind = 'program' AND device = $2 AND address = $3 AND expires_at > $4
           ) AS "exists!""#,
        user.0,
        device,
        address,
        now as _
    )
    .fetch_one(db)
    .await
}

/// The log-ins of a person's programs that are alive, newest first. There are at most 50.
pub async fn list_programs(db: impl PgExecutor<'_>, user: UserId, now: DateTime<Utc>) -> sqlx::Result<Vec<OwnSession>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SessionId", device, address, created_at AS "created_at: DateTime<Utc>",
                  last_used_at AS "last_used_at: DateTime<Utc>"
           FROM user_sessions WHERE user_id = $1 AND kind = 'program' AND ended_at IS NULL AND expires_at > $2
           ORDER BY created_at DESC, id DESC"#,
        user.0,
        now as _
    );
    let sessions = rows.fetch_all(db).await?.into_iter().map(|row| OwnSession {
        id: row.id,
        device: row.device,
        address: row.address,
        lifetime: Lifetime::Program,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(sessions.collect())
}

/// A log-in of a program that ended because a token of it was used twice.
#[derive(Debug)]
pub struct ReplayedSession {
    /// What the program calls itself.
    pub device: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub replayed_at: DateTime<Utc>,
}

/// The newest of a person's log-ins that ended so and are still known.
pub async fn list_replayed_sessions(
    db: impl PgExecutor<'_>,
    user: UserId,
    limit: i64,
) -> sqlx::Result<Vec<ReplayedSession>> {
    sqlx::query_as!(
        ReplayedSession,
        r#"SELECT device, created_at AS "created_at: DateTime<Utc>", replayed_at AS "replayed_at!: DateTime<Utc>"
           FROM user_sessions WHERE user_id = $1 AND replayed_at IS NOT NULL ORDER BY replayed_at DESC LIMIT $2"#,
        user.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// Deletes refresh tokens that are over.
pub async fn delete_refresh_tokens_expired(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM refresh_tokens WHERE expires_at <= $1", now as _)
        .execute(db)
        .await?;
    Ok(())
}
