//! The SQL of messages: reading them here, storing them in `storing`, changing them in `changing`, whom
//! they name in `mentioning`, reactions in `reacting`.

mod changing;
mod mentioning;
mod reacting;
mod storing;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::ids::{Change, ClientId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::model::Span;

pub use changing::*;
pub use mentioning::*;
pub use reacting::*;
pub use storing::*;

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
    /// Whether somebody reacts to it.
    pub has_reactions: bool,
    /// Whether files go with it.
    pub has_files: bool,
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
                  (m.deleted_at IS NOT NULL OR a.username = '') AS "is_deleted!", m.change AS "change: Change", m.has_reactions, m.has_files,
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

/// The number of the newest message that stands as it did at that change. One that was altered since is not known to have
/// been there.
pub async fn find_newest_seq_at(db: impl PgExecutor<'_>, room: RoomId, change: Change) -> sqlx::Result<Seq> {
    let found = sqlx::query_scalar!(
        r#"SELECT seq AS "seq: Seq" FROM messages WHERE room_id = $1 AND change <= $2 ORDER BY seq DESC LIMIT 1"#,
        room.0,
        change.0
    );
    Ok(found.fetch_optional(db).await?.unwrap_or_default())
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
                  (m.deleted_at IS NOT NULL OR a.username = '') AS "is_deleted!", m.change AS "change: Change", m.has_reactions, m.has_files,
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
