//! The SQL of what happened in rooms besides messages.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

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
        r#"SELECT e.room_id AS "room: RoomId", e.change AS "change: Change", e.after_seq AS "after_seq: Seq", e.kind,
                  e.at AS "at: DateTime<Utc>", e.actor_id AS "actor: UserId", a.username AS "username!",
                  a.name AS "name!", a.picture, b.id AS "subject?: UserId", b.username AS "subject_username?",
                  b.name AS "subject_name?", b.picture AS "subject_picture?"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::bigint[])) AS s (room_id, after, up_to)
         CROSS JOIN LATERAL (
             SELECT * FROM room_events e WHERE e.room_id = s.room_id AND e.change > s.after AND e.change <= s.up_to
             ORDER BY e.change LIMIT $4
         ) e JOIN authors a ON a.id = e.actor_id LEFT JOIN authors b ON b.id = e.subject_id ORDER BY e.room_id, e.change"#,
        &rooms,
        &after,
        &up_to,
        limit
    );
    let events = rows.fetch_all(db).await?.into_iter();
    Ok(events.filter_map(|row| Some((row.room, row.into_event()?))).collect())
}

/// The newest events drawn after message `from` or a later one and before `end` (the message before an event, and its
/// change), with changes in `(after, up_to]`, oldest first, at most `limit`.
pub async fn list_events_between(
    db: impl PgExecutor<'_>,
    room: RoomId,
    from: Seq,
    end: (Seq, Change),
    (after, up_to): (Change, Change),
    limit: i64,
) -> sqlx::Result<Vec<RoomEvent>> {
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT e.room_id AS "room: RoomId", e.change AS "change: Change", e.after_seq AS "after_seq: Seq", e.kind,
                  e.at AS "at: DateTime<Utc>", e.actor_id AS "actor: UserId", a.username AS "username!",
                  a.name AS "name!", a.picture, b.id AS "subject?: UserId", b.username AS "subject_username?",
                  b.name AS "subject_name?", b.picture AS "subject_picture?"
           FROM room_events e JOIN authors a ON a.id = e.actor_id LEFT JOIN authors b ON b.id = e.subject_id
         WHERE e.room_id = $1 AND e.after_seq >= $2 AND (e.after_seq, e.change) < ($3, $4)
               AND e.change > $5 AND e.change <= $6
         ORDER BY e.after_seq DESC, e.change DESC LIMIT $7"#,
        room.0,
        from.0,
        end.0.0,
        end.1.0,
        after.0,
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
    room: RoomId,
    change: Change,
    after_seq: Seq,
    kind: String,
    at: DateTime<Utc>,
    actor: UserId,
    username: String,
    name: String,
    picture: Option<Uuid>,
    subject: Option<UserId>,
    subject_username: Option<String>,
    subject_name: Option<String>,
    subject_picture: Option<Uuid>,
}

impl EventRow {
    /// None for a kind that a newer version wrote.
    fn into_event(self) -> Option<RoomEvent> {
        let subject = Author::joined(
            self.subject,
            self.subject_username,
            self.subject_name,
            self.subject_picture,
        );
        Some(RoomEvent {
            change: self.change,
            after_seq: self.after_seq,
            kind: EventKind::parse(&self.kind)?,
            actor: Author {
                id: self.actor,
                username: self.username,
                name: self.name,
                picture: self.picture,
            },
            subject,
            at: self.at,
        })
    }
}
