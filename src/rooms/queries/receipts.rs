//! The SQL of who has read what, as far as they let it be seen.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::accounts::model::Author;
use crate::ids::{RoomId, Seq, UserId};

/// Up to which message the other person of somebody's direct chat has read it, if both let it be seen.
pub async fn find_receipt(db: impl PgExecutor<'_>, user: UserId, room: RoomId) -> sqlx::Result<Option<Seq>> {
    sqlx::query_scalar!(
        r#"SELECT receipt_seq AS "receipt: Seq" FROM members
           WHERE room_id = $1 AND user_id <> $2 AND shows_receipts(room_id)"#,
        room.0,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// Whether the room has no more members than are named as readers, and up to which message that member has read it. None
/// when they do not let it be seen.
pub async fn find_readership(db: impl PgExecutor<'_>, room: RoomId, user: UserId) -> sqlx::Result<Option<(bool, Seq)>> {
    let row = sqlx::query!(
        r#"SELECT has_few_members($1) AS "is_small!", m.receipt_seq AS "receipt: Seq"
           FROM members m JOIN users u ON u.id = m.user_id
           WHERE m.room_id = $1 AND m.user_id = $2 AND NOT u.receipts_hidden"#,
        room.0,
        user.0
    );
    Ok(row.fetch_optional(db).await?.map(|row| (row.is_small, row.receipt)))
}

/// Up to which message each member of a small room has read, but for `user`, and as far as they let it be seen.
pub async fn list_readers(db: impl PgExecutor<'_>, room: RoomId, user: UserId) -> sqlx::Result<Vec<(Author, Seq)>> {
    let rows = sqlx::query!(
        r#"SELECT m.user_id AS "id: UserId", a.username AS "username!", a.name AS "name!", a.picture AS "picture: Uuid",
                  m.receipt_seq AS "seq: Seq"
           FROM members m CROSS JOIN LATERAL (
               SELECT a.username, a.name, a.picture, u.receipts_hidden FROM users u JOIN authors a ON a.id = u.id
               WHERE u.id = m.user_id OFFSET 0
           ) a
           WHERE m.room_id = $1 AND m.user_id <> $2 AND NOT a.receipts_hidden ORDER BY m.receipt_seq DESC, a.username"#,
        room.0,
        user.0
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let readers = rows.map(|row| {
        let author = Author {
            id: row.id,
            username: row.username,
            name: row.name,
            picture: row.picture,
        };
        (author, row.seq)
    });
    Ok(readers.collect())
}

/// How many members but for `user` have read that message, as far as they let it be seen; 100 stands for more.
pub async fn count_readers(db: impl PgExecutor<'_>, room: RoomId, user: UserId, seq: Seq) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT FROM members m
               WHERE m.room_id = $1 AND m.user_id <> $2 AND m.receipt_seq >= $3
                     AND NOT (SELECT receipts_hidden FROM users WHERE id = m.user_id) LIMIT 100
           ) s"#,
        room.0,
        user.0,
        seq.0
    )
    .fetch_one(db)
    .await
}

/// Who in these rooms does not let be seen what they read, and sees it of nobody.
pub async fn list_receipt_hiders(db: impl PgExecutor<'_>, rooms: &[RoomId]) -> sqlx::Result<Vec<(RoomId, UserId)>> {
    let rooms: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query!(
        r#"SELECT m.room_id AS "room: RoomId", m.user_id AS "user: UserId"
           FROM members m
           WHERE m.room_id = ANY($1) AND (SELECT receipts_hidden FROM users WHERE id = m.user_id)"#,
        &rooms
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.room, row.user)).collect())
}
