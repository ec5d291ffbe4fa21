//! The SQL of messages.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::NewMessage;
use crate::ids::{Change, ClientId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::model::Span;

/// A stored message with what is needed to open and draw it: its author, and what stood before it.
#[derive(Debug)]
pub struct Row {
    pub(super) room_id: Uuid,
    pub(super) seq: i64,
    pub(super) id: Uuid,
    pub(super) client_id: Uuid,
    pub(super) version: i32,
    pub(super) body: Option<String>,
    pub(super) change: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) author_id: Uuid,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) username: String,
    pub(super) author_key: Uuid,
    pub(super) previous_author: Option<Uuid>,
    pub(super) previous_at: Option<DateTime<Utc>>,
}

impl Row {
    /// The room.
    pub fn room(&self) -> RoomId {
        RoomId(self.room_id)
    }

    /// The author's data key.
    pub fn author_key(&self) -> KeyId {
        KeyId(self.author_key)
    }

    /// The message's id.
    pub fn id(&self) -> MessageId {
        MessageId(self.id)
    }
}

/// The newest messages with numbers in `(from, before)`, oldest first, at most `limit`.
pub async fn list_before(
    db: impl PgExecutor<'_>,
    room: RoomId,
    from: Seq,
    before: Seq,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "SELECT m.room_id, m.seq, m.id, m.client_id, m.version, m.body, m.change, m.created_at,
                u.id AS author_id, u.first_name, u.last_name, u.username, u.data_key_id AS author_key,
                m.previous_author, m.previous_at
         FROM (
             SELECT *, lead(author_id) OVER newest AS previous_author, lead(created_at) OVER newest AS previous_at
             FROM messages WHERE room_id = $1 AND seq > $2 AND seq < $3
             WINDOW newest AS (ORDER BY seq DESC) ORDER BY seq DESC LIMIT $4
         ) m JOIN users u ON u.id = m.author_id ORDER BY m.seq",
        room.0,
        from.0,
        before.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// The messages of each span, by room and latest change, at most `limit` of each room.
pub async fn list_changed(db: impl PgExecutor<'_>, spans: &[Span], limit: i64) -> sqlx::Result<Vec<Row>> {
    let rooms: Vec<_> = spans.iter().map(|span| span.room.0).collect();
    let from: Vec<_> = spans.iter().map(|span| span.from.0).collect();
    let after: Vec<_> = spans.iter().map(|span| span.after.0).collect();
    let up_to: Vec<_> = spans.iter().map(|span| span.up_to.0).collect();
    sqlx::query_as!(
        Row,
        r#"SELECT m.room_id, m.seq, m.id, m.client_id, m.version, m.body, m.change, m.created_at,
                  u.id AS author_id, u.first_name, u.last_name, u.username, u.data_key_id AS author_key,
                  p.author_id AS "previous_author?", p.created_at AS "previous_at?"
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS s (room_id, from_seq, after, up_to)
           CROSS JOIN LATERAL (
               SELECT * FROM messages m
               WHERE m.room_id = s.room_id AND m.seq > s.from_seq AND m.change > s.after AND m.change <= s.up_to
               ORDER BY m.change LIMIT $5
           ) m JOIN users u ON u.id = m.author_id
           LEFT JOIN messages p ON p.room_id = m.room_id AND p.seq = m.seq - 1 AND p.seq > s.from_seq
           ORDER BY m.room_id, m.change"#,
        &rooms,
        &from,
        &after,
        &up_to,
        limit
    )
    .fetch_all(db)
    .await
}

/// A room's counters, as the writer hands them out.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    /// Which room.
    pub room: RoomId,
    /// Messages so far.
    pub last_seq: i64,
    /// Changes so far.
    pub last_change: i64,
    /// Whether it can be written in.
    pub open: bool,
}

struct CountersRow {
    id: Uuid,
    last_seq: i64,
    last_change: i64,
    open: bool,
}

impl From<CountersRow> for Counters {
    fn from(row: CountersRow) -> Self {
        Self {
            room: RoomId(row.id),
            last_seq: row.last_seq,
            last_change: row.last_change,
            open: row.open,
        }
    }
}

/// Locks the rooms in the order of their ids, as every transaction does, so that two never wait for each other.
pub async fn lock_counters(connection: &mut PgConnection, rooms: &[RoomId]) -> sqlx::Result<Vec<Counters>> {
    let ids: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query_as!(
        CountersRow,
        r#"SELECT id, last_seq, last_change, archived_at IS NULL AS "open!"
           FROM rooms WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"#,
        &ids
    );
    Ok(rows
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(Counters::from)
        .collect())
}

