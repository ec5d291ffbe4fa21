//! The SQL of links into rooms.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::accounts::model::Author;
use crate::ids::{InviteId, RoomId, UserId};
use crate::rooms::model::{Invite, OpenedInvite};

/// A new link into a room.
pub struct NewInvite<'a> {
    /// Into which room.
    pub room: RoomId,
    /// Who makes it.
    pub maker: UserId,
    /// The hash of its token.
    pub hash: &'a [u8],
    /// Now.
    pub at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// How many people it lets in; None for any number.
    pub max_uses: Option<i32>,
}

/// Stores a link into a locked room.
pub async fn insert_invite(connection: &mut PgConnection, new: NewInvite<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO invites (id, room_id, maker_id, hash, created_at, expires_at, max_uses)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        InviteId::new().0,
        new.room.0,
        new.maker.0,
        new.hash,
        new.at as _,
        new.expires_at as Option<DateTime<Utc>>,
        new.max_uses
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes links into the room that let nobody in any more.
pub async fn delete_invites_spent(connection: &mut PgConnection, room: RoomId, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM invites i WHERE room_id = $1 AND NOT is_good(i, $2)",
        room.0,
        now as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The links that let people into the room, the newest first.
pub async fn list_invites(db: impl PgExecutor<'_>, room: RoomId, now: DateTime<Utc>) -> sqlx::Result<Vec<Invite>> {
    let rows = sqlx::query!(
        r#"SELECT i.id AS "id: InviteId", i.expires_at AS "expires_at: DateTime<Utc>", i.max_uses, i.uses,
                  a.id AS "maker!: UserId", a.username AS "username!", a.name AS "name!", a.picture AS "picture?"
           FROM invites i JOIN authors a ON a.id = i.maker_id
           WHERE i.room_id = $1 AND is_good(i, $2) ORDER BY i.id DESC"#,
        room.0,
        now as _
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let invites = rows.map(|row| Invite {
        id: row.id,
        expires_at: row.expires_at,
        max_uses: row.max_uses,
        uses: row.uses,
        maker: Author {
            id: row.maker,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
    });
    Ok(invites.collect())
}

/// The link whose token has that hash, for somebody who opens it (None: who is not logged in).
pub async fn find_invite(
    db: impl PgExecutor<'_>,
    hash: &[u8],
    reader: Option<UserId>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<OpenedInvite>> {
    let row = sqlx::query!(
        r#"SELECT i.id AS "id: InviteId", r.id AS "room: RoomId", r.slug, r.title, a.id AS "maker!: UserId",
                  a.username AS "username!", a.name AS "name!", a.picture AS "picture?",
                  r.archived_at IS NULL AND is_good(i, $3) AS "is_good!",
                  EXISTS (SELECT FROM members m WHERE m.room_id = r.id AND m.user_id = $2) AS "is_member!"
           FROM invites i JOIN rooms r ON r.id = i.room_id JOIN authors a ON a.id = i.maker_id
           WHERE i.hash = $1"#,
        hash,
        reader.map(|user| user.0),
        now as _
    );
    let found = row.fetch_optional(db).await?.map(|row| OpenedInvite {
        id: row.id,
        room: row.room,
        slug: row.slug,
        title: row.title,
        is_good: row.is_good,
        is_member: row.is_member,
        maker: Author {
            id: row.maker,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
    });
    Ok(found)
}

/// Counts that somebody got into the locked room by the link.
pub async fn update_invite_used(connection: &mut PgConnection, invite: InviteId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE invites SET uses = uses + 1 WHERE id = $1", invite.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a link into the room; false when there is none.
pub async fn delete_invite(connection: &mut PgConnection, room: RoomId, invite: InviteId) -> sqlx::Result<bool> {
    let done = sqlx::query!("DELETE FROM invites WHERE id = $1 AND room_id = $2", invite.0, room.0);
    Ok(done.execute(connection).await?.rows_affected() == 1)
}
