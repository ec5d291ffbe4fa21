//! The SQL of the administrator's rooms.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::rooms::model::{AdminRow, MessageCounts, Show};

/// A page of public rooms for the administrator, by name, after the room with key `after`.
pub async fn list_for_admin(
    db: impl PgExecutor<'_>,
    show: Show,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<AdminRow>> {
    sqlx::query_as!(
        AdminRow,
        r#"SELECT r.slug, r.title, r.topic, r.last_seq AS messages,
                  r.created_at AS "created_at: DateTime<Utc>", r.archived_at AS "archived_at: DateTime<Utc>",
                  (SELECT count(*) FROM members m WHERE m.room_id = r.id) AS "members!",
                  (SELECT m.created_at FROM messages m WHERE m.room_id = r.id AND m.seq = r.last_seq)
                      AS "last_active: DateTime<Utc>"
           FROM rooms r
           WHERE r.kind = 'public' AND r.slug_key > $1
             AND ($2 = 'all' OR ($2 = 'open') = (r.archived_at IS NULL))
           ORDER BY r.slug_key LIMIT $3"#,
        after,
        show.as_str(),
        limit
    )
    .fetch_all(db)
    .await
}

/// How many public rooms there are, for the administrator's overview and list.
pub async fn count_public_rooms(db: impl PgExecutor<'_>, show: Show) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM rooms
           WHERE kind = 'public' AND ($1 = 'all' OR ($1 = 'open') = (archived_at IS NULL))"#,
        show.as_str()
    )
    .fetch_one(db)
    .await
}

/// How many messages all rooms have. Each room counts its own, so that nobody has to read them.
pub async fn count_messages(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> sqlx::Result<MessageCounts> {
    sqlx::query_as!(
        MessageCounts,
        r#"SELECT coalesce(sum(last_seq), 0)::bigint AS "all!",
                  coalesce(sum(last_seq - last_day_begins)
                           FILTER (WHERE last_day = ($1::timestamptz AT TIME ZONE 'UTC')::date), 0)::bigint AS "today!"
           FROM rooms"#,
        now as _
    )
    .fetch_one(db)
    .await
}
