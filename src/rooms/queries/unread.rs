//! The SQL of how far people have read.

use sqlx::PgExecutor;

use super::list::LISTED;
use crate::bus::{ReadMove, Receipt, Shown};
use crate::ids::{RoomId, Seq, UserId};
use crate::rooms::model::{Level, MOST_ROOMS, Read, Unread};

/// Whom messages after those name, each of a room; None for everybody.
pub async fn list_named_since(
    db: impl PgExecutor<'_>,
    rooms: &[(RoomId, Seq)],
) -> sqlx::Result<Vec<(RoomId, Option<UserId>)>> {
    let ids: Vec<_> = rooms.iter().map(|(room, _)| room.0).collect();
    let after: Vec<_> = rooms.iter().map(|(_, seq)| seq.0).collect();
    let rows = sqlx::query!(
        r#"SELECT DISTINCT q.room_id AS "room!: RoomId", n.user_id AS "user?: UserId"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS q (room_id, after)
           CROSS JOIN LATERAL (
               SELECT user_id FROM mentions WHERE room_id = q.room_id AND seq > q.after
               UNION ALL
               SELECT NULL FROM room_mentions WHERE room_id = q.room_id AND seq > q.after OFFSET 0
           ) n"#,
        &ids,
        &after
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.user)).collect())
}

/// Of each of these people: what waits in each of their rooms, so far as the side bar can show them.
pub async fn list_unread(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<(UserId, Unread)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query_as!(
        UnreadRow,
        r#"SELECT m.user_id AS "user!: UserId", m.room_id AS "room!: RoomId", m.last_seq AS "last_seq!: Seq",
                  m.read_version AS "read_version!", m.read_seq AS "read!: Seq",
                  CASE WHEN m.last_seq > m.read_seq
                       THEN count_unread(m.room_id, m.user_id, GREATEST(m.read_seq, m.from_seq)) ELSE 0 END AS "count!",
                  CASE WHEN m.last_seq > m.read_seq
                       THEN count_mentions(m.room_id, m.user_id, GREATEST(m.read_seq, m.from_seq)) ELSE 0 END AS "mentions!",
                  m.notify AS "notify!"
           FROM UNNEST($1::uuid[]) AS p (id)
           CROSS JOIN LATERAL (
               SELECT m.user_id, m.room_id, m.read_version, m.read_seq, m.from_seq, m.notify, r.last_seq
               FROM members m JOIN rooms r ON r.id = m.room_id AND r.kind <> 'deleted'
               WHERE m.user_id = p.id
               -- Of the public ones those that are listed, if there are more.
               ORDER BY r.kind = 'public', r.slug_key LIMIT $2
           ) m"#,
        &people,
        MOST_ROOMS + LISTED
    );
    Ok(rows
        .fetch_all(db)
        .await?
        .into_iter()
        .map(UnreadRow::into_unread)
        .collect())
}

/// The same in some rooms only.
pub async fn list_unread_in(
    db: impl PgExecutor<'_>,
    rooms: &[RoomId],
    people: &[UserId],
) -> sqlx::Result<Vec<(UserId, Unread)>> {
    if rooms.is_empty() || people.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query_as!(
        UnreadRow,
        r#"SELECT m.user_id AS "user: UserId", m.room_id AS "room: RoomId", r.last_seq AS "last_seq: Seq", m.read_version,
                  m.read_seq AS "read: Seq",
                  CASE WHEN r.last_seq > m.read_seq
                       THEN count_unread(m.room_id, m.user_id, GREATEST(m.read_seq, m.from_seq)) ELSE 0 END AS "count!",
                  CASE WHEN r.last_seq > m.read_seq
                       THEN count_mentions(m.room_id, m.user_id, GREATEST(m.read_seq, m.from_seq)) ELSE 0 END AS "mentions!",
                  m.notify
           FROM members m JOIN rooms r ON r.id = m.room_id
           WHERE m.room_id = ANY($1) AND m.user_id = ANY($2)"#,
        &rooms,
        &people
    );
    Ok(rows
        .fetch_all(db)
        .await?
        .into_iter()
        .map(UnreadRow::into_unread)
        .collect())
}

struct UnreadRow {
    user: UserId,
    room: RoomId,
    last_seq: Seq,
    read_version: i64,
    read: Seq,
    count: i64,
    mentions: i64,
    notify: String,
}

impl UnreadRow {
    fn into_unread(self) -> (UserId, Unread) {
        let unread = Unread {
            room: self.room,
            count: self.count,
            mentions: self.mentions,
            level: Level::parse(&self.notify).unwrap_or_default(),
            last_seq: self.last_seq,
            version: self.read_version,
            read: self.read,
        };
        (self.user, unread)
    }
}

