//! The SQL of messages.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::erasing::Written;
use super::model::{NewMessage, Outcome, Stored};
use crate::accounts::model::Author;
use crate::ids::{Change, ClientId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::model::Span;

/// A stored message with what is needed to open and draw it: its author, and what stood before it.
#[derive(Debug)]
pub struct MessageRow {
    /// Where.
    pub room: RoomId,
    /// Its number.
    pub seq: Seq,
    /// Its id, which is sealed with the body.
    pub id: MessageId,
    /// The sender's id for it.
    pub client_id: ClientId,
    /// Its version, which is sealed with the body.
    pub version: i32,
    /// The sealed body.
    pub body: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
    /// Whether it was deleted, or its author was.
    pub is_deleted: bool,
    /// Its latest change.
    pub change: Change,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its author changed it last.
    pub edited_at: Option<DateTime<Utc>>,
    /// Who wrote it.
    pub author: UserId,
    /// The author's username.
    pub username: String,
    /// The author's name.
    pub name: String,
    /// The version of the author's picture, if there is one.
    pub picture: Option<Uuid>,
    /// The author's data key.
    pub author_key: KeyId,
    /// Who wrote the message before it.
    pub previous_author: Option<UserId>,
    /// When that was written.
    pub previous_at: Option<DateTime<Utc>>,
}

/// Whether it is looked up what stood before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previous {
    /// It is.
    LookedUp,
    /// The caller knows.
    Known,
}

