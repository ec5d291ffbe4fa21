//! The SQL of rooms and members; of what happened in them in `events`, of the list of public rooms in `list`, of
//! direct chats and of what is somebody's own in `direct`, of who belongs to a room in `members`, of invitations in
//! `invitations`, of links into rooms in `invites`, for administrators in `admin`,
//! of rooms and people as programs list them in `programs`, of the end of rooms in `deletion`, of what somebody can go to in `switcher`.

mod admin;
mod deletion;
mod direct;
mod events;
mod invitations;
mod invites;
mod list;
mod members;
mod programs;
mod receipts;
mod switcher;
mod unread;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{History, Kind, MemberRole, Membership, NewEvent, Room, RoomAddress, RoomName, RoomState, Topic};
use crate::ids::{Change, KeyId, Position, RoomId, Seq, UserId};
use crate::text::fold;

pub use admin::*;
pub use deletion::*;
pub use direct::*;
pub use events::*;
pub use invitations::*;
pub use invites::*;
pub use list::*;
pub use members::*;
pub use programs::*;
pub use receipts::*;
pub use switcher::*;
pub use unread::*;

/// A room as the queries below select it.
struct RoomRow {
    id: RoomId,
    kind: String,
    slug: String,
    title: String,
    topic: String,
    key: KeyId,
    last_seq: Seq,
    last_change: Change,
    members_change: Change,
    archived_at: Option<DateTime<Utc>>,
    history: String,
}

impl RoomRow {
    /// None for a kind that a newer version wrote: this one does not know who may see it.
    fn into_room(self) -> Option<Room> {
        Some(Room {
            id: self.id,
            kind: Kind::parse(&self.kind)?,
            slug: self.slug,
            title: self.title,
            topic: self.topic,
            key: self.key,
            last_seq: self.last_seq,
            last_change: self.last_change,
            members_change: self.members_change,
            archived_at: self.archived_at,
            history: History::parse(&self.history)?,
        })
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

/// Stores a new room that people made: under a random slug, with its title (none for a direct chat).
pub async fn insert_room(
    connection: &mut PgConnection,
    id: RoomId,
    (kind, history): (Kind, History),
    title: &str,
    topic: &str,
    key: KeyId,
) -> sqlx::Result<()> {
    let slug = Uuid::new_v4().simple().to_string();
    sqlx::query!(
        "INSERT INTO rooms (id, slug, slug_key, title, topic, kind, history, data_key_id)
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7)",
        id.0,
        slug,
        title,
        topic,
        kind.as_str(),
        history.as_str(),
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
        r#"SELECT id AS "id: RoomId", kind, slug, title, topic, data_key_id AS "key: KeyId",
                  last_seq AS "last_seq: Seq", last_change AS "last_change: Change",
                  members_change AS "members_change: Change", archived_at AS "archived_at: DateTime<Utc>", history
           FROM rooms WHERE slug_key = $1 AND kind = 'public'"#,
        slug_key
    );
    Ok(row.fetch_optional(db).await?.and_then(RoomRow::into_room))
}

/// A membership as the queries below select it.
struct MembershipRow {
    id: RoomId,
    kind: String,
    slug: String,
    title: String,
    topic: String,
    key: KeyId,
    last_seq: Seq,
    last_change: Change,
    members_change: Change,
    archived_at: Option<DateTime<Utc>>,
    history: String,
    user: UserId,
    role: String,
    from_seq: Seq,
    from_change: Change,
    may_write: bool,
}

impl MembershipRow {
    fn into_membership(self) -> Option<Membership> {
        let (user, role) = (self.user, MemberRole::parse(&self.role)?);
        let begins = Position {
            change: self.from_change,
            seq: self.from_seq,
        };
        let room = RoomRow {
            id: self.id,
            kind: self.kind,
            slug: self.slug,
            title: self.title,
            topic: self.topic,
            key: self.key,
            last_seq: self.last_seq,
            last_change: self.last_change,
            members_change: self.members_change,
            archived_at: self.archived_at,
            history: self.history,
        };
        let room = room.into_room()?;
        Some(Membership {
            room,
            user,
            role,
            begins,
            may_write: self.may_write,
        })
    }
}

/// The room through the person's membership: None when there is no such room *or* they are no member.
pub async fn find_membership(
    db: impl PgExecutor<'_>,
    user: UserId,
    room: RoomAddress<'_>,
) -> sqlx::Result<Option<Membership>> {
    let (id, slug) = match room {
        RoomAddress::Id(id) => (Some(id.0), None),
        RoomAddress::Slug(slug) => (None, Some(fold(slug))),
    };
    let row = sqlx::query_as!(
        MembershipRow,
        r#"SELECT r.id AS "id: RoomId", r.kind, r.slug, r.title, r.topic, r.data_key_id AS "key: KeyId",
                  r.last_seq AS "last_seq: Seq", r.last_change AS "last_change: Change",
                  r.members_change AS "members_change: Change", r.archived_at AS "archived_at: DateTime<Utc>", r.history,
                  m.user_id AS "user: UserId", m.role, m.from_seq AS "from_seq: Seq",
                  m.from_change AS "from_change: Change",
                  (r.archived_at IS NULL AND CASE r.kind WHEN 'direct' THEN are_friends(r.id) ELSE true END) AS "may_write!"
           FROM members m JOIN rooms r ON r.id = m.room_id
           WHERE m.user_id = $1 AND m.room_id = coalesce($2, (SELECT id FROM rooms WHERE slug_key = $3))"#,
        user.0,
        id,
        slug
    );
    Ok(row.fetch_optional(db).await?.and_then(MembershipRow::into_membership))
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
        r#"SELECT id AS "id: RoomId", kind, slug, title, topic, data_key_id AS "key: KeyId",
                  last_seq AS "last_seq: Seq", last_change AS "last_change: Change",
                  members_change AS "members_change: Change", archived_at AS "archived_at: DateTime<Utc>", history
           FROM rooms WHERE id = $1 FOR NO KEY UPDATE"#,
        room.0
    );
    Ok(row.fetch_optional(connection).await?.and_then(RoomRow::into_room))
}