/// The same without waiting: rooms that somebody else holds locked are left out.
pub async fn lock_free_counters(connection: &mut PgConnection, rooms: &[RoomId]) -> sqlx::Result<Vec<Counters>> {
    let ids: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query_as!(
        CountersRow,
        r#"SELECT id, last_seq, last_change, archived_at IS NULL AS "open!"
           FROM rooms WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"#,
        &ids
    );
    Ok(rows
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(Counters::from)
        .collect())
}

/// Of these rooms, those that exist.
pub async fn list_existing(connection: &mut PgConnection, rooms: &[RoomId]) -> sqlx::Result<HashSet<RoomId>> {
    let ids: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query_scalar!("SELECT id FROM rooms WHERE id = ANY($1)", &ids);
    Ok(rows.fetch_all(connection).await?.into_iter().map(RoomId).collect())
}

/// What identifies a message to its sender.
pub type ClientKey = (UserId, RoomId, ClientId);

/// Of these messages, those that are stored already, with number and change.
pub async fn list_stored(
    connection: &mut PgConnection,
    keys: &[ClientKey],
) -> sqlx::Result<Vec<(ClientKey, Seq, Change)>> {
    let authors: Vec<_> = keys.iter().map(|key| key.0.0).collect();
    let rooms: Vec<_> = keys.iter().map(|key| key.1.0).collect();
    let clients: Vec<_> = keys.iter().map(|key| key.2.0).collect();
    let rows = sqlx::query!(
        "SELECT m.author_id, m.room_id, m.client_id, m.seq, m.change
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS k (author_id, room_id, client_id)
         JOIN messages m USING (author_id, room_id, client_id)",
        &authors,
        &rooms,
        &clients
    )
    .fetch_all(connection)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let key = (UserId(row.author_id), RoomId(row.room_id), ClientId(row.client_id));
        (key, Seq(row.seq), Change(row.change))
    });
    Ok(stored.collect())
}

/// Of these authors, those who belong to the room now and whose data key still stands.
pub async fn list_entitled(
    connection: &mut PgConnection,
    authors: &[(RoomId, UserId, KeyId)],
) -> sqlx::Result<Vec<(RoomId, UserId, KeyId)>> {
    let rooms: Vec<_> = authors.iter().map(|author| author.0.0).collect();
    let users: Vec<_> = authors.iter().map(|author| author.1.0).collect();
    let keys: Vec<_> = authors.iter().map(|author| author.2.0).collect();
    let rows = sqlx::query!(
        r#"SELECT a.room_id AS "room_id!", a.user_id AS "user_id!", a.key_id AS "key_id!"
           FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS a (room_id, user_id, key_id)
           JOIN members m ON m.room_id = a.room_id AND m.user_id = a.user_id
           JOIN data_keys k ON k.id = a.key_id"#,
        &rooms,
        &users,
        &keys
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (RoomId(row.room_id), UserId(row.user_id), KeyId(row.key_id)))
        .collect())
}

/// Sets the counters of rooms that are locked already.
pub async fn update_counters(connection: &mut PgConnection, counters: &[Counters]) -> sqlx::Result<()> {
    let rooms: Vec<_> = counters.iter().map(|counter| counter.room.0).collect();
    let seqs: Vec<_> = counters.iter().map(|counter| counter.last_seq).collect();
    let changes: Vec<_> = counters.iter().map(|counter| counter.last_change).collect();
    sqlx::query!(
        "UPDATE rooms r SET last_seq = n.last_seq, last_change = n.last_change
         FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS n (id, last_seq, last_change) WHERE r.id = n.id",
        &rooms,
        &seqs,
        &changes
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores messages with their numbers, in one statement.
pub async fn insert_messages(
    connection: &mut PgConnection,
    messages: &[(&NewMessage, Seq, Change)],
) -> sqlx::Result<()> {
    let rooms: Vec<_> = messages.iter().map(|(message, ..)| message.room.0).collect();
    let seqs: Vec<_> = messages.iter().map(|(_, seq, _)| seq.0).collect();
    let ids: Vec<_> = messages.iter().map(|(message, ..)| message.id.0).collect();
    let authors: Vec<_> = messages.iter().map(|(message, ..)| message.author.id.0).collect();
    let clients: Vec<_> = messages.iter().map(|(message, ..)| message.client_id.0).collect();
    let bodies: Vec<_> = messages.iter().map(|(message, ..)| message.sealed.clone()).collect();
    let changes: Vec<_> = messages.iter().map(|(.., change)| change.0).collect();
    let times: Vec<_> = messages.iter().map(|(message, ..)| message.created_at).collect();
    sqlx::query!(
        "INSERT INTO messages (room_id, seq, id, author_id, client_id, body, change, created_at)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                              $7::bigint[], $8::timestamptz[])",
        &rooms,
        &seqs,
        &ids,
        &authors,
        &clients,
        &bodies,
        &changes,
        &times
    )
    .execute(connection)
    .await?;
    Ok(())
}
