//! The SQL of passwords that people who are logged in give once more.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::ids::SessionId;

/// When the password of a log-in was last given: at its beginning, or later.
pub async fn find_confirmed_at(db: impl PgExecutor<'_>, session: SessionId) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(confirmed_at, created_at) AS "at!: DateTime<Utc>" FROM user_sessions WHERE id = $1"#,
        session.0
    )
    .fetch_optional(db)
    .await
}

/// Notes that somebody who is logged in gave their password once more.
pub async fn update_confirmed_at(db: impl PgExecutor<'_>, session: SessionId, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE user_sessions SET confirmed_at = $2 WHERE id = $1",
        session.0,
        at as _
    )
    .execute(db)
    .await?;
    Ok(())
}
