//! The SQL of the end of rooms and of memberships in all of them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{Change, RoomId, UserId};

/// Rows that are deleted together.
const BATCH: i64 = 2_000;

/// Makes a locked room one that nobody may see. Its name is free, and nothing can be stored in it.
pub async fn update_deleted(connection: &mut PgConnection, room: RoomId, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE rooms SET kind = 'deleted', slug = id::text, slug_key = id::text, title = 'deleted', topic = '', archived_at = $2
         WHERE id = $1",
        room.0,
        at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the next messages of a deleted room after that one, and what happened there beside as many changes; up to where.
/// None once there can be none.
pub async fn delete_next_rows(
    connection: &mut PgConnection,
    room: RoomId,
    after: Change,
) -> sqlx::Result<Option<Change>> {
    let up_to = after.0 + BATCH;
    // No message has a number greater than the room's last change.
    sqlx::query!(
        "DELETE FROM messages WHERE room_id = $1 AND seq > $2 AND seq <= $3",
        room.0,
        after.0,
        up_to
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM room_events WHERE room_id = $1 AND change > $2 AND change <= $3",
        room.0,
        after.0,
        up_to
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        r#"SELECT $2::bigint AS "up_to!: Change" FROM rooms WHERE id = $1 AND last_change > $2::bigint"#,
        room.0,
        up_to
    )
    .fetch_optional(connection)
    .await
}

/// Deletes a deleted room with what is left in it.
pub async fn delete_room(connection: &mut PgConnection, room: RoomId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM rooms WHERE id = $1 AND kind = 'deleted'", room.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The room after that one, by id, to which the person belongs.
pub async fn next_room_of(db: impl PgExecutor<'_>, user: UserId, after: RoomId) -> sqlx::Result<Option<RoomId>> {
    sqlx::query_scalar!(
        r#"SELECT room_id AS "room: RoomId" FROM members WHERE user_id = $1 AND room_id > $2 ORDER BY room_id LIMIT 1"#,
        user.0,
        after.0
    )
    .fetch_optional(db)
    .await
}
