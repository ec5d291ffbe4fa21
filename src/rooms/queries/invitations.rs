//! The SQL of invitations to people, and of what a name leads somebody to.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::accounts::model::Author;
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{Invitation, Invited};

/// Notes that somebody is invited to a locked room; false when the same person invited them before.
pub async fn insert_invitation(
    connection: &mut PgConnection,
    room: RoomId,
    user: UserId,
    inviter: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO invitations (user_id, room_id, inviter_id, invited_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        user.0,
        room.0,
        inviter.0,
        at as _
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// Ends whatever invites the person to a locked room; false when nothing does.
pub async fn delete_invitations(connection: &mut PgConnection, room: RoomId, user: UserId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM invitations WHERE room_id = $1 AND user_id = $2",
        room.0,
        user.0
    );
    Ok(done.execute(connection).await?.rows_affected() > 0)
}

/// Of each of these people: how many rooms they are invited to.
pub async fn count_invitations(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<(UserId, i64)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT p.id AS "user!: UserId", (
               SELECT count(DISTINCT i.room_id) FROM standing_invitations i WHERE i.user_id = p.id AND i.is_shown
           ) AS "count!"
           FROM UNNEST($1::uuid[]) AS p (id)"#,
        &people
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.user, row.count)).collect())
}

/// The room of that slug (folded), if the person is invited to it and may know.
pub async fn find_invitation(db: impl PgExecutor<'_>, user: UserId, slug_key: &str) -> sqlx::Result<Option<RoomId>> {
    sqlx::query_scalar!(
        r#"SELECT r.id AS "id: RoomId" FROM rooms r
           WHERE r.slug_key = $2 AND EXISTS (
               SELECT FROM standing_invitations i WHERE i.room_id = r.id AND i.user_id = $1 AND i.is_shown
           )"#,
        user.0,
        slug_key
    )
    .fetch_optional(db)
    .await
}

/// A page of the rooms that the person is invited to, the newest room first, after the one with that id. Of several
/// people who invite to one room, who did so first is named.
pub async fn list_invitations(
    db: impl PgExecutor<'_>,
    user: UserId,
    after: Option<RoomId>,
    limit: i64,
) -> sqlx::Result<Vec<Invitation>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (i.room_id) r.id AS "room: RoomId", r.slug, r.title,
                  i.invited_at AS "at!: DateTime<Utc>", a.id AS "inviter!: UserId", a.username AS "username!",
                  a.name AS "name!", a.picture AS "picture?"
           FROM standing_invitations i
           JOIN rooms r ON r.id = i.room_id
           JOIN authors a ON a.id = i.inviter_id
           WHERE i.user_id = $1 AND i.is_shown AND ($2::uuid IS NULL OR i.room_id < $2)
           ORDER BY i.room_id DESC, i.invited_at, i.inviter_id LIMIT $3"#,
        user.0,
        after.map(|room| room.0),
        limit
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let invitations = rows.map(|row| Invitation {
        room: row.room,
        slug: row.slug,
        title: row.title,
        at: row.at,
        inviter: Author {
            id: row.inviter,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
    });
    Ok(invitations.collect())
}

/// A page of who is invited to the room, by username, after the one with that key.
pub async fn list_invited(
    db: impl PgExecutor<'_>,
    room: RoomId,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Invited>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (u.name_key) u.id AS "id: UserId", u.username, a.name AS "name!", a.picture AS "picture?",
                  i.invited_at AS "at!: DateTime<Utc>"
           FROM standing_invitations i
           JOIN users u ON u.id = i.user_id
           JOIN authors a ON a.id = i.user_id
           WHERE i.room_id = $1 AND u.name_key > $2
           ORDER BY u.name_key, i.invited_at LIMIT $3"#,
        room.0,
        after,
        limit
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let invited = rows.map(|row| Invited {
        at: row.at,
        person: Author {
            id: row.id,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
    });
    Ok(invited.collect())
}

/// A room that somebody can get to by its name.
pub struct NamedRoom {
    /// Its place in addresses.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// Whether it is theirs to see already, and not by an answer to an invitation.
    pub is_open: bool,
}

/// The rooms that the person may get to by name: the open public one with that key, then their own, then those that they
/// are invited to. What they may not see makes no row, and no difference in time.
pub async fn list_named_rooms(db: impl PgExecutor<'_>, user: UserId, public_key: &str) -> sqlx::Result<Vec<NamedRoom>> {
    sqlx::query_as!(
        NamedRoom,
        r#"SELECT slug AS "slug!", title AS "title!", rank < 2 AS "is_open!" FROM (
               SELECT 0 AS rank, id, slug, title FROM rooms
               WHERE slug_key = $2 AND kind = 'public' AND archived_at IS NULL
               UNION ALL
               SELECT 1, r.id, r.slug, r.title FROM members m JOIN rooms r ON r.id = m.room_id
               WHERE m.user_id = $1 AND r.kind <> 'direct'
               UNION ALL
               SELECT 2, r.id, r.slug, r.title FROM standing_invitations i JOIN rooms r ON r.id = i.room_id
               WHERE i.user_id = $1 AND i.is_shown
           ) found ORDER BY rank, id DESC"#,
        user.0,
        public_key
    )
    .fetch_all(db)
    .await
}

/// Deletes what invites a person, and by what they invite others: their account is being deleted.
pub async fn delete_invitations_with(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM invitations WHERE user_id = $1 OR inviter_id = $1", user.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM invites WHERE maker_id = $1", user.0)
        .execute(connection)
        .await?;
    Ok(())
}
