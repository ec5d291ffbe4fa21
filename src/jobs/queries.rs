//! The SQL of jobs.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{Claim, GivenUp};

/// Stores a job that is due at once, and of no use from `expires_at` on.
pub(super) async fn insert_job(
    connection: &mut PgConnection,
    id: Uuid,
    (kind, payload): (&str, &str),
    now: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO jobs (id, kind, payload, run_at, created_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)",
        id,
        kind,
        payload,
        now as _,
        expires_at as _
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
           RETURNING id, kind, payload, attempts AS attempt, expires_at AS "expires_at: DateTime<Utc>""#,
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

/// A page of the jobs that were given up, newest first, still sealed.
pub(super) async fn list_given_up(
    db: impl PgExecutor<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<GivenUp>> {
    sqlx::query_as!(
        GivenUp,
        r#"SELECT id, kind, payload, attempts, coalesce(last_error, '') AS "error!",
                  given_up_at AS "at!: DateTime<Utc>", expires_at AS "expires_at: DateTime<Utc>"
           FROM jobs WHERE given_up_at IS NOT NULL AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(db)
    .await
}

/// How many jobs were given up.
pub(super) async fn count_given_up(db: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM jobs WHERE given_up_at IS NOT NULL"#)
        .fetch_one(db)
        .await
}

/// Makes a job due that was given up, as one that was tried so often; its kind.
pub(super) async fn update_retried(
    connection: &mut PgConnection,
    id: Uuid,
    attempts: i32,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "UPDATE jobs SET given_up_at = NULL, attempts = $2, run_at = $3 WHERE id = $1 AND given_up_at IS NOT NULL
         RETURNING kind",
        id,
        attempts,
        now as _
    )
    .fetch_optional(connection)
    .await
}

/// Deletes a job that was given up; its kind.
pub(super) async fn delete_one_given_up(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "DELETE FROM jobs WHERE id = $1 AND given_up_at IS NOT NULL RETURNING kind",
        id
    )
    .fetch_optional(connection)
    .await
}