/// Takes the room's next change and stores what happened with it. The room must be locked. A change of members is noted
/// as such, so that nodes look again who may hear the room.
pub async fn take_change(connection: &mut PgConnection, room: RoomId, event: NewEvent) -> sqlx::Result<Change> {
    let row = sqlx::query!(
        "UPDATE rooms SET last_change = last_change + 1,
                members_change = CASE WHEN $2 THEN last_change + 1 ELSE members_change END
         WHERE id = $1 RETURNING last_change, last_seq",
        room.0,
        event.kind.changes_members()
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO room_events (room_id, change, after_seq, kind, actor_id, subject_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        room.0,
        row.last_change,
        row.last_seq,
        event.kind.as_str(),
        event.actor.0,
        event.subject.map(|subject| subject.0),
        event.at as _
    )
    .execute(connection)
    .await?;
    Ok(Change(row.last_change))
}

/// Makes the person a member, who sees what comes after `begins` and for whom nothing is new; false when they are one already.
pub async fn insert_member(
    connection: &mut PgConnection,
    room: RoomId,
    user: UserId,
    role: MemberRole,
    begins: Position,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO members (room_id, user_id, role, from_seq, from_change, read_seq)
         VALUES ($1, $2, $3, $4, $5, (SELECT last_seq FROM rooms WHERE id = $1))
         ON CONFLICT DO NOTHING",
        room.0,
        user.0,
        role.as_str(),
        begins.seq.0,
        begins.change.0
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

/// Of these people, those who are members of the room, and where their memberships begin.
pub async fn list_members_among(
    db: impl PgExecutor<'_>,
    room: RoomId,
    people: &[UserId],
) -> sqlx::Result<Vec<(UserId, Position)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT user_id AS "user: UserId", from_seq AS "seq: Seq", from_change AS "change: Change"
           FROM members WHERE room_id = $1 AND user_id = ANY($2)"#,
        room.0,
        &people
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let member = rows.map(|row| {
        let (change, seq) = (row.change, row.seq);
        (row.user, Position { change, seq })
    });
    Ok(member.collect())
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
    sqlx::query!(
        "UPDATE rooms SET archived_at = $2 WHERE id = $1",
        room.0,
        archived_at as Option<DateTime<Utc>>
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The state of those of these rooms that exist.
pub async fn list_room_states(db: impl PgExecutor<'_>, rooms: &[RoomId]) -> sqlx::Result<Vec<RoomState>> {
    let ids: Vec<_> = rooms.iter().map(|room| room.0).collect();
    sqlx::query_as!(
        RoomState,
        r#"SELECT id AS "id: RoomId", data_key_id AS "key: KeyId", last_seq AS "last_seq: Seq",
                  last_change AS "last_change: Change", members_change AS "members_change: Change",
                  (archived_at IS NULL AND CASE kind WHEN 'direct' THEN are_friends(id) ELSE true END) AS "is_open!"
           FROM rooms WHERE id = ANY($1) AND kind <> 'deleted'"#,
        &ids
    )
    .fetch_all(db)
    .await
}

/// The room's place in addresses.
pub async fn find_slug(db: impl PgExecutor<'_>, room: RoomId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT slug FROM rooms WHERE id = $1", room.0)
        .fetch_optional(db)
        .await
}
