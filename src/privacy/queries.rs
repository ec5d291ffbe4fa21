//! The SQL of exports, and of ending them. Every list is read a page at a time, by the index that serves it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::model::{Consent, Invite, Invited, Lease, Picture, Privacy, Profile, Reacted, Room, SealedMessage, Session};
use crate::ids::{ClientId, KeyId, MessageId, RoomId, Seq, SessionId, UserId};

/// Takes the right to export, unless another export of that person has it.
pub async fn claim_export(db: &PgPool, lease: Lease) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO exports (user_id, id, expires_at) VALUES ($1, $2, now() + interval '1 minute')
         ON CONFLICT (user_id) DO UPDATE SET id = EXCLUDED.id, expires_at = EXCLUDED.expires_at
         WHERE exports.expires_at < now()",
        lease.user.0,
        lease.id
    );
    Ok(done.execute(db).await?.rows_affected() > 0)
}

/// Keeps the right for another minute; false when another export has taken it.
pub async fn renew_export(db: impl PgExecutor<'_>, lease: Lease) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE exports SET expires_at = now() + interval '1 minute' WHERE user_id = $1 AND id = $2",
        lease.user.0,
        lease.id
    );
    Ok(done.execute(db).await?.rows_affected() > 0)
}

/// Gives the right back.
pub async fn delete_export(db: impl PgExecutor<'_>, lease: Lease) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM exports WHERE user_id = $1 AND id = $2",
        lease.user.0,
        lease.id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the person's export, wherever it runs: it cannot renew its right.
pub async fn delete_exports(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM exports WHERE user_id = $1", user.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The account, its consent and its choices.
pub async fn find_account(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<(Profile, Option<Consent>, Privacy)> {
    let row = sqlx::query!(
        r#"SELECT username, first_name, last_name, display_name, bio, email, role, theme, consent_version, presence_hidden,
                  receipts_hidden,
                  email_verified_at AS "email_verified_at: DateTime<Utc>", created_at AS "created_at: DateTime<Utc>",
                  last_seen_at AS "last_seen_at: DateTime<Utc>",
                  consented_at AS "consented_at: DateTime<Utc>"
           FROM users WHERE id = $1"#,
        user.0
    )
    .fetch_one(db)
    .await?;
    let profile = Profile {
        id: user,
        username: row.username,
        first_name: row.first_name,
        last_name: row.last_name,
        display_name: row.display_name,
        bio: row.bio,
        picture: None,
        email: row.email,
        email_verified_at: row.email_verified_at,
        role: row.role,
        theme: row.theme,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    };
    let consent = row.consent_version.zip(row.consented_at);
    let privacy = Privacy {
        presence: !row.presence_hidden,
        receipts: !row.receipts_hidden,
    };
    Ok((profile, consent.map(|(version, at)| Consent { version, at }), privacy))
}

/// The person's picture, in its largest size.
pub async fn find_picture(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<Option<Picture>> {
    let row = sqlx::query!("SELECT content_type, large FROM pictures WHERE user_id = $1", user.0);
    let found = row.fetch_optional(db).await?.map(|row| Picture {
        name: if row.content_type == "image/webp" {
            "picture.webp"
        } else {
            "picture.jpg"
        },
        content: row.large,
    });
    Ok(found)
}

/// The person's log-ins after that one, by id.
pub async fn list_sessions(
    db: impl PgExecutor<'_>,
    user: UserId,
    after: SessionId,
    limit: i64,
) -> sqlx::Result<Vec<Session>> {
    sqlx::query_as!(
        Session,
        r#"SELECT id AS "id: SessionId", device, address, remember, created_at AS "created_at: DateTime<Utc>",
                  last_used_at AS "last_used_at: DateTime<Utc>", expires_at AS "expires_at: DateTime<Utc>",
                  ended_at AS "ended_at: DateTime<Utc>"
           FROM user_sessions WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
        user.0,
        after.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// The rooms to which the person belongs after that one, by id.
pub async fn list_rooms(db: impl PgExecutor<'_>, user: UserId, after: RoomId, limit: i64) -> sqlx::Result<Vec<Room>> {
    sqlx::query_as!(
        Room,
        r#"SELECT r.id AS "id: RoomId", r.slug AS name, r.title, r.kind, m.role, m.joined_at AS "joined_at: DateTime<Utc>",
                  m.read_seq AS "read_seq: Seq", m.receipt_seq AS "receipt_seq: Seq", m.notify
           FROM members m JOIN rooms r ON r.id = m.room_id
           WHERE m.user_id = $1 AND m.room_id > $2 AND r.kind <> 'deleted' ORDER BY m.room_id LIMIT $3"#,
        user.0,
        after.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// Whom the person invited and who has not answered, after that room and invited person.
pub async fn list_invited(
    db: impl PgExecutor<'_>,
    user: UserId,
    (room, invited): (RoomId, UserId),
    limit: i64,
) -> sqlx::Result<Vec<Invited>> {
    sqlx::query_as!(
        Invited,
        r#"SELECT i.room_id AS "room_id: RoomId", r.title AS room, i.user_id AS "user: UserId",
                  (SELECT u.username FROM users u WHERE u.id = i.user_id) AS "username!",
                  i.invited_at AS "at: DateTime<Utc>"
           FROM invitations i JOIN rooms r ON r.id = i.room_id
           WHERE i.inviter_id = $1 AND (i.room_id, i.user_id) > ($2, $3) ORDER BY i.room_id, i.user_id LIMIT $4"#,
        user.0,
        room.0,
        invited.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// The links into rooms that the person made, after that one, by id.
pub async fn list_invites(db: impl PgExecutor<'_>, user: UserId, after: Uuid, limit: i64) -> sqlx::Result<Vec<Invite>> {
    sqlx::query_as!(
        Invite,
        r#"SELECT i.id, i.room_id AS "room_id: RoomId", r.title AS room, i.created_at AS "created_at: DateTime<Utc>",
                  i.expires_at AS "expires_at: DateTime<Utc>", i.max_uses, i.uses
           FROM invites i JOIN rooms r ON r.id = i.room_id
           WHERE i.maker_id = $1 AND i.id > $2 ORDER BY i.id LIMIT $3"#,
        user.0,
        after,
        limit
    )
    .fetch_all(db)
    .await
}

/// What the person reacted with, after that message and emoji.
pub async fn list_reactions(
    db: impl PgExecutor<'_>,
    user: UserId,
    (room, seq, emoji): (RoomId, Seq, &str),
    limit: i64,
) -> sqlx::Result<Vec<Reacted>> {
    sqlx::query_as!(
        Reacted,
        r#"SELECT e.room_id AS "room_id: RoomId", r.title AS room, e.seq AS "seq: Seq", e.emoji,
                  e.created_at AS "at: DateTime<Utc>"
           FROM reactions e JOIN rooms r ON r.id = e.room_id
           WHERE e.user_id = $1 AND (e.room_id, e.seq, e.emoji) > ($2, $3, $4)
           ORDER BY e.room_id, e.seq, e.emoji LIMIT $5"#,
        user.0,
        room.0,
        seq.0,
        emoji,
        limit
    )
    .fetch_all(db)
    .await
}

/// The messages of a room after that one, whoever wrote them.
pub async fn list_messages_of_room(
    db: impl PgExecutor<'_>,
    room: RoomId,
    after: Seq,
    limit: i64,
) -> sqlx::Result<Vec<SealedMessage>> {
    sqlx::query_as!(
        SealedMessage,
        r#"SELECT m.room_id AS "room: RoomId", r.title AS "room_title!", r.data_key_id AS "room_key!: KeyId",
                  m.seq AS "seq: Seq", m.id AS "id: MessageId", m.client_id AS "client_id: ClientId",
                  m.author_id AS "author: UserId", a.username AS "author_name!", a.data_key_id AS "author_key!: KeyId",
                  m.version, m.body, (m.deleted_at IS NOT NULL OR a.username = '') AS "is_deleted!",
                  m.created_at AS "created_at: DateTime<Utc>", m.edited_at AS "edited_at: DateTime<Utc>",
                  m.reply_to AS "reply_to: Seq"
           FROM (
               SELECT * FROM messages WHERE room_id = $1 AND seq > $2 ORDER BY room_id, seq LIMIT $3
           ) m JOIN rooms r ON r.id = m.room_id JOIN authors a ON a.id = m.author_id ORDER BY m.seq"#,
        room.0,
        after.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// The messages that the person wrote after that one, by the sender's id: the index that makes those unique leads to one
/// author's messages in all rooms without a look at what others wrote. Both ends are said, and the order in full, so that no
/// plan goes another way, however few messages there were when it was made.
pub async fn list_messages(
    db: impl PgExecutor<'_>,
    user: UserId,
    (client_id, room): (ClientId, RoomId),
    limit: i64,
) -> sqlx::Result<Vec<SealedMessage>> {
    sqlx::query_as!(
        SealedMessage,
        r#"SELECT m.room_id AS "room: RoomId", r.title AS "room_title!", r.data_key_id AS "room_key!: KeyId",
                  m.seq AS "seq: Seq", m.id AS "id: MessageId", m.client_id AS "client_id: ClientId",
                  m.author_id AS "author: UserId", '' AS "author_name!",
                  (SELECT data_key_id FROM users WHERE id = $1) AS "author_key!: KeyId",
                  m.version, m.body, (m.deleted_at IS NOT NULL OR r.kind = 'deleted') AS "is_deleted!",
                  m.created_at AS "created_at: DateTime<Utc>", m.edited_at AS "edited_at: DateTime<Utc>",
                  m.reply_to AS "reply_to: Seq"
           FROM (
               SELECT * FROM messages
               WHERE (author_id, client_id, room_id) > ($1, $2, $3) AND (author_id, client_id, room_id) <= ($1, $4, $4)
               ORDER BY author_id, client_id, room_id LIMIT $5
           ) m JOIN rooms r ON r.id = m.room_id ORDER BY m.client_id, m.room_id"#,
        user.0,
        client_id.0,
        room.0,
        Uuid::max(),
        limit
    )
    .fetch_all(db)
    .await
}

/// Whether the person wrote more messages than that.
pub async fn has_more_messages(db: impl PgExecutor<'_>, user: UserId, than: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM messages
               WHERE (author_id, client_id, room_id) > ($1, $2, $2) AND (author_id, client_id, room_id) <= ($1, $3, $3)
               ORDER BY author_id, client_id, room_id OFFSET $4
           ) AS "exists!""#,
        user.0,
        Uuid::nil(),
        Uuid::max(),
        than
    )
    .fetch_one(db)
    .await
}
