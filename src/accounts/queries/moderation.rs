//! The SQL of bans, and of what administrators did.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::accounts::model::{Act, AuditEntry};
use crate::ids::UserId;

/// Bans a locked person for that reason, or ends the ban.
pub async fn update_ban(
    connection: &mut PgConnection,
    user: UserId,
    ban: Option<(&str, DateTime<Utc>)>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET banned_at = $2, ban_reason = $3 WHERE id = $1",
        user.0,
        ban.map(|(_, at)| at) as Option<DateTime<Utc>>,
        ban.map(|(reason, _)| reason)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Why somebody is banned; None when they are not.
pub async fn find_ban(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<Option<String>> {
    let reason = sqlx::query_scalar!("SELECT ban_reason FROM users WHERE id = $1", user.0);
    Ok(reason.fetch_optional(db).await?.flatten())
}

/// Notes what an administrator did, in the transaction in which they do it.
pub async fn insert_act(
    connection: &mut PgConnection,
    actor: UserId,
    act: Act,
    (subject, detail): (Option<Uuid>, &str),
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO audit_log (at, actor_id, action, subject_id, detail) VALUES ($1, $2, $3, $4, $5)",
        at as _,
        actor.0,
        act.as_str(),
        subject,
        detail
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of what administrators did before that entry, the newest first.
pub async fn list_acts(db: impl PgExecutor<'_>, before: i64, limit: i64) -> sqlx::Result<Vec<AuditEntry>> {
    let rows = sqlx::query!(
        r#"SELECT l.id, l.at AS "at: DateTime<Utc>", l.action, l.detail, a.username AS "actor?", s.username AS "subject?"
           FROM (SELECT * FROM audit_log WHERE id < $1 ORDER BY id DESC LIMIT $2) l
           LEFT JOIN users a ON a.id = l.actor_id LEFT JOIN users s ON s.id = l.subject_id
           ORDER BY l.id DESC"#,
        before,
        limit
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let entries = rows.filter_map(|row| {
        Some(AuditEntry {
            id: row.id,
            at: row.at,
            act: Act::parse(&row.action)?,
            actor: row.actor,
            subject: row.subject,
            detail: row.detail,
        })
    });
    Ok(entries.collect())
}