/// The newest messages with numbers in `(from, before)`, oldest first, at most `limit`.
pub async fn list_before(
    db: impl PgExecutor<'_>,
    room: RoomId,
    from: Seq,
    before: Seq,
    limit: i64,
) -> sqlx::Result<Vec<MessageRow>> {
    sqlx::query_as!(
        MessageRow,
        r#"SELECT m.room_id AS "room: RoomId", m.seq AS "seq: Seq", m.id AS "id: MessageId",
                  m.client_id AS "client_id: ClientId", m.version, m.body, m.reply_to AS "reply_to: Seq",
                  (m.deleted_at IS NOT NULL OR a.username = '') AS "is_deleted!", m.change AS "change: Change",
                  m.created_at AS "created_at: DateTime<Utc>", m.edited_at AS "edited_at: DateTime<Utc>", m.author_id AS "author: UserId",
                  a.username AS "username!", a.name AS "name!", a.picture, a.data_key_id AS "author_key!: KeyId",
                  m.previous_author AS "previous_author: UserId", m.previous_at AS "previous_at: DateTime<Utc>"
           FROM (
               SELECT *, lead(author_id) OVER newest AS previous_author, lead(created_at) OVER newest AS previous_at
               FROM messages WHERE room_id = $1 AND seq > $2 AND seq < $3
               WINDOW newest AS (ORDER BY seq DESC) ORDER BY seq DESC LIMIT $4
           ) m JOIN authors a ON a.id = m.author_id ORDER BY m.seq"#,
        room.0,
        from.0,
        before.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// The messages of each span, by room and latest change, at most `limit` of each room.
pub async fn list_changed(
    db: impl PgExecutor<'_>,
    spans: &[Span],
    limit: i64,
    previous: Previous,
) -> sqlx::Result<Vec<MessageRow>> {
    let rooms: Vec<_> = spans.iter().map(|span| span.room.0).collect();
    let begins: Vec<_> = spans.iter().map(|span| span.begins.0).collect();
    let after: Vec<_> = spans.iter().map(|span| span.after.0).collect();
    let up_to: Vec<_> = spans.iter().map(|span| span.up_to.0).collect();
    sqlx::query_as!(
        MessageRow,
        r#"SELECT m.room_id AS "room: RoomId", m.seq AS "seq: Seq", m.id AS "id: MessageId",
                  m.client_id AS "client_id: ClientId", m.version, m.body, m.reply_to AS "reply_to: Seq",
                  (m.deleted_at IS NOT NULL OR a.username = '') AS "is_deleted!", m.change AS "change: Change",
                  m.created_at AS "created_at: DateTime<Utc>", m.edited_at AS "edited_at: DateTime<Utc>", m.author_id AS "author: UserId",
                  a.username AS "username!", a.name AS "name!", a.picture, a.data_key_id AS "author_key!: KeyId",
                  p.author_id AS "previous_author?: UserId", p.created_at AS "previous_at?: DateTime<Utc>"
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS s (room_id, begins, after, up_to)
           CROSS JOIN LATERAL (
               SELECT * FROM messages m
               WHERE m.room_id = s.room_id AND m.seq > s.begins AND m.change > s.after AND m.change <= s.up_to
               ORDER BY m.change LIMIT $5
           ) m JOIN authors a ON a.id = m.author_id
           LEFT JOIN LATERAL (
               SELECT author_id, created_at FROM messages
               WHERE $6 AND room_id = m.room_id AND seq < m.seq AND seq > s.begins ORDER BY seq DESC LIMIT 1
           ) p ON true
           ORDER BY m.room_id, m.change"#,
        &rooms,
        &begins,
        &after,
        &up_to,
        limit,
        previous == Previous::LookedUp
    )
    .fetch_all(db)
    .await
}

/// What a batch does about rooms that somebody else holds locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockedRooms {
    /// Waits for them: usually another node's writer, for milliseconds.
    Wait,
    /// Leaves their messages for later, so that one locked room does not hold up the others.
    Skip,
}

/// Stores a batch of messages, each with a client id of its own, in one transaction, and returns the outcomes in their
/// order; see `store_messages` in `migrations/0035_replies.sql`.
pub async fn store_messages(
    connection: &mut PgConnection,
    messages: &[&NewMessage],
    locked: LockedRooms,
) -> sqlx::Result<Vec<Outcome>> {
    let rooms: Vec<_> = messages.iter().map(|message| message.room.0).collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id.0).collect();
    let authors: Vec<_> = messages.iter().map(|message| message.author.0).collect();
    let keys: Vec<_> = messages.iter().map(|message| message.author_key.0).collect();
    let clients: Vec<_> = messages.iter().map(|message| message.client_id.0).collect();
    let bodies: Vec<_> = messages.iter().map(|message| message.sealed.as_str()).collect();
    let replies: Vec<_> = messages
        .iter()
        .map(|message| message.reply_to.map(|seq| seq.0))
        .collect();
    let times: Vec<_> = messages.iter().map(|message| message.created_at).collect();
    let rows = sqlx::query!(
        r#"SELECT seq, change, duplicate AS "duplicate!", locked AS "locked!",
                  unknown_reply AS "unknown_reply!", username, name, picture
           FROM store_messages($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        &rooms,
        &ids,
        &authors,
        &keys,
        &clients,
        &bodies as &[&str],
        &replies as &[Option<i64>],
        &times as &[DateTime<Utc>],
        locked == LockedRooms::Wait
    )
    // The rows come before the commit; this reads on until the server says that it is done.
    .fetch_all(connection)
    .await?;
    let outcomes = rows.into_iter().zip(messages).map(|(row, message)| {
        let place = row.seq.zip(row.change);
        match place.zip(row.username.zip(row.name)) {
            Some(((seq, change), (username, name))) => Outcome::Stored(
                Stored {
                    seq: Seq(seq),
                    change: Change(change),
                    is_duplicate: row.duplicate,
                },
                Author {
                    id: message.author,
                    username,
                    name,
                    picture: row.picture,
                },
            ),
            None if row.locked => Outcome::Locked,
            None if row.unknown_reply => Outcome::UnknownReply,
            None => Outcome::NotAMember,
        }
    });
    Ok(outcomes.collect())
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
/// `delete_messages` in `migrations/0026_erasure.sql`.
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
}

/// The message of that number.
pub async fn find_standing(db: impl PgExecutor<'_>, room: RoomId, seq: Seq) -> sqlx::Result<Option<Standing>> {
    sqlx::query_as!(
        Standing,
        r#"SELECT id AS "id: MessageId", author_id AS "author: UserId", version, body,
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

/// A message that another one answers.
pub struct QuotedRow {
    /// Where.
    pub room: RoomId,
    /// Its number.
    pub seq: Seq,
    /// Its id, which is sealed with the body.
    pub id: MessageId,
    /// Its version, which is sealed with the body.
    pub version: i32,
    /// The sealed body.
    pub body: Option<String>,
    /// Who wrote it.
    pub author: UserId,
    /// The author's username.
    pub username: String,
    /// The author's name.
    pub name: String,
    /// The version of the author's picture, if there is one.
    pub picture: Option<Uuid>,
    /// The author's data key.
    pub author_key: KeyId,
}

/// These messages, each of a room, as far as their number is greater than the one given for it: where everybody in the room
/// begins to see it, if none is.
pub async fn list_quoted(
    db: impl PgExecutor<'_>,
    quoted: &[(RoomId, Seq, Option<Seq>)],
) -> sqlx::Result<Vec<QuotedRow>> {
    let rooms: Vec<_> = quoted.iter().map(|(room, ..)| room.0).collect();
    let seqs: Vec<_> = quoted.iter().map(|(_, seq, _)| seq.0).collect();
    let begins: Vec<_> = quoted.iter().map(|(.., begins)| begins.map(|seq| seq.0)).collect();
    sqlx::query_as!(
        QuotedRow,
        r#"SELECT m.room_id AS "room: RoomId", m.seq AS "seq: Seq", m.id AS "id: MessageId", m.version, m.body,
                  m.author_id AS "author: UserId", a.username AS "username!", a.name AS "name!", a.picture,
                  a.data_key_id AS "author_key!: KeyId"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::bigint[])) AS q (room_id, seq, begins)
           CROSS JOIN LATERAL (
               SELECT * FROM messages WHERE room_id = q.room_id AND seq = q.seq
               AND seq > coalesce(q.begins, (SELECT max(from_seq) FROM members WHERE room_id = q.room_id), 0) OFFSET 0
           ) m
           CROSS JOIN LATERAL (SELECT * FROM authors WHERE id = m.author_id OFFSET 0) a"#,
        &rooms,
        &seqs,
        &begins as &[Option<i64>]
    )
    .fetch_all(db)
    .await
}

/// The first message of the room that was written then or later, or else its last one; 0 in an empty room.
pub async fn find_message_since(db: impl PgExecutor<'_>, room: RoomId, since: DateTime<Utc>) -> sqlx::Result<Seq> {
    sqlx::query_scalar!(
        r#"SELECT find_message_since($1, $2) AS "seq!: Seq""#,
        room.0,
        since as _
    )
    .fetch_one(db)
    .await
}
