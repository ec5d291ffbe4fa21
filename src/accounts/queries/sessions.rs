//! The SQL of log-ins.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::ids::{KeyId, SessionId, UserId};
use crate::web::session::Lifetime;

/// The kind of a program's log-in.
const PROGRAM: &str = "program";

/// A new log-in.
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Which record of the session library stands for it; a program's has none.
    pub store_id: Option<&'a str>,
    /// Whose.
    pub user: UserId,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// What the browser calls itself, for the owner to recognise it.
    pub device: &'a str,
    /// Where it comes from, for the same.
    pub address: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
    /// When it ends unless it is used.
    pub expires_at: DateTime<Utc>,
}

/// Stores a new log-in.
pub async fn insert_session(connection: &mut PgConnection, new: NewSession<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO user_sessions
             (id, store_id, user_id, remember, device, created_at, last_used_at, expires_at, address, kind)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)",
        new.id.0,
        new.store_id,
        new.user.0,
        new.lifetime != Lifetime::Browser,
        new.device,
        new.at as _,
        new.expires_at as _,
        new.address,
        if new.lifetime == Lifetime::Program {
            PROGRAM
        } else {
            "browser"
        }
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A log-in that is alive, as its owner sees it.
#[derive(Debug)]
pub struct OwnSession {
    /// Which.
    pub id: SessionId,
    /// What the browser calls itself.
    pub device: String,
    /// Where it came from; None for one from before this was stored.
    pub address: Option<String>,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the hour.
    pub last_used_at: DateTime<Utc>,
}

/// A person's log-ins that are alive, newest first, at most `limit` of those before `before`.
pub async fn list_own_sessions(
    db: impl PgExecutor<'_>,
    user: UserId,
    now: DateTime<Utc>,
    before: Option<SessionId>,
    limit: i64,
) -> sqlx::Result<Vec<OwnSession>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SessionId", device, address, remember, kind, created_at AS "created_at: DateTime<Utc>",
                  last_used_at AS "last_used_at: DateTime<Utc>"
           FROM user_sessions
           WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
                 AND ($3::uuid IS NULL
                      OR (created_at, id) < (SELECT b.created_at, b.id FROM user_sessions b WHERE b.id = $3 AND b.user_id = $1))
           ORDER BY created_at DESC, id DESC LIMIT $4"#,
        user.0,
        now as _,
        before.map(|id| id.0),
        limit
    );
    let sessions = rows.fetch_all(db).await?.into_iter().map(|row| OwnSession {
        id: row.id,
        device: row.device,
        address: row.address,
        lifetime: lifetime(&row.kind, row.remember),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(sessions.collect())
}

/// A log-in that is alive, and whose it is.
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The name to log in with.
    pub username: String,
    /// The name that they are shown by.
    pub name: String,
    /// What they may do.
    pub role: String,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
    /// Their data key.
    pub key: KeyId,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// When it was last used, to the hour.
    pub last_used_at: DateTime<Utc>,
    /// Whether they hide that they are online.
    pub hides_presence: bool,
    /// Which privacy page they agreed to last; None when they were never asked.
    pub consent_version: Option<String>,
}

