//! The SQL of what somebody can go to: rooms that are open to them, and people they know.

use sqlx::PgExecutor;

use crate::accounts::model::Author;
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{Kind, OpenRoom};

/// Rooms, and people, that are looked at for one person at most.
const LOOKED_AT: i64 = 500;
/// Memberships that are read to find the people one shares a room with, at most.
const MEMBERSHIPS: i64 = 5_000;

/// The person's own rooms, those with the newest message (or the newest room) first, then the public ones that they may
/// join, by name. Not the direct chats with people they block.
pub async fn list_open_rooms(db: impl PgExecutor<'_>, me: UserId) -> sqlx::Result<Vec<OpenRoom>> {
    let rows = sqlx::query!(
        r#"SELECT o.id AS "id!: RoomId", o.kind AS "kind!", o.slug AS "slug!", o.title AS "title!",
                  o.archived AS "archived!", o.active_at IS NOT NULL AS "joined!",
                  a.id AS "partner?: UserId", a.username AS "username?", a.name AS "name?", a.picture AS "picture?"
           FROM (
               (SELECT r.id, r.kind, r.slug, r.slug_key, r.title, r.archived_at IS NOT NULL AS archived,
                       CASE d.lower_id WHEN $1 THEN d.higher_id ELSE d.lower_id END AS partner,
                       coalesce((SELECT s.created_at FROM messages s WHERE s.room_id = r.id AND s.seq = r.last_seq),
                                r.created_at) AS active_at
                FROM members m JOIN rooms r ON r.id = m.room_id AND r.kind <> 'deleted'
                LEFT JOIN direct_pairs d ON d.room_id = r.id
                WHERE m.user_id = $1
                ORDER BY active_at DESC, r.id LIMIT $2)
               UNION ALL
               (SELECT r.id, r.kind, r.slug, r.slug_key, r.title, false, NULL::uuid, NULL::timestamptz FROM rooms r
                WHERE r.kind = 'public' AND r.archived_at IS NULL
                      AND NOT EXISTS (SELECT FROM members m WHERE m.room_id = r.id AND m.user_id = $1)
                ORDER BY r.slug_key LIMIT $2)
           ) o
           LEFT JOIN authors a ON a.id = o.partner
           WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = $1 AND b.blocked_id = o.partner)
           ORDER BY o.active_at DESC NULLS LAST, o.slug_key LIMIT $2"#,
        me.0,
        LOOKED_AT
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let rooms = rows.filter_map(|row| {
        let partner = Author::joined(row.partner, row.username, row.name, row.picture);
        // None for a kind that a newer version wrote.
        let kind = Kind::parse(&row.kind)?;
        Some(OpenRoom {
            id: row.id,
            kind,
            slug: row.slug,
            title: row.title,
            archived: row.archived,
            joined: row.joined,
            partner,
        })
    });
    Ok(rooms.collect())
}

/// The person's friends, by username, then others with whom they share a room; nobody with whom they have a direct chat,
/// and nobody they block. Of whoever shares very many rooms or a very large one with others, not all of these are found.
pub async fn list_known_people(db: impl PgExecutor<'_>, me: UserId) -> sqlx::Result<Vec<Author>> {
    sqlx::query_as!(
        Author,
        r#"SELECT a.id AS "id!: UserId", a.username AS "username!", a.name AS "name!", a.picture
           FROM (
               SELECT k.id, bool_or(k.is_friend) AS is_friend FROM (
                   (SELECT higher_id AS id, true AS is_friend FROM friendships
                    WHERE lower_id = $1 AND accepted_at IS NOT NULL LIMIT $2)
                   UNION ALL
                   (SELECT lower_id, true FROM friendships WHERE higher_id = $1 AND accepted_at IS NOT NULL LIMIT $2)
                   UNION ALL
                   (SELECT o.user_id, false FROM (
                       SELECT m.room_id FROM members m JOIN rooms r ON r.id = m.room_id
                       WHERE m.user_id = $1 AND r.kind NOT IN ('direct', 'deleted')
                       -- Rooms of few people first.
                       ORDER BY r.kind = 'public', m.joined_at DESC
                    ) m CROSS JOIN LATERAL (
                       SELECT o.user_id FROM members o WHERE o.room_id = m.room_id
                       ORDER BY o.room_id, o.user_id LIMIT $2
                    ) o LIMIT $3)
               ) k
               WHERE k.id <> $1 AND NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = $1 AND b.blocked_id = k.id)
                     AND NOT EXISTS (SELECT FROM direct_pairs d
                                     WHERE d.lower_id = LEAST(k.id, $1) AND d.higher_id = GREATEST(k.id, $1))
               GROUP BY k.id ORDER BY is_friend DESC, k.id LIMIT $2
           ) k JOIN users u ON u.id = k.id JOIN authors a ON a.id = k.id
           ORDER BY k.is_friend DESC, u.name_key"#,
        me.0,
        LOOKED_AT,
        MEMBERSHIPS
    )
    .fetch_all(db)
    .await
}
