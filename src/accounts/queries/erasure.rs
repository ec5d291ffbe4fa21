//! The SQL of erasing accounts, and of the usernames that stay reserved.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::EndedSession;
use crate::ids::{KeyId, SessionId, UserId};

/// An account that is about to be erased.
pub struct Erased {
    /// The name that it had.
    pub username: String,
    /// Its data key.
    pub key: KeyId,
}

/// Leaves nothing of an account but an empty row with a random name that nobody can type; what it was. None when it is one
/// already.
pub async fn erase_user(
    connection: &mut PgConnection,
    user: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<Erased>> {
    sqlx::query_as!(
        Erased,
        r#"UPDATE users u
           SET username = n.name, name_key = n.name, email = NULL, email_key = NULL, email_verified_at = NULL,
               first_name = '', last_name = '', display_name = '', bio = '', first_key = '', last_key = '', display_key = '',
               password_hash = '', role = 'member', theme = 'system', consent_version = NULL, consented_at = NULL,
               presence_hidden = true, receipts_hidden = true, banned_at = NULL, ban_reason = NULL, last_seen_at = NULL,
               created_at = $2, erased_at = $2
           FROM (SELECT username, data_key_id, 'deleted ' || left(md5(gen_random_uuid()::text), 20) AS name FROM users
                 WHERE id = $1 AND erased_at IS NULL FOR UPDATE) n
           WHERE u.id = $1
           RETURNING n.username, n.data_key_id AS "key: KeyId""#,
        user.0,
        at as _
    )
    .fetch_optional(connection)
    .await
}

/// Deletes what stands beside a person's account: log-ins, which are returned, links, keys, the picture, what the name looks like.
pub async fn delete_belongings(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query!("DELETE FROM login_tokens WHERE user_id = $1", user.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM api_keys WHERE user_id = $1", user.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM pictures WHERE user_id = $1", user.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM username_skeletons WHERE user_id = $1", user.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query_as!(
        EndedSession,
        r#"DELETE FROM user_sessions WHERE user_id = $1 RETURNING id AS "id: SessionId", store_id"#,
        user.0
    )
    .fetch_all(connection)
    .await
}

/// Reserves usernames by their HMACs.
pub async fn insert_reserved(
    connection: &mut PgConnection,
    hashes: &[String],
    until: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO reserved_usernames (hash, reserved_until) SELECT DISTINCT UNNEST($1::text[]), $2::timestamptz
         ON CONFLICT (hash) DO UPDATE SET reserved_until = EXCLUDED.reserved_until",
        hashes,
        until as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether one of these is reserved.
pub async fn is_reserved(db: impl PgExecutor<'_>, hashes: &[String], now: DateTime<Utc>) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM reserved_usernames WHERE hash = ANY($1) AND reserved_until > $2) AS "exists!""#,
        hashes,
        now as _
    )
    .fetch_one(db)
    .await
}

/// Frees usernames that were reserved until then.
pub async fn delete_reserved(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM reserved_usernames WHERE reserved_until <= $1", now as _)
        .execute(connection)
        .await?;
    Ok(())
}
