//! The SQL of what happened in rooms besides messages.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::accounts::model::Author;
use crate::ids::{Change, RoomId, Seq, UserId};
use crate::rooms::model::{EventKind, RoomEvent, Span};

/// Each room's events with changes in `(after, up_to]`, oldest first, at most `limit` of each room.
pub async fn list_events_changed(
    db: impl PgExecutor<'_>,
    spans: &[Span],
    limit: i64,
) -> sqlx::Result<Vec<(RoomId, RoomEvent)>> {
    let rooms: Vec<_> = spans.iter().map(|span| span.room.0).collect();
    let after: Vec<_> = spans.iter().map(|span| span.after.0).collect();
    let up_to: Vec<_> = spans.iter().map(|span| span.up_to.0).collect();
    let rows = sqlx::query_as!(
        EventRow,
        "SELECT e.room_id, e.change, e.after_seq, e.kind, e.at, e.actor_id, u.first_name, u.last_name, u.username
         FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS s (room_id, after, up_to)
         CROSS JOIN LATERAL (
             SELECT * FROM room_events e WHERE e.room_id = s.room_id AND e.change > s.after AND e.change <= s.up_to
             ORDER BY e.change LIMIT $4
         ) e JOIN users u ON u.id = e.actor_id ORDER BY e.room_id, e.change",
        &rooms,
        &after,
        &up_to,
        limit
    );
    let events = rows.fetch_all(db).await?.into_iter();
    Ok(events
        .filter_map(|row| Some((RoomId(row.room_id), row.into_event()?)))
        .collect())
}

/// The newest events drawn after messages in `[from, to)` and not newer than `up_to`, oldest first, at most `limit`.
pub async fn list_events_between(
    db: impl PgExecutor<'_>,
    room: RoomId,
    from: Seq,
    to: Seq,
    up_to: Change,
    limit: i64,
) -> sqlx::Result<Vec<RoomEvent>> {
    let rows = sqlx::query_as!(
        EventRow,
        "SELECT e.room_id, e.change, e.after_seq, e.kind, e.at, e.actor_id, u.first_name, u.last_name, u.username
         FROM room_events e JOIN users u ON u.id = e.actor_id
         WHERE e.room_id = $1 AND e.after_seq >= $2 AND e.after_seq < $3 AND e.change <= $4
         ORDER BY e.after_seq DESC, e.change DESC LIMIT $5",
        room.0,
        from.0,
        to.0,
        up_to.0,
        limit
    );
    let mut events: Vec<_> = rows
        .fetch_all(db)
        .await?
        .into_iter()
        .filter_map(EventRow::into_event)
        .collect();
    events.reverse();
    Ok(events)
}

struct EventRow {
    room_id: uuid::Uuid,
    change: i64,
    after_seq: i64,
    kind: String,
    at: DateTime<Utc>,
    actor_id: uuid::Uuid,
    first_name: String,
    last_name: String,
    username: String,
}

impl EventRow {
    /// None for a kind that a newer version wrote.
    fn into_event(self) -> Option<RoomEvent> {
        Some(RoomEvent {
            change: Change(self.change),
            after_seq: Seq(self.after_seq),
            kind: EventKind::parse(&self.kind)?,
            actor: Author::new(UserId(self.actor_id), &self.first_name, &self.last_name, &self.username),
            at: self.at,
        })
    }
}
