//! The SQL of messages.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{NewMessage, Outcome, Refusal, Stored};
use crate::ids::{Change, KeyId, MessageId, RoomId, Seq};
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

/// The messages of each span, by room and latest change, at most `limit` of each room. Only with `placed` it is looked
/// up what stood before each.
pub async fn list_changed(db: impl PgExecutor<'_>, spans: &[Span], limit: i64, placed: bool) -> sqlx::Result<Vec<Row>> {
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
           LEFT JOIN LATERAL (
               SELECT author_id, created_at FROM messages
               WHERE $6 AND room_id = m.room_id AND seq < m.seq AND seq > s.from_seq ORDER BY seq DESC LIMIT 1
           ) p ON true
           ORDER BY m.room_id, m.change"#,
        &rooms,
        &from,
        &after,
        &up_to,
        limit,
        placed
    )
    .fetch_all(db)
    .await
}

/// Stores a batch of messages, each with a client id of its own, in one transaction, and gives the outcomes in their
/// order; see `migrations/0004_store_messages.sql`. With `wait` it waits for rooms that somebody else holds locked.
pub async fn store_messages(
    connection: &mut PgConnection,
    messages: &[&NewMessage],
    wait: bool,
) -> sqlx::Result<Vec<Outcome>> {
    let rooms: Vec<_> = messages.iter().map(|message| message.room.0).collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id.0).collect();
    let authors: Vec<_> = messages.iter().map(|message| message.author.id.0).collect();
    let keys: Vec<_> = messages.iter().map(|message| message.author_key.0).collect();
    let clients: Vec<_> = messages.iter().map(|message| message.client_id.0).collect();
    let bodies: Vec<_> = messages.iter().map(|message| message.sealed.as_str()).collect();
    let times: Vec<_> = messages.iter().map(|message| message.created_at).collect();
    let rows = sqlx::query!(
        r#"SELECT seq, change, again AS "again!", locked AS "locked!"
           FROM store_messages($1, $2, $3, $4, $5, $6, $7, $8)"#,
        &rooms,
        &ids,
        &authors,
        &keys,
        &clients,
        &bodies as &[&str],
        &times,
        wait
    )
    // The rows come before the commit; this reads on until the server says that it is done.
    .fetch_all(connection)
    .await?;
    let outcomes = rows.into_iter().map(|row| match (row.seq, row.change) {
        (Some(seq), Some(change)) => Outcome::Known(Ok(Stored {
            seq: Seq(seq),
            change: Change(change),
            again: row.again,
        })),
        _ if row.locked => Outcome::Locked,
        _ => Outcome::Known(Err(Refusal::NotAMember)),
    });
    Ok(outcomes.collect())
}
