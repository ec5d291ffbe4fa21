//! The SQL of what a person lets others see, and of their consent.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::UserId;

/// What a person hides from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// That they are online.
    pub presence: bool,
    /// What they have read.
    pub receipts: bool,
}

/// What that person hides.
pub async fn find_hidden(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<Hidden> {
    sqlx::query_as!(
        Hidden,
        "SELECT presence_hidden AS presence, receipts_hidden AS receipts FROM users WHERE id = $1",
        user.0
    )
    .fetch_one(db)
    .await
}

/// Hides that the person is online, or does not any more; false when it was so before.
pub async fn update_presence_hidden(connection: &mut PgConnection, user: UserId, hidden: bool) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE users SET presence_hidden = $2 WHERE id = $1 AND presence_hidden <> $2",
        user.0,
        hidden
    );
    Ok(done.execute(connection).await?.rows_affected() > 0)
}

/// Hides what the person has read, or does not any more.
pub async fn update_receipts_hidden(db: impl PgExecutor<'_>, user: UserId, hidden: bool) -> sqlx::Result<()> {
    sqlx::query!("UPDATE users SET receipts_hidden = $2 WHERE id = $1", user.0, hidden)
        .execute(db)
        .await?;
    Ok(())
}

/// What somebody agreed to, and when.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The version of the privacy page.
    pub version: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What that person agreed to last; None when they were never asked.
pub async fn find_consent(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<Option<Consent>> {
    sqlx::query_as!(
        Consent,
        r#"SELECT consent_version AS "version!", consented_at AS "at!: DateTime<Utc>" FROM users
           WHERE id = $1 AND consent_version IS NOT NULL"#,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// Notes what the person agrees to, and when.
pub async fn update_consent(
    db: impl PgExecutor<'_>,
    user: UserId,
    version: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET consent_version = $2, consented_at = $3 WHERE id = $1",
        user.0,
        version,
        at as _
    )
    .execute(db)
    .await?;
    Ok(())
}
