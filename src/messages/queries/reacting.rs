//! Reactions to messages.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{Change, RoomId, Seq, UserId};
use crate::messages::model::{Emoji, Reaction};

/// The reactions to these messages, each message's in the order in which they were first given.
pub async fn list_reactions(
    db: impl PgExecutor<'_>,
    places: &[(RoomId, Seq)],
) -> sqlx::Result<HashMap<(RoomId, Seq), Vec<Reaction>>> {
    let rooms: Vec<_> = places.iter().map(|(room, _)| room.0).collect();
    let seqs: Vec<_> = places.iter().map(|(_, seq)| seq.0).collect();
    let rows = sqlx::query!(
        r#"SELECT q.room_id AS "room!: RoomId", q.seq AS "seq!: Seq", r.emoji AS "emoji!", r.count AS "count!",
                  ARRAY(
                      SELECT user_id FROM reactions WHERE room_id = q.room_id AND seq = q.seq AND emoji = r.emoji
                      ORDER BY created_at DESC LIMIT 50
                  ) AS "by!: Vec<UserId>"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS q (room_id, seq)
           CROSS JOIN LATERAL (
               SELECT emoji, count(*) AS count, min(created_at) AS first FROM reactions
               WHERE room_id = q.room_id AND seq = q.seq GROUP BY emoji OFFSET 0
           ) r
           ORDER BY r.first, r.emoji"#,
        &rooms,
        &seqs
    )
    .fetch_all(db)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        found.entry((row.room, row.seq)).or_default().push(Reaction {
            emoji: row.emoji,
            count: row.count,
            by: row.by,
        });
    }
    Ok(found)
}

/// Takes a reaction back. Returns whether there was one.
pub async fn delete_reaction(
    connection: &mut PgConnection,
    (room, seq): (RoomId, Seq),
    emoji: Emoji,
    user: UserId,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM reactions WHERE room_id = $1 AND seq = $2 AND emoji = $3 AND user_id = $4",
        room.0,
        seq.0,
        emoji.as_str(),
        user.0
    );
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Stores a reaction to a message of a room that is locked, unless that has `most` other ones already. Returns whether it
/// is stored.
pub async fn insert_reaction(
    connection: &mut PgConnection,
    (room, seq): (RoomId, Seq),
    emoji: Emoji,
    user: UserId,
    at: DateTime<Utc>,
    most: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        r#"INSERT INTO reactions (room_id, seq, emoji, user_id, created_at)
           SELECT $1, $2, $3, $4, $5
           WHERE (SELECT count(DISTINCT emoji) FROM reactions WHERE room_id = $1 AND seq = $2 AND emoji <> $3) < $6"#,
        room.0,
        seq.0,
        emoji.as_str(),
        user.0,
        at as _,
        most
    );
    Ok(inserted.execute(connection).await?.rows_affected() > 0)
}

/// After reactions to these messages of a room that is locked came or went: the last of the changes. See `change_reactions`
/// in `migrations/0037_reactions.sql`.
pub async fn update_reacted(connection: &mut PgConnection, room: RoomId, seqs: &[Seq]) -> sqlx::Result<Change> {
    let seqs: Vec<_> = seqs.iter().map(|seq| seq.0).collect();
    sqlx::query_scalar!(r#"SELECT change_reactions($1, $2) AS "change!: Change""#, room.0, &seqs)
        .fetch_one(connection)
        .await
}

/// To which messages somebody reacted until then, after that one.
pub async fn list_reacted(
    db: impl PgExecutor<'_>,
    (user, until): (UserId, Option<DateTime<Utc>>),
    (room, seq): (RoomId, Seq),
    limit: i64,
) -> sqlx::Result<Vec<(RoomId, Seq)>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT room_id AS "room: RoomId", seq AS "seq: Seq" FROM reactions
           WHERE user_id = $1 AND (room_id, seq) > ($2, $3) AND ($5::timestamptz IS NULL OR created_at <= $5)
           ORDER BY 1, 2 LIMIT $4"#,
        user.0,
        room.0,
        seq.0,
        limit,
        until as Option<DateTime<Utc>>
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.seq)).collect())
}

/// Takes back all that somebody reacted to these messages of a room with until then.
pub async fn delete_reactions_of(
    connection: &mut PgConnection,
    (user, until): (UserId, Option<DateTime<Utc>>),
    room: RoomId,
    seqs: &[Seq],
) -> sqlx::Result<()> {
    let seqs: Vec<_> = seqs.iter().map(|seq| seq.0).collect();
    sqlx::query!(
        "DELETE FROM reactions WHERE user_id = $1 AND room_id = $2 AND seq = ANY ($3)
         AND ($4::timestamptz IS NULL OR created_at <= $4)",
        user.0,
        room.0,
        &seqs,
        until as Option<DateTime<Utc>>
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Who reacts to a message, and with what.
pub struct Reacting {
    /// With what.
    pub emoji: String,
    /// Who.
    pub user: UserId,
    /// Their username.
    pub username: String,
    /// Their name.
    pub name: String,
    /// The version of their picture, if there is one.
    pub picture: Option<uuid::Uuid>,
}

/// Who reacts to a message, by emoji, after that emoji and person.
pub async fn list_reacting(
    db: impl PgExecutor<'_>,
    (room, seq): (RoomId, Seq),
    (emoji, user): (&str, UserId),
    limit: i64,
) -> sqlx::Result<Vec<Reacting>> {
    sqlx::query_as!(
        Reacting,
        r#"SELECT r.emoji, r.user_id AS "user: UserId", a.username AS "username!", a.name AS "name!", a.picture
           FROM (
               SELECT * FROM reactions WHERE room_id = $1 AND seq = $2 AND (emoji, user_id) > ($3, $4)
               ORDER BY emoji, user_id LIMIT $5
           ) r JOIN authors a ON a.id = r.user_id ORDER BY r.emoji, r.user_id"#,
        room.0,
        seq.0,
        emoji,
        user.0,
        limit
    )
    .fetch_all(db)
    .await
}
