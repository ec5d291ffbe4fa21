//! The SQL of rooms and members; of what happened in them in `events`, for administrators in `admin`.

mod admin;
mod events;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::model::{EventKind, ListedRoom, MemberRoom, Room, RoomList, RoomName, Topic};
use crate::ids::{Change, KeyId, RoomId, Seq, UserId};

pub use admin::*;
pub use events::*;

/// Public rooms drawn into one side bar at most.
const LISTED: i64 = 500;

/// A room row as the queries below select it.
struct RoomRow {
    id: uuid::Uuid,
    slug: String,
    title: String,
    topic: String,
    data_key_id: uuid::Uuid,
    last_seq: i64,
    last_change: i64,
    archived_at: Option<DateTime<Utc>>,
}

impl From<RoomRow> for Room {
    fn from(row: RoomRow) -> Self {
        Self {
            id: RoomId(row.id),
            slug: row.slug,
            title: row.title,
            topic: row.topic,
            key: KeyId(row.data_key_id),
            last_seq: Seq(row.last_seq),
            last_change: Change(row.last_change),
            archived_at: row.archived_at,
        }
    }
}

/// Stores a new public room.
pub async fn insert_public_room(
    connection: &mut PgConnection,
    id: RoomId,
    name: &RoomName,
    topic: &Topic,
    key: KeyId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id) VALUES ($1, $2, $3, $2, $4, 'public', $5)",
        id.0,
        name.as_str(),
        name.key(),
        topic.as_str(),
        key.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The public room of that name, archived or not, for an administrator or somebody who wants to join.
pub async fn find_public_room(db: impl PgExecutor<'_>, slug_key: &str) -> sqlx::Result<Option<Room>> {
    let row = sqlx::query_as!(
        RoomRow,
        "SELECT id, slug, title, topic, data_key_id, last_seq, last_change, archived_at
         FROM rooms WHERE slug_key = $1 AND kind = 'public'",
        slug_key
    );
    Ok(row.fetch_optional(db).await?.map(Room::from))
}

/// The room of that name through the person's membership: None when there is no such room *or* they are no member.
pub async fn find_member_room(
    db: impl PgExecutor<'_>,
    user: UserId,
    slug_key: &str,
) -> sqlx::Result<Option<MemberRoom>> {
    let row = sqlx::query!(
        "SELECT r.id, r.slug, r.title, r.topic, r.data_key_id, r.last_seq, r.last_change, r.archived_at, m.from_seq
         FROM members m JOIN rooms r ON r.id = m.room_id WHERE m.user_id = $1 AND r.slug_key = $2",
        user.0,
        slug_key
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| MemberRoom {
        room: Room {
            id: RoomId(row.id),
            slug: row.slug,
            title: row.title,
            topic: row.topic,
            key: KeyId(row.data_key_id),
            last_seq: Seq(row.last_seq),
            last_change: Change(row.last_change),
            archived_at: row.archived_at,
        },
        from_seq: Seq(row.from_seq),
    }))
}

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

/// Notes that the list of public rooms changes, in the transaction that changes it.
pub async fn advance_room_list(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("UPDATE room_list SET version = version + 1")
        .execute(connection)
        .await?;
    Ok(())
}

/// How many people belong to the room.
pub async fn count_members(db: impl PgExecutor<'_>, room: RoomId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM members WHERE room_id = $1"#, room.0)
        .fetch_one(db)
        .await
}

/// Locks the room's row until the end of the transaction: the first lock that any transaction takes.
pub async fn lock_room(connection: &mut PgConnection, room: RoomId) -> sqlx::Result<Option<Room>> {
    let row = sqlx::query_as!(
        RoomRow,
        "SELECT id, slug, title, topic, data_key_id, last_seq, last_change, archived_at
         FROM rooms WHERE id = $1 FOR NO KEY UPDATE",
        room.0
    );
    Ok(row.fetch_optional(connection).await?.map(Room::from))
}

