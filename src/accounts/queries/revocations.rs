//! The SQL of telling every node what ended.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::EndedSession;
use crate::ids::{KeyId, SessionId, UserId};

/// Held while revocations are stored: "umbraRE" as a number that nothing else locks.
const REVOCATIONS_LOCK: i64 = 0x75_6d62_7261_5245;

/// Notes for every node that these log-ins ended, in the transaction that ends them.
pub async fn insert_revocations(connection: &mut PgConnection, ended: &[EndedSession]) -> sqlx::Result<()> {
    let subjects: Vec<_> = ended.iter().map(|session| session.id.0).collect();
    insert(connection, "session", &subjects).await
}

/// Notes for every node that a person hides or does not hide any more, in the transaction that says so.
pub async fn insert_presence_change(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    insert(connection, "presence", &[user.0]).await
}

/// Notes for every node that a data key was destroyed, in the transaction that does so.
pub async fn insert_key_revocation(connection: &mut PgConnection, key: KeyId) -> sqlx::Result<()> {
    insert(connection, "key", &[key.0]).await
}

async fn insert(connection: &mut PgConnection, kind: &str, subjects: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", REVOCATIONS_LOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO revocations (kind, subject) SELECT $1, UNNEST($2::uuid[])",
        kind,
        subjects
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

/// What every node has to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// A log-in ended.
    Session(SessionId),
    /// A data key was destroyed.
    Key(KeyId),
    /// A person hides that they are online, or does not any more.
    Presence {
        /// Who.
        user: UserId,
        /// Whether they hide by now.
        hides: bool,
    },
}

/// What was revoked after that revocation, oldest first, with the revocation's number.
pub async fn list_revocations(db: impl PgExecutor<'_>, after: i64) -> sqlx::Result<Vec<(i64, Revoked)>> {
    let rows = sqlx::query!(
        r#"SELECT r.id, r.subject, r.kind, u.presence_hidden AS "hides?"
           FROM revocations r LEFT JOIN users u ON r.kind = 'presence' AND u.id = r.subject
           WHERE r.id > $1 AND r.kind IN ('session', 'presence', 'key') ORDER BY r.id LIMIT 1000"#,
        after
    );
    let revoked = rows.fetch_all(db).await?.into_iter().map(|row| {
        let revoked = match row.kind.as_str() {
            "presence" => Revoked::Presence {
                user: UserId(row.subject),
                hides: row.hides.unwrap_or(true),
            },
            "key" => Revoked::Key(KeyId(row.subject)),
            _ => Revoked::Session(SessionId(row.subject)),
        };
        (row.id, revoked)
    });
    Ok(revoked.collect())
}

/// Deletes revocations that every node has long read.
pub async fn delete_revocations(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM revocations WHERE at < $1", before as _)
        .execute(db)
        .await?;
    Ok(())
}
