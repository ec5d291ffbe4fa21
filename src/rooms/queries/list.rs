//! The SQL of the list of public rooms, and of what changes in it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{RoomId, UserId};
use crate::rooms::model::{ListedRoom, RoomList};

/// Public rooms drawn into one side bar at most.
pub(super) const LISTED: i64 = 500;

/// The public rooms for somebody's side bar: the open ones, and archived ones they belong to.
pub async fn list_public_rooms(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<RoomList> {
    let rows = sqlx::query!(
        r#"SELECT l.version, r.id AS "id?: RoomId", r.slug AS "slug?", r.slug_key AS "key?", r.title AS "title?",
                  r.topic AS "topic?", r.archived AS "archived?", r.joined AS "joined?"
           FROM room_list l LEFT JOIN LATERAL (
               SELECT r.id, r.slug, r.slug_key, r.title, r.topic, r.archived_at IS NOT NULL AS archived,
                      m.user_id IS NOT NULL AS joined
               FROM rooms r LEFT JOIN members m ON m.room_id = r.id AND m.user_id = $1
               WHERE r.kind = 'public' AND (r.archived_at IS NULL OR m.user_id IS NOT NULL)
               ORDER BY r.slug_key LIMIT $2
           ) r ON true ORDER BY r.slug_key"#,
        user.0,
        LISTED
    );
    let mut list = RoomList::default();
    for row in rows.fetch_all(db).await? {
        list.version = row.version;
        // One row without a room stands for a list without rooms.
        let (Some(id), Some(slug), Some(key), Some(title), Some(topic), Some(archived), Some(joined)) = (
            row.id,
            row.slug,
            row.key,
            row.title,
            row.topic,
            row.archived,
            row.joined,
        ) else {
            continue;
        };
        list.rooms.push(ListedRoom {
            id,
            slug,
            key,
            title,
            topic,
            archived,
            joined,
        });
    }
    Ok(list)
}

/// Notes that this room changes in the list of public rooms, in the transaction that changes it.
pub async fn advance_room_list(connection: &mut PgConnection, room: RoomId) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH next AS (UPDATE room_list SET version = version + 1 RETURNING version)
         INSERT INTO room_list_changes (version, room_id) SELECT version, $1 FROM next",
        room.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How often the list of public rooms has changed.
pub async fn find_room_list_version(db: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!("SELECT version FROM room_list").fetch_one(db).await
}

/// Of a room that changed in the list: what it is now; None when it is gone.
pub type ChangedRoom = (RoomId, Option<ListedRoom>);

/// The rooms that changed in the list with the versions in `(after, up_to]`, as somebody sees them who is no member.
pub async fn list_changed_rooms(db: impl PgExecutor<'_>, after: i64, up_to: i64) -> sqlx::Result<Vec<ChangedRoom>> {
    let rows = sqlx::query!(
        r#"SELECT c.room_id AS "room!: RoomId", r.slug AS "slug?", r.slug_key AS "key?", r.title AS "title?",
                  r.topic AS "topic?", r.archived_at IS NOT NULL AS "archived!"
           FROM (SELECT DISTINCT room_id FROM room_list_changes WHERE version > $1 AND version <= $2) c
           LEFT JOIN rooms r ON r.id = c.room_id AND r.kind = 'public'"#,
        after,
        up_to
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let changed = rows.map(|row| {
        let (Some(slug), Some(key), Some(title), Some(topic)) = (row.slug, row.key, row.title, row.topic) else {
            return (row.room, None);
        };
        let listed = ListedRoom {
            id: row.room,
            slug,
            key,
            title,
            topic,
            archived: row.archived,
            joined: false,
        };
        (row.room, Some(listed))
    });
    Ok(changed.collect())
}

/// When `other` was last online, for somebody who may know it: a friend, or a member of a room of theirs, with no block
/// between the two. None for everybody else, and when they hide it.
pub async fn find_last_seen(
    db: impl PgExecutor<'_>,
    me: UserId,
    other: UserId,
) -> sqlx::Result<Option<Option<DateTime<Utc>>>> {
    sqlx::query_scalar!(
        r#"SELECT u.last_seen_at AS "last_seen: DateTime<Utc>" FROM users u
           WHERE u.id = $2 AND NOT u.presence_hidden
             AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = $1 AND blocked_id = $2 OR blocker_id = $2 AND blocked_id = $1)
             AND (EXISTS (SELECT FROM friendships WHERE accepted_at IS NOT NULL
                          AND (lower_id = $1 AND higher_id = $2 OR lower_id = $2 AND higher_id = $1))
                  OR EXISTS (SELECT FROM members m JOIN members o ON o.room_id = m.room_id
                             WHERE m.user_id = $1 AND o.user_id = $2))"#,
        me.0,
        other.0
    )
    .fetch_optional(db)
    .await
}

/// Of `others`, those who are in a room together with one of these people, beside that one.
pub async fn list_roommates(
    db: impl PgExecutor<'_>,
    people: &[UserId],
    others: &[UserId],
) -> sqlx::Result<Vec<(UserId, UserId)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let others: Vec<_> = others.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT DISTINCT m.user_id AS "person: UserId", o.user_id AS "other: UserId"
           FROM members m JOIN members o ON o.room_id = m.room_id
           WHERE m.user_id = ANY($1) AND o.user_id = ANY($2)"#,
        &people,
        &others
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.person, row.other)).collect())
}

/// Of these people, the members of each of these rooms.
pub async fn list_members_of(
    db: impl PgExecutor<'_>,
    rooms: &[RoomId],
    people: &[UserId],
) -> sqlx::Result<Vec<(RoomId, UserId)>> {
    let rooms: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT room_id AS "room: RoomId", user_id AS "user: UserId" FROM members
           WHERE room_id = ANY($1) AND user_id = ANY($2)"#,
        &rooms,
        &people
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.room, row.user)).collect())
}

/// Of these rooms, those that have few members, where people are named.
pub async fn list_small_rooms(db: impl PgExecutor<'_>, rooms: &[RoomId]) -> sqlx::Result<Vec<RoomId>> {
    let rooms: Vec<_> = rooms.iter().map(|room| room.0).collect();
    sqlx::query_scalar!(
        r#"SELECT id AS "id!: RoomId" FROM unnest($1::uuid[]) id WHERE has_few_members(id)"#,
        &rooms
    )
    .fetch_all(db)
    .await
}