/// Takes the room's next change and stores what happened with it. The room must be locked. A change of `members`
/// is noted as such, so that nodes look again who may hear the room.
pub async fn take_change(
    connection: &mut PgConnection,
    room: RoomId,
    kind: EventKind,
    actor: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<Change> {
    let members = matches!(kind, EventKind::Joined | EventKind::Left);
    let row = sqlx::query!(
        "UPDATE rooms SET last_change = last_change + 1,
                members_change = CASE WHEN $2 THEN last_change + 1 ELSE members_change END
         WHERE id = $1 RETURNING last_change, last_seq",
        room.0,
        members
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO room_events (room_id, change, after_seq, kind, actor_id, at) VALUES ($1, $2, $3, $4, $5, $6)",
        room.0,
        row.last_change,
        row.last_seq,
        kind.as_str(),
        actor.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(Change(row.last_change))
}

/// Makes the person a member; false when they are one already.
pub async fn insert_member(connection: &mut PgConnection, room: RoomId, user: UserId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO members (room_id, user_id, role) VALUES ($1, $2, 'member') ON CONFLICT DO NOTHING",
        room.0,
        user.0
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// Ends the membership; false when there is none.
pub async fn delete_member(connection: &mut PgConnection, room: RoomId, user: UserId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM members WHERE room_id = $1 AND user_id = $2",
        room.0,
        user.0
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// Of these people, those who are members of the room.
pub async fn list_members_among(db: impl PgExecutor<'_>, room: RoomId, people: &[UserId]) -> sqlx::Result<Vec<UserId>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query_scalar!(
        "SELECT user_id FROM members WHERE room_id = $1 AND user_id = ANY($2)",
        room.0,
        &people
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(UserId).collect())
}

/// Changes name and topic of a locked room.
pub async fn update_room(
    connection: &mut PgConnection,
    room: RoomId,
    name: &RoomName,
    topic: &Topic,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE rooms SET slug = $2, slug_key = $3, title = $2, topic = $4 WHERE id = $1",
        room.0,
        name.as_str(),
        name.key(),
        topic.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Archives a locked room at that time, or opens it again.
pub async fn update_archived(
    connection: &mut PgConnection,
    room: RoomId,
    archived_at: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!("UPDATE rooms SET archived_at = $2 WHERE id = $1", room.0, archived_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a locked room with its members, events and messages, and destroys its data key.
pub async fn delete_room(connection: &mut PgConnection, room: RoomId, key: KeyId) -> sqlx::Result<()> {
    // The one statement that may take as long as it takes.
    sqlx::query!("SET LOCAL statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM rooms WHERE id = $1", room.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM data_keys WHERE id = $1", key.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// What a node needs to know before it delivers a room's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomState {
    /// Which room.
    pub id: RoomId,
    /// Its data key.
    pub key: KeyId,
    /// Changes so far.
    pub last_change: Change,
    /// The last change of who belongs to it.
    pub members_change: Change,
    /// Whether it can be written in.
    pub open: bool,
}

struct StateRow {
    id: uuid::Uuid,
    data_key_id: uuid::Uuid,
    last_change: i64,
    members_change: i64,
    open: bool,
}

impl From<StateRow> for RoomState {
    fn from(row: StateRow) -> Self {
        Self {
            id: RoomId(row.id),
            key: KeyId(row.data_key_id),
            last_change: Change(row.last_change),
            members_change: Change(row.members_change),
            open: row.open,
        }
    }
}

/// The state of those of these rooms that exist.
pub async fn list_room_states(db: impl PgExecutor<'_>, rooms: &[RoomId]) -> sqlx::Result<Vec<RoomState>> {
    let ids: Vec<_> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query_as!(
        StateRow,
        r#"SELECT id, data_key_id, last_change, members_change, archived_at IS NULL AS "open!"
           FROM rooms WHERE id = ANY($1)"#,
        &ids
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(RoomState::from).collect())
}

/// The state of the room through the person's membership: None when it is gone *or* they are no member.
pub async fn find_member_state(db: impl PgExecutor<'_>, user: UserId, room: RoomId) -> sqlx::Result<Option<RoomState>> {
    let row = sqlx::query_as!(
        StateRow,
        r#"SELECT r.id, r.data_key_id, r.last_change, r.members_change, r.archived_at IS NULL AS "open!"
           FROM members m JOIN rooms r ON r.id = m.room_id WHERE m.user_id = $1 AND m.room_id = $2"#,
        user.0,
        room.0
    );
    Ok(row.fetch_optional(db).await?.map(RoomState::from))
}

/// The room's place in addresses.
pub async fn find_slug(db: impl PgExecutor<'_>, room: RoomId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT slug FROM rooms WHERE id = $1", room.0)
        .fetch_optional(db)
        .await
}
