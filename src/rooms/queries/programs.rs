//! The SQL of rooms and people as programs list them.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::accounts::model::Author;
use crate::ids::{Change, RoomId, Seq, UserId};
use crate::rooms::model::{Kind, RoomWithMembers};

/// A page of somebody's rooms of these kinds by id, after that one.
pub async fn list_rooms_with_members(
    db: impl PgExecutor<'_>,
    user: UserId,
    kinds: &[Kind],
    after: RoomId,
    limit: i64,
) -> sqlx::Result<Vec<RoomWithMembers>> {
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    sqlx::query_as!(
        RoomWithMembers,
        r#"SELECT r.id AS "id: RoomId", r.kind, r.slug, r.title, r.topic, r.archived_at IS NOT NULL AS "is_archived!", m.role,
                  r.last_seq AS "last_seq: Seq", r.last_change AS "last_change: Change",
                  ARRAY(SELECT u.username FROM (SELECT user_id FROM members WHERE room_id = r.id ORDER BY user_id LIMIT 100) o
                        JOIN users u ON u.id = o.user_id ORDER BY u.name_key) AS "members!"
           FROM members m JOIN rooms r ON r.id = m.room_id
           WHERE m.user_id = $1 AND m.room_id > $2 AND r.kind = ANY($3) ORDER BY m.room_id LIMIT $4"#,
        user.0,
        after.0,
        &kinds,
        limit
    )
    .fetch_all(db)
    .await
}

/// That room of somebody's, of one of these kinds: the page that would begin with it.
pub async fn find_room_with_members(
    db: impl PgExecutor<'_>,
    user: UserId,
    kinds: &[Kind],
    room: RoomId,
) -> sqlx::Result<Option<RoomWithMembers>> {
    let before = RoomId(Uuid::from_u128(room.0.as_u128().saturating_sub(1)));
    let found = list_rooms_with_members(db, user, kinds, before, 1).await?;
    Ok(found.into_iter().next().filter(|found| found.id == room))
}

/// A page of the people with whom somebody has a room or a friendship, by id, after that one.
pub async fn list_acquaintances(
    db: impl PgExecutor<'_>,
    user: UserId,
    after: UserId,
    limit: i64,
) -> sqlx::Result<Vec<Author>> {
    sqlx::query_as!(
        Author,
        r#"SELECT a.id AS "id!: UserId", a.username AS "username!", a.name AS "name!", a.picture FROM (
               SELECT DISTINCT o.id FROM (
                   SELECT o.user_id AS id FROM members m JOIN rooms r ON r.id = m.room_id AND r.kind <> 'deleted'
                   CROSS JOIN LATERAL (
                       SELECT user_id FROM members WHERE room_id = m.room_id AND user_id > $2 AND user_id <> $1
                       ORDER BY user_id LIMIT $3
                   ) o WHERE m.user_id = $1
                   UNION ALL (SELECT higher_id FROM friendships WHERE lower_id = $1 AND higher_id > $2
                              AND accepted_at IS NOT NULL ORDER BY higher_id LIMIT $3)
                   UNION ALL (SELECT lower_id FROM friendships WHERE higher_id = $1 AND lower_id > $2
                              AND accepted_at IS NOT NULL ORDER BY lower_id LIMIT $3)
               ) o ORDER BY o.id LIMIT $3
           ) o JOIN authors a ON a.id = o.id ORDER BY a.id"#,
        user.0,
        after.0,
        limit
    )
    .fetch_all(db)
    .await
}
