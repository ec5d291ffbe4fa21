//! Whom messages name.

use std::collections::HashMap;

use sqlx::{PgConnection, PgExecutor};

use crate::ids::{RoomId, Seq, UserId};
use crate::messages::model::Mention;
use crate::rooms::model::{Kind, MemberRole};

/// Stores whom these messages name, each by the key of a username: others in the room who may see it. Returns whom.
pub async fn insert_mentions(
    connection: &mut PgConnection,
    named: &[(RoomId, Seq, &str)],
) -> sqlx::Result<Vec<UserId>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<_> = named.iter().map(|(room, ..)| room.0).collect();
    let seqs: Vec<_> = named.iter().map(|(_, seq, _)| seq.0).collect();
    let keys: Vec<_> = named.iter().map(|(.., key)| *key).collect();
    sqlx::query_scalar!(
        r#"INSERT INTO mentions (user_id, room_id, seq)
           SELECT u.id, n.room_id, n.seq
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::text[])) AS n (room_id, seq, name)
           CROSS JOIN LATERAL (SELECT id FROM users WHERE name_key = n.name OFFSET 0) u
           CROSS JOIN LATERAL (SELECT from_seq FROM members WHERE room_id = n.room_id AND user_id = u.id OFFSET 0) m
           CROSS JOIN LATERAL (SELECT author_id FROM messages WHERE room_id = n.room_id AND seq = n.seq OFFSET 0) a
           WHERE m.from_seq < n.seq AND a.author_id <> u.id
           ON CONFLICT DO NOTHING RETURNING user_id AS "user: UserId""#,
        &rooms,
        &seqs,
        &keys as &[&str]
    )
    .fetch_all(connection)
    .await
}

/// What decides whether a message may call everybody in its room.
pub struct Caller {
    /// Where.
    pub room: RoomId,
    /// The message's number.
    pub seq: Seq,
    /// What kind of room.
    pub kind: Kind,
    /// What its author may do there.
    pub role: MemberRole,
    /// Whether its author is an administrator.
    pub is_admin: bool,
}

/// Of each of these messages: its author, as they belong to the room now.
pub async fn list_callers(db: impl PgExecutor<'_>, places: &[(RoomId, Seq)]) -> sqlx::Result<Vec<Caller>> {
    let rooms: Vec<_> = places.iter().map(|(room, _)| room.0).collect();
    let seqs: Vec<_> = places.iter().map(|(_, seq)| seq.0).collect();
    let rows = sqlx::query!(
        r#"SELECT n.room_id AS "room!: RoomId", n.seq AS "seq!: Seq", r.kind, m.role, u.role = 'admin' AS "is_admin!"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS n (room_id, seq)
           CROSS JOIN LATERAL (SELECT author_id FROM messages WHERE room_id = n.room_id AND seq = n.seq OFFSET 0) a
           CROSS JOIN LATERAL (SELECT kind FROM rooms WHERE id = n.room_id OFFSET 0) r
           CROSS JOIN LATERAL (SELECT role FROM members WHERE room_id = n.room_id AND user_id = a.author_id OFFSET 0) m
           CROSS JOIN LATERAL (SELECT role FROM users WHERE id = a.author_id OFFSET 0) u"#,
        &rooms,
        &seqs
    );
    let callers = rows.fetch_all(db).await?.into_iter().filter_map(|row| {
        Some(Caller {
            room: row.room,
            seq: row.seq,
            kind: Kind::parse(&row.kind)?,
            // None for a role that a newer version wrote.
            role: MemberRole::parse(&row.role)?,
            is_admin: row.is_admin,
        })
    });
    Ok(callers.collect())
}

/// Stores that these messages call everybody in their rooms.
pub async fn insert_room_mentions(connection: &mut PgConnection, places: &[(RoomId, Seq)]) -> sqlx::Result<()> {
    let rooms: Vec<_> = places.iter().map(|(room, _)| room.0).collect();
    let seqs: Vec<_> = places.iter().map(|(_, seq)| seq.0).collect();
    sqlx::query!(
        "INSERT INTO room_mentions (room_id, seq) SELECT * FROM UNNEST($1::uuid[], $2::bigint[])",
        &rooms,
        &seqs
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets that the message calls everybody in the room; whether it did.
pub async fn delete_room_mention(connection: &mut PgConnection, room: RoomId, seq: Seq) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM room_mentions WHERE room_id = $1 AND seq = $2",
        room.0,
        seq.0
    );
    Ok(deleted.execute(connection).await?.rows_affected() == 1)
}

/// Forgets where somebody is named, at most so many times. Returns how often they were.
pub async fn delete_mentions_of(connection: &mut PgConnection, user: UserId, limit: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        r#"DELETE FROM mentions m USING (
               SELECT room_id, seq FROM mentions WHERE user_id = $1 ORDER BY room_id, seq LIMIT $2
           ) s WHERE m.user_id = $1 AND m.room_id = s.room_id AND m.seq = s.seq"#,
        user.0,
        limit
    );
    Ok(deleted.execute(connection).await?.rows_affected())
}

/// Forgets whom the message names. Returns whom it did.
pub async fn delete_mentions(connection: &mut PgConnection, room: RoomId, seq: Seq) -> sqlx::Result<Vec<UserId>> {
    sqlx::query_scalar!(
        r#"DELETE FROM mentions WHERE room_id = $1 AND seq = $2 RETURNING user_id AS "user: UserId""#,
        room.0,
        seq.0
    )
    .fetch_all(connection)
    .await
}

/// Whom these messages name.
pub async fn list_mentions(
    db: impl PgExecutor<'_>,
    places: &[(RoomId, Seq)],
) -> sqlx::Result<HashMap<(RoomId, Seq), Vec<Mention>>> {
    let rooms: Vec<_> = places.iter().map(|(room, _)| room.0).collect();
    let seqs: Vec<_> = places.iter().map(|(_, seq)| seq.0).collect();
    let rows = sqlx::query!(
        r#"SELECT q.room_id AS "room!: RoomId", q.seq AS "seq!: Seq", n.user_id AS "user?: UserId", a.username AS "username?"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS q (room_id, seq)
           CROSS JOIN LATERAL (
               SELECT user_id FROM mentions WHERE room_id = q.room_id AND seq = q.seq
               UNION ALL
               -- Everybody.
               SELECT NULL FROM room_mentions WHERE room_id = q.room_id AND seq = q.seq OFFSET 0
           ) n
           LEFT JOIN LATERAL (SELECT username FROM authors WHERE id = n.user_id OFFSET 0) a ON true
           WHERE n.user_id IS NULL OR a.username <> ''"#,
        &rooms,
        &seqs
    )
    .fetch_all(db)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let person = row.user.zip(row.username);
        let mention = person.map_or(Mention::Everybody, |(user, username)| Mention::Person {
            user,
            username,
        });
        found.entry((row.room, row.seq)).or_default().push(mention);
    }
    Ok(found)
}
