//! The SQL of log-ins, and of telling every node that they ended.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{KeyId, SessionId, UserId};
use crate::web::session::TokenHash;

/// A new log-in.
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// The hash of the token that only the cookie carries.
    pub token: TokenHash,
    /// Whose.
    pub user: UserId,
    /// Whether it lasts beyond the browser's session.
    pub remember: bool,
    /// What the browser calls itself, for the owner to recognise it.
    pub device: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
    /// When it ends unless it is used.
    pub expires_at: DateTime<Utc>,
}

/// Stores a new log-in.
pub async fn insert_session(connection: &mut PgConnection, new: NewSession<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO user_sessions (id, token_hash, user_id, remember, device, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        new.id.0,
        new.token.as_slice(),
        new.user.0,
        new.remember,
        new.device,
        new.at,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A log-in that is alive, and whose it is.
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The name to log in with.
    pub username: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// What they may do.
    pub role: String,
    /// Their data key.
    pub key: KeyId,
    /// Whether it lasts beyond the browser's session.
    pub remember: bool,
    /// When it was last used, to the hour.
    pub last_used_at: DateTime<Utc>,
}

/// The log-in with this token, if it is alive now.
pub async fn find_session(
    db: impl PgExecutor<'_>,
    token: &TokenHash,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<LiveSession>> {
    sqlx::query_as!(
        LiveSession,
        r#"SELECT s.id AS "id: SessionId", s.user_id AS "user: UserId", s.remember, s.last_used_at,
                  u.username, u.first_name, u.last_name, u.role, u.data_key_id AS "key: KeyId"
           FROM user_sessions s JOIN users u ON u.id = s.user_id
           WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2"#,
        token.as_slice(),
        now
    )
    .fetch_optional(db)
    .await
}

/// Notes that a log-in is in use, and moves its end. An ended one stays ended.
pub async fn update_session_use(
    db: impl PgExecutor<'_>,
    session: SessionId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE user_sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1 AND ended_at IS NULL",
        session.0,
        now,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A log-in that has just ended.
pub struct EndedSession {
    /// Which.
    pub id: SessionId,
    /// What it was looked up by.
    pub token: Vec<u8>,
}

/// Ends one log-in; None when it had ended already.
pub async fn update_session_ended(
    db: impl PgExecutor<'_>,
    session: SessionId,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL
           RETURNING id AS "id: SessionId", token_hash AS token"#,
        session.0,
        at
    )
    .fetch_optional(db)
    .await
}

/// Ends every log-in of a person.
pub async fn update_sessions_ended(
    connection: &mut PgConnection,
    user: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL
           RETURNING id AS "id: SessionId", token_hash AS token"#,
        user.0,
        at
    )
    .fetch_all(connection)
    .await
}

/// Deletes log-ins that expired before that time.
pub async fn delete_sessions_expired(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!("DELETE FROM user_sessions WHERE expires_at < $1", before);
    Ok(done.execute(db).await?.rows_affected())
}

/// Held while revocations are stored: "umbraRE" as a number that nothing else locks.
const REVOCATIONS_LOCK: i64 = 0x75_6d62_7261_5245;

/// Notes for every node that these log-ins ended, in the transaction that ends them.
pub async fn insert_revocations(connection: &mut PgConnection, ended: &[EndedSession]) -> sqlx::Result<()> {
    let subjects: Vec<_> = ended.iter().map(|session| session.id.0).collect();
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", REVOCATIONS_LOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO revocations (kind, subject) SELECT 'session', UNNEST($1::uuid[])",
        &subjects
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest revocation; 0 when there was none.
pub async fn last_revocation(db: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT coalesce(max(id), 0) AS "id!" FROM revocations"#)
        .fetch_one(db)
        .await
}

/// The log-ins that ended after that revocation, oldest first, with the revocation's number.
pub async fn list_revoked_sessions(db: impl PgExecutor<'_>, after: i64) -> sqlx::Result<Vec<(i64, SessionId)>> {
    let rows = sqlx::query!(
        "SELECT id, subject FROM revocations WHERE id > $1 AND kind = 'session' ORDER BY id LIMIT 1000",
        after
    );
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, SessionId(row.subject))).collect())
}

/// Deletes revocations that every node has long read.
pub async fn delete_revocations(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM revocations WHERE at < $1", before)
        .execute(db)
        .await?;
    Ok(())
}

/// Of a log-in that is alive now, past every cache: whether it stays on this device.
pub async fn find_session_alive(
    db: impl PgExecutor<'_>,
    session: SessionId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        "SELECT remember FROM user_sessions WHERE id = $1 AND ended_at IS NULL AND expires_at > $2",
        session.0,
        now
    )
    .fetch_optional(db)
    .await
}
