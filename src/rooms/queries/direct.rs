//! The SQL of direct chats, and of the rooms that are somebody's own.

use sqlx::{PgConnection, PgExecutor};

use crate::accounts::model::Author;
use crate::friends::model::Pair;
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{MOST_ROOMS, MyRoom};

/// The place of the direct chat of these two, if there is one.
pub async fn find_direct(db: impl PgExecutor<'_>, pair: Pair) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT r.slug FROM direct_pairs d JOIN rooms r ON r.id = d.room_id WHERE d.lower_id = $1 AND d.higher_id = $2",
        pair.lower.0,
        pair.higher.0
    )
    .fetch_optional(db)
    .await
}

/// Notes that this room is the direct chat of these two.
pub async fn insert_direct(connection: &mut PgConnection, pair: Pair, room: RoomId) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO direct_pairs (lower_id, higher_id, room_id) VALUES ($1, $2, $3)",
        pair.lower.0,
        pair.higher.0,
        room.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The rooms of each of these people that are not public, those with the newest message (or the newest room) first.
pub async fn list_own_rooms(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<(UserId, MyRoom)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT p.id AS "user!: UserId", o.id AS "id!: RoomId", o.slug AS "slug!", o.title AS "title!",
                  a.id AS "partner?: UserId", a.username AS "username?", a.name AS "name?", a.picture AS "picture?", o.is_friend AS "is_friend!"
           FROM UNNEST($1::uuid[]) AS p (id)
           CROSS JOIN LATERAL (
               SELECT r.id, r.slug, r.title, d.lower_id, d.higher_id, f.accepted_at IS NOT NULL AS is_friend,
                      coalesce((SELECT s.created_at FROM messages s WHERE s.room_id = r.id AND s.seq = r.last_seq),
                               r.created_at) AS active_at
               FROM members m JOIN rooms r ON r.id = m.room_id AND r.kind NOT IN ('public', 'deleted')
               LEFT JOIN direct_pairs d ON d.room_id = r.id
               LEFT JOIN friendships f ON f.lower_id = d.lower_id AND f.higher_id = d.higher_id
               WHERE m.user_id = p.id
               ORDER BY active_at DESC, r.id LIMIT $2
           ) o
           LEFT JOIN authors a ON a.id = CASE p.id WHEN o.lower_id THEN o.higher_id ELSE o.lower_id END
           ORDER BY p.id, o.active_at DESC, o.id"#,
        &people,
        MOST_ROOMS
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let own = rows.map(|row| {
        let partner = Author::joined(row.partner, row.username, row.name, row.picture);
        let room = MyRoom {
            id: row.id,
            slug: row.slug,
            title: row.title,
            partner,
            is_friend: row.is_friend,
        };
        (row.user, room)
    });
    Ok(own.collect())
}

/// How many rooms that are not public the person belongs to, and how many of them they own.
pub async fn count_rooms_of(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE m.role = 'owner') AS "owned!"
           FROM members m JOIN rooms r ON r.id = m.room_id
           WHERE m.user_id = $1 AND r.kind NOT IN ('public', 'deleted')"#,
        user.0
    );
    let row = row.fetch_one(db).await?;
    Ok((row.all, row.owned))
}
