//! The SQL of jobs.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Claim;

/// Stores a job that is due at once.
pub(super) async fn insert_job(
    connection: &mut PgConnection,
    id: Uuid,
    kind: &str,
    payload: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO jobs (id, kind, payload, run_at, created_at) VALUES ($1, $2, $3, $4, $4)",
        id,
        kind,
        payload,
        now as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Claims the job of these kinds that has been due for longest, until `until`. Two nodes never claim the same.
pub(super) async fn claim_job(
    connection: &mut PgConnection,
    kinds: &[String],
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<Option<Claim>> {
    sqlx::query_as!(
        Claim,
        r#"UPDATE jobs SET run_at = $3, attempts = attempts + 1
           WHERE id = (SELECT id FROM jobs WHERE given_up_at IS NULL AND run_at <= $2 AND kind = ANY ($1)
                       ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING id, kind, payload, attempts AS attempt"#,
        kinds,
        now as _,
        until as _
    )
    .fetch_optional(connection)
    .await
}

/// Prolongs a claim; false when it is over.
pub(super) async fn update_lease(
    connection: &mut PgConnection,
    id: Uuid,
    attempt: i32,
    until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE jobs SET run_at = $3 WHERE id = $1 AND attempts = $2",
        id,
        attempt,
        until as _
    );
    Ok(done.execute(connection).await?.rows_affected() > 0)
}

/// Removes a job that is done.
pub(super) async fn delete_job(connection: &mut PgConnection, id: Uuid, attempt: i32) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM jobs WHERE id = $1 AND attempts = $2", id, attempt)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that an attempt failed, and when the next one is due.
pub(super) async fn update_failed(
    connection: &mut PgConnection,
    id: Uuid,
    attempt: i32,
    error: &str,
    next: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE jobs SET last_error = $3, run_at = $4 WHERE id = $1 AND attempts = $2",
        id,
        attempt,
        error,
        next as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the last attempt failed.
pub(super) async fn update_given_up(
    connection: &mut PgConnection,
    id: Uuid,
    attempt: i32,
    error: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE jobs SET last_error = $3, given_up_at = $4 WHERE id = $1 AND attempts = $2",
        id,
        attempt,
        error,
        at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes jobs that were given up before that time.
pub(super) async fn delete_given_up(connection: &mut PgConnection, before: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM jobs WHERE given_up_at < $1", before as _)
        .execute(connection)
        .await?;
    Ok(())
}