/// This log-in, if it is alive now.
pub async fn find_session(
    db: impl PgExecutor<'_>,
    session: SessionId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<LiveSession>> {
    let row = sqlx::query!(
        r#"SELECT s.id AS "id: SessionId", s.user_id AS "user: UserId", s.remember, s.kind,
                  s.last_used_at AS "last_used_at: DateTime<Utc>", a.role AS "role!",
                  a.username AS "username!", a.name AS "name!", a.picture, a.data_key_id AS "key!: KeyId",
                  u.presence_hidden, u.consent_version
           FROM user_sessions s JOIN users u ON u.id = s.user_id JOIN authors a ON a.id = u.id
           WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > $2"#,
        session.0,
        now as _
    );
    let found = row.fetch_optional(db).await?.map(|row| LiveSession {
        id: row.id,
        user: row.user,
        username: row.username,
        name: row.name,
        picture: row.picture,
        role: row.role,
        key: row.key,
        lifetime: lifetime(&row.kind, row.remember),
        last_used_at: row.last_used_at,
        hides_presence: row.presence_hidden,
        consent_version: row.consent_version,
    });
    Ok(found)
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
        now as _,
        expires_at as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A log-in that has just ended.
pub struct EndedSession {
    /// Which.
    pub id: SessionId,
    /// Which record of the session library stood for it.
    pub store_id: Option<String>,
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
           RETURNING id AS "id: SessionId", store_id"#,
        session.0,
        at as _
    )
    .fetch_optional(db)
    .await
}

/// Ends one log-in of that person; None when there is none that is alive.
pub async fn update_own_session_ended(
    db: impl PgExecutor<'_>,
    user: UserId,
    session: SessionId,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $3 WHERE id = $2 AND user_id = $1 AND ended_at IS NULL
           RETURNING id AS "id: SessionId", store_id"#,
        user.0,
        session.0,
        at as _
    )
    .fetch_optional(db)
    .await
}

/// Deletes the records of the session library that stood for these log-ins, in the transaction that ends them.
pub async fn delete_session_records(connection: &mut PgConnection, ended: &[EndedSession]) -> sqlx::Result<()> {
    let ids: Vec<_> = ended.iter().filter_map(|session| session.store_id.clone()).collect();
    sqlx::query!("DELETE FROM tower_sessions.session WHERE id = ANY($1)", &ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves a log-in that is alive to another record of the session library; which one it had, and how long it lasts.
pub async fn update_session_record(
    connection: &mut PgConnection,
    session: SessionId,
    store_id: &str,
) -> sqlx::Result<Option<(Option<String>, Lifetime)>> {
    let row = sqlx::query!(
        "UPDATE user_sessions s SET store_id = $2
         FROM (SELECT id, store_id FROM user_sessions WHERE id = $1 AND ended_at IS NULL FOR UPDATE) before
         WHERE s.id = before.id RETURNING before.store_id, s.remember, s.kind",
        session.0,
        store_id
    );
    let row = row.fetch_optional(connection).await?;
    Ok(row.map(|row| (row.store_id, lifetime(&row.kind, row.remember))))
}

/// Ends every log-in of a person but `kept`.
pub async fn update_sessions_ended(
    connection: &mut PgConnection,
    user: UserId,
    kept: Option<SessionId>,
    at: DateTime<Utc>,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $3
           RETURNING id AS "id: SessionId", store_id"#,
        user.0,
        at as _,
        kept.map(|id| id.0)
    )
    .fetch_all(connection)
    .await
}

/// Forgets where log-ins came from that began before that time.
pub async fn forget_addresses(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE user_sessions SET address = NULL WHERE created_at < $1 AND address IS NOT NULL",
        before as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes log-ins that expired before that time.
pub async fn delete_sessions_expired(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!("DELETE FROM user_sessions WHERE expires_at < $1", before as _);
    Ok(done.execute(db).await?.rows_affected())
}

/// What is known of a log-in that is alive now, past every cache.
pub struct AliveSession {
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// Whether its person hides that they are online.
    pub hides_presence: bool,
}

/// This log-in, if it is alive now, past every cache.
pub async fn find_session_alive(
    db: impl PgExecutor<'_>,
    session: SessionId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<AliveSession>> {
    let row = sqlx::query!(
        "SELECT s.remember, s.kind, u.presence_hidden FROM user_sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > $2",
        session.0,
        now as _
    );
    Ok(row.fetch_optional(db).await?.map(|row| AliveSession {
        lifetime: lifetime(&row.kind, row.remember),
        hides_presence: row.presence_hidden,
    }))
}

/// What these columns of the table mean.
fn lifetime(kind: &str, remember: bool) -> Lifetime {
    match remember {
        _ if kind == PROGRAM => Lifetime::Program,
        true => Lifetime::Device,
        false => Lifetime::Browser,
    }
}
