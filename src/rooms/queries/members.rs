//! The SQL of who belongs to a room, and with which role.

use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::accounts::model::Author;
use crate::accounts::queries::{first_word, planning};
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{History, Member, MemberRole};

/// A page of the room's members whose username or name begins with `search` (folded), by username, after the one with
/// key `after`.
pub async fn list_members(
    db: &PgPool,
    room: RoomId,
    search: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Member>> {
    let mut connection = planning(db).await?;
    let rows = sqlx::query!(
        r#"SELECT m.user_id AS "id: UserId", m.role, u.username, a.name AS "name!", a.picture
           FROM members m JOIN users u ON u.id = m.user_id JOIN authors a ON a.id = u.id
           WHERE m.room_id = $1 AND u.name_key > $3
             AND ($2 = '' OR starts_with(u.name_key, $2) OR starts_with(u.display_key, $2) OR starts_with(u.last_key, $2)
                  OR starts_with(u.first_key, $5) AND starts_with(u.first_key || ' ' || u.last_key, $2))
           ORDER BY u.name_key LIMIT $4"#,
        room.0,
        search,
        after,
        limit,
        first_word(search)
    )
    .fetch_all(&mut *connection)
    .await?;
    let members = rows.into_iter().filter_map(|row| {
        let person = Author {
            id: row.id,
            username: row.username,
            name: row.name,
            picture: row.picture,
        };
        // None for a role that a newer version wrote.
        let role = MemberRole::parse(&row.role)?;
        Some(Member { person, role })
    });
    Ok(members.collect())
}

/// What the person may do in the room; None when they do not belong to it.
pub async fn find_role(db: impl PgExecutor<'_>, room: RoomId, user: UserId) -> sqlx::Result<Option<MemberRole>> {
    let role = sqlx::query_scalar!(
        "SELECT role FROM members WHERE room_id = $1 AND user_id = $2",
        room.0,
        user.0
    );
    Ok(role.fetch_optional(db).await?.and_then(|role| MemberRole::parse(&role)))
}

/// Gives a member of a locked room another role.
pub async fn update_role(
    connection: &mut PgConnection,
    room: RoomId,
    user: UserId,
    role: MemberRole,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE members SET role = $3 WHERE room_id = $1 AND user_id = $2",
        room.0,
        user.0,
        role.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Who comes next after `user`, and their role: an owner, else the moderator, else the member who has been there longest.
/// None when there is nobody else.
pub async fn find_heir(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> sqlx::Result<Option<(UserId, MemberRole)>> {
    let row = sqlx::query!(
        r#"SELECT user_id AS "user: UserId", role FROM members WHERE room_id = $1 AND user_id <> $2
           ORDER BY array_position(ARRAY['owner', 'moderator', 'member'], role), joined_at, user_id LIMIT 1"#,
        room.0,
        user.0
    );
    let row = row.fetch_optional(db).await?;
    // Of a role that a newer version wrote nothing is known but that there is somebody.
    Ok(row.map(|row| (row.user, MemberRole::parse(&row.role).unwrap_or(MemberRole::Member))))
}

/// Everybody who belongs to the room.
pub async fn list_member_ids(db: impl PgExecutor<'_>, room: RoomId) -> sqlx::Result<Vec<UserId>> {
    sqlx::query_scalar!(
        r#"SELECT user_id AS "user: UserId" FROM members WHERE room_id = $1"#,
        room.0
    )
    .fetch_all(db)
    .await
}

/// Changes what a locked room is set to.
pub async fn update_settings(
    connection: &mut PgConnection,
    room: RoomId,
    (title, topic): (&str, &str),
    history: History,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE rooms SET title = $2, topic = $3, history = $4 WHERE id = $1",
        room.0,
        title,
        topic,
        history.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}