/// Moves on how far these people have read, each in one room, and returns those that moved. A page that knows of an older
/// version than the one that is stored does not move it.
pub async fn update_read(db: impl PgExecutor<'_>, reads: &[Read]) -> sqlx::Result<Vec<ReadMove>> {
    let rooms: Vec<_> = reads.iter().map(|read| read.room.0).collect();
    let people: Vec<_> = reads.iter().map(|read| read.user.0).collect();
    let seqs: Vec<_> = reads.iter().map(|read| read.seq.0).collect();
    let versions: Vec<_> = reads.iter().map(|read| read.version).collect();
    // Locked in one order, so that two nodes do not wait for each other.
    let rows = sqlx::query!(
        r#"WITH g AS (
               SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS g (room_id, user_id, seq, version)
           ), locked AS (
               SELECT m.room_id, m.user_id, m.receipt_seq AS before, g.seq, g.version
               FROM members m JOIN g ON m.room_id = g.room_id AND m.user_id = g.user_id
               ORDER BY m.room_id, m.user_id FOR NO KEY UPDATE OF m
           ), moved AS (
               UPDATE members m SET read_seq = LEAST(g.seq, r.last_seq),
                                    receipt_seq = GREATEST(m.receipt_seq, LEAST(g.seq, r.last_seq))
               FROM locked g JOIN rooms r ON r.id = g.room_id
               WHERE m.room_id = g.room_id AND m.user_id = g.user_id AND m.read_seq < LEAST(g.seq, r.last_seq)
                     AND m.read_version = coalesce(g.version, m.read_version)
               RETURNING m.room_id, m.user_id, m.read_seq, m.receipt_seq, g.before, m.from_seq, m.read_version, r.last_seq, r.kind
           ), shown AS (
               SELECT room_id, CASE WHEN has_few_members(room_id) THEN 'named' ELSE 'counted' END AS shown
               FROM (SELECT DISTINCT room_id FROM moved WHERE kind <> 'direct') s
           )
           SELECT m.room_id AS "room: RoomId", m.user_id AS "user: UserId", m.last_seq AS "last_seq: Seq",
                  m.read_version, m.read_seq AS "read: Seq", m.receipt_seq AS "receipt: Seq", m.before AS "before: Seq",
                  count_unread(m.room_id, m.user_id, GREATEST(m.read_seq, m.from_seq)) AS "count!",
                  count_mentions(m.room_id, m.user_id, GREATEST(m.read_seq, m.from_seq)) AS "mentions!",
                  CASE WHEN m.kind = 'direct' THEN CASE WHEN shows_receipts(m.room_id) THEN 'ticked' END
                       WHEN NOT (SELECT receipts_hidden FROM users WHERE id = m.user_id) THEN s.shown END AS shown
           FROM moved m LEFT JOIN shown s ON s.room_id = m.room_id"#,
        &rooms,
        &people,
        &seqs,
        &versions as &[Option<i64>]
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let moves = rows.map(|row| {
        let shown = match row.shown.as_deref() {
            Some("ticked") => Some(Shown::Ticked),
            Some("named") => Some(Shown::Named),
            Some("counted") => Some(Shown::Counted),
            _ => None,
        };
        let receipt = shown.filter(|_| row.receipt > row.before).map(|shown| Receipt {
            seq: row.receipt,
            before: row.before,
            shown,
        });
        ReadMove {
            room: row.room,
            user: row.user,
            count: row.count,
            mentions: row.mentions,
            last_seq: row.last_seq,
            version: row.read_version,
            read: row.read,
            receipt,
        }
    });
    Ok(moves.collect())
}

/// Makes that message the first unread one of a member; None when they are no member.
pub async fn update_unread(
    db: impl PgExecutor<'_>,
    user: UserId,
    room: RoomId,
    seq: Seq,
) -> sqlx::Result<Option<ReadMove>> {
    let row = sqlx::query!(
        r#"WITH moved AS (
               UPDATE members m SET read_seq = LEAST(GREATEST($3::bigint, 1) - 1, r.last_seq), read_version = read_version + 1
               FROM rooms r WHERE r.id = $2 AND m.room_id = r.id AND m.user_id = $1
               RETURNING m.room_id, m.user_id, m.read_seq, m.from_seq, m.read_version, r.last_seq
           )
           SELECT last_seq AS "last_seq: Seq", read_version, read_seq AS "read: Seq",
                  count_unread(room_id, user_id, GREATEST(read_seq, from_seq)) AS "count!",
                  count_mentions(room_id, user_id, GREATEST(read_seq, from_seq)) AS "mentions!"
           FROM moved"#,
        user.0,
        room.0,
        seq.0
    );
    Ok(row.fetch_optional(db).await?.map(|row| ReadMove {
        room,
        user,
        count: row.count,
        mentions: row.mentions,
        last_seq: row.last_seq,
        version: row.read_version,
        read: row.read,
        receipt: None,
    }))
}

/// Changes what of a room a member is told of; false when they are no member.
pub async fn update_level(db: impl PgExecutor<'_>, user: UserId, room: RoomId, level: Level) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE members SET notify = $3 WHERE room_id = $1 AND user_id = $2",
        room.0,
        user.0,
        level.as_str()
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
}

/// How many messages each author wrote in each of these rooms after that message.
pub async fn count_written(
    db: impl PgExecutor<'_>,
    rooms: &[(RoomId, Seq)],
) -> sqlx::Result<Vec<(RoomId, UserId, i64)>> {
    let after: Vec<_> = rooms.iter().map(|(_, seq)| seq.0).collect();
    let rooms: Vec<_> = rooms.iter().map(|(room, _)| room.0).collect();
    let rows = sqlx::query!(
        r#"SELECT s.room_id AS "room: RoomId", s.author_id AS "author: UserId", count(*) AS "count!"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS g (room_id, after_seq)
           CROSS JOIN LATERAL (
               SELECT room_id, author_id FROM messages
               WHERE room_id = g.room_id AND seq > g.after_seq ORDER BY room_id, seq LIMIT 4000
           ) s
           GROUP BY s.room_id, s.author_id"#,
        &rooms,
        &after
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.room, row.author, row.count)).collect())
}
