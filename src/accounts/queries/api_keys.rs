//! The SQL of the keys for encrypted bodies, and of the bodies that came with them lately.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{ApiKeyId, UserId};

/// A key, as its owner sees it.
#[derive(Debug)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// How many keys the person has, whose account is locked until the end of the transaction; None when it was erased.
pub async fn lock_and_count_api_keys(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Option<i64>> {
    let locked = sqlx::query!(
        r#"SELECT id FROM users WHERE id = $1 AND erased_at IS NULL FOR UPDATE"#,
        user.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    if locked.is_none() {
        return Ok(None);
    }
    // A statement of its own, so that it sees what was committed before the lock was free.
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM api_keys WHERE user_id = $1"#,
        user.0
    )
    .fetch_one(connection)
    .await
    .map(Some)
}

/// Stores a key.
pub async fn insert_api_key(
    connection: &mut PgConnection,
    user: UserId,
    (id, name, sealed): (ApiKeyId, &str, &str),
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO api_keys (id, user_id, name, sealed, created_at) VALUES ($1, $2, $3, $4, $5)",
        id.0,
        user.0,
        name,
        sealed,
        at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A person's keys, newest first.
pub async fn list_api_keys(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<Vec<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, created_at AS "created_at: DateTime<Utc>",
                  last_used_at AS "last_used_at: DateTime<Utc>"
           FROM api_keys WHERE user_id = $1 ORDER BY created_at DESC, id DESC"#,
        user.0
    )
    .fetch_all(db)
    .await
}

/// A key as it is stored.
pub struct SealedApiKey {
    /// Sealed for its row, with its owner's data key.
    pub sealed: String,
    /// When it was last used, to the hour.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The key of that id, if it is that person's.
pub async fn find_api_key(db: impl PgExecutor<'_>, id: ApiKeyId, user: UserId) -> sqlx::Result<Option<SealedApiKey>> {
    sqlx::query_as!(
        SealedApiKey,
        r#"SELECT sealed, last_used_at AS "last_used_at: DateTime<Utc>" FROM api_keys WHERE id = $1 AND user_id = $2"#,
        id.0,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// Notes that a key is in use.
pub async fn update_api_key_use(db: impl PgExecutor<'_>, id: ApiKeyId, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", id.0, at as _)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes a key, if it is that person's; whether it was.
pub async fn delete_api_key(db: impl PgExecutor<'_>, id: ApiKeyId, user: UserId) -> sqlx::Result<bool> {
    let done = sqlx::query!("DELETE FROM api_keys WHERE id = $1 AND user_id = $2", id.0, user.0);
    Ok(done.execute(db).await?.rows_affected() > 0)
}

/// Notes that a body came; false when it came before, or its key is gone.
pub async fn insert_api_body_seen(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    iv: &[u8],
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO api_bodies_seen (key_id, iv, seen_at) SELECT id, $2, $3 FROM api_keys WHERE id = $1
         ON CONFLICT (key_id, iv) DO NOTHING",
        key.0,
        iv,
        at as _
    );
    Ok(done.execute(db).await?.rows_affected() > 0)
}

/// Forgets bodies that came before then.
pub async fn delete_api_bodies_seen(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM api_bodies_seen WHERE seen_at < $1", before as _)
        .execute(db)
        .await?;
    Ok(())
}
