//! Changing and deleting messages that stand.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::ids::{Change, ClientId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::messages::erasing::Written;

/// What is to be changed of a message.
pub struct Standing {
    /// Its id, which is sealed with the body.
    pub id: MessageId,
    /// Who wrote it.
    pub author: UserId,
    /// The author's data key.
    pub author_key: KeyId,
    /// Its version, which is sealed with the body.
    pub version: i32,
    /// The sealed body; None when it was deleted.
    pub body: Option<String>,
    /// Whether files go with it.
    pub has_files: bool,
}

/// The message of that number.
pub async fn find_standing(db: impl PgExecutor<'_>, room: RoomId, seq: Seq) -> sqlx::Result<Option<Standing>> {
    sqlx::query_as!(
        Standing,
        r#"SELECT id AS "id: MessageId", author_id AS "author: UserId", version, body, has_files,
                  (SELECT data_key_id FROM users WHERE users.id = author_id) AS "author_key!: KeyId"
           FROM messages WHERE room_id = $1 AND seq = $2"#,
        room.0,
        seq.0
    )
    .fetch_optional(db)
    .await
}

/// Stores a new text, sealed for the version after that one, of a message in a room that is locked: a change of the room.
/// None when the author's data key is gone.
pub async fn update_body(
    connection: &mut PgConnection,
    (room, seq): (RoomId, Seq),
    standing: &Standing,
    sealed: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<Change>> {
    sqlx::query_scalar!(
        r#"WITH taken AS (
               UPDATE rooms SET last_change = last_change + 1
               WHERE id = $1 AND (SELECT true FROM data_keys WHERE id = $3) RETURNING last_change
           )
           UPDATE messages SET body = $4, version = version + 1, edited_at = $5, change = taken.last_change
           FROM taken WHERE room_id = $1 AND seq = $2 RETURNING change AS "change: Change""#,
        room.0,
        seq.0,
        standing.author_key.0,
        sealed,
        at as _
    )
    .fetch_optional(connection)
    .await
}

/// A message that may have to be deleted.
pub struct ToErase {
    /// Where.
    pub room: RoomId,
    /// Its number.
    pub seq: Seq,
    /// The sender's id for it.
    pub client_id: ClientId,
    /// Whether it is one of those, and is not deleted already.
    pub is_due: bool,
}

/// What the person wrote after that message, by the sender's id and in full, as for an export (`privacy::queries`).
pub async fn list_to_erase(
    db: impl PgExecutor<'_>,
    written: Written,
    (client_id, room): (ClientId, RoomId),
    limit: i64,
) -> sqlx::Result<Vec<ToErase>> {
    sqlx::query_as!(
        ToErase,
        r#"SELECT room_id AS "room: RoomId", seq AS "seq: Seq", client_id AS "client_id: ClientId",
                  (deleted_at IS NULL AND ($6::uuid IS NULL OR room_id = $6)
                   AND ($7::timestamptz IS NULL OR created_at <= $7)) AS "is_due!"
           FROM messages
           WHERE (author_id, client_id, room_id) > ($1, $2, $3) AND (author_id, client_id, room_id) <= ($1, $4, $4)
           ORDER BY author_id, client_id, room_id LIMIT $5"#,
        written.author.0,
        client_id.0,
        room.0,
        Uuid::max(),
        limit,
        written.room.map(|room| room.0),
        written.until as Option<DateTime<Utc>>
    )
    .fetch_all(db)
    .await
}

/// Takes the texts of these messages out of a room that is locked, each with a change of its own; the last of them. See
/// `delete_messages` in `migrations/0040_room_mentions.sql`.
pub async fn update_deleted(
    connection: &mut PgConnection,
    room: RoomId,
    seqs: &[Seq],
    at: DateTime<Utc>,
) -> sqlx::Result<Change> {
    let seqs: Vec<_> = seqs.iter().map(|seq| seq.0).collect();
    sqlx::query_scalar!(
        r#"SELECT delete_messages($1, $2, $3) AS "change!: Change""#,
        room.0,
        &seqs,
        at as _
    )
    .fetch_one(connection)
    .await
}
