//! The SQL of files.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::ids::{FileId, KeyId, RoomId, Seq, UserId};

/// Stores the row of a file that is about to come.
pub async fn insert_file(
    db: impl PgExecutor<'_>,
    id: FileId,
    room: RoomId,
    author: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO attachments (id, room_id, author_id, created_at) VALUES ($1, $2, $3, $4)",
        id.0,
        room.0,
        author.0,
        at as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many bytes somebody has in files. Each counts some more: for its row, its small picture, and its place on a disk.
pub async fn sum_sizes(db: impl PgExecutor<'_>, author: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(size + 4096), 0)::bigint AS "sum!" FROM attachments WHERE author_id = $1"#,
        author.0
    )
    .fetch_one(db)
    .await
}

/// Locks the person's row, so that two files of theirs do not both fit into what is left for one.
pub async fn lock_author(connection: &mut PgConnection, author: UserId) -> sqlx::Result<()> {
    sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", author.0)
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// Notes that a file is whole; false when its row is gone.
pub async fn update_received(
    db: impl PgExecutor<'_>,
    id: FileId,
    size: i64,
    details: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "UPDATE attachments SET size = $2, details = $3, created_at = $4 WHERE id = $1",
        id.0,
        size,
        details,
        at as _
    )
    .execute(db)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Deletes the row of a file that did not come as a whole; its bytes are removed also where the row is gone already.
pub async fn delete_unreceived(db: impl PgExecutor<'_>, id: FileId) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM attachments WHERE id = $1 AND seq IS NULL)
         INSERT INTO removed_objects (id) VALUES ($1) ON CONFLICT DO NOTHING",
        id.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// In which room a file of that person is that was not sent.
pub async fn find_unsent(db: impl PgExecutor<'_>, id: FileId, author: UserId) -> sqlx::Result<Option<RoomId>> {
    let room = sqlx::query_scalar!(
        "SELECT room_id FROM attachments WHERE id = $1 AND author_id = $2 AND seq IS NULL",
        id.0,
        author.0
    );
    Ok(room.fetch_optional(db).await?.map(RoomId))
}

/// Deletes these files of a room that is locked, unless they were sent; how many.
pub async fn delete_unsent(connection: &mut PgConnection, ids: &[FileId]) -> sqlx::Result<u64> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let deleted = sqlx::query!("DELETE FROM attachments WHERE id = ANY ($1) AND seq IS NULL", &ids)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

/// Files that nobody has sent since then, of the oldest first, with their rooms.
pub async fn list_unsent(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<(RoomId, FileId)>> {
    let rows = sqlx::query!(
        "SELECT id, room_id FROM attachments WHERE seq IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2",
        since as _,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (RoomId(row.room_id), FileId(row.id)))
        .collect())
}

/// Files of that person that were not sent, at most `limit`, with their rooms.
pub async fn list_unsent_of(
    db: impl PgExecutor<'_>,
    author: UserId,
    limit: i64,
) -> sqlx::Result<Vec<(RoomId, FileId)>> {
    let rows = sqlx::query!(
        "SELECT id, room_id FROM attachments WHERE author_id = $1 AND seq IS NULL ORDER BY author_id, id LIMIT $2",
        author.0,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (RoomId(row.room_id), FileId(row.id)))
        .collect())
}

/// Objects that are not needed any more, after that one.
pub async fn list_removed(db: impl PgExecutor<'_>, after: FileId, limit: i64) -> sqlx::Result<Vec<FileId>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM removed_objects WHERE id > $1 ORDER BY id LIMIT $2",
        after.0,
        limit
    );
    Ok(ids.fetch_all(db).await?.into_iter().map(FileId).collect())
}

/// Forgets objects that have been removed.
pub async fn delete_removed(db: impl PgExecutor<'_>, ids: &[FileId]) -> sqlx::Result<()> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query!("DELETE FROM removed_objects WHERE id = ANY ($1)", &ids)
        .execute(db)
        .await?;
    Ok(())
}

/// A file with what opens it.
#[derive(Debug)]
pub struct FileRow {
    /// Which one.
    pub id: FileId,
    /// Where.
    pub room: RoomId,
    /// Its length in bytes.
    pub size: i64,
    /// What is sealed of it.
    pub details: String,
    /// The room's data key.
    pub room_key: KeyId,
    /// The author's data key.
    pub author_key: KeyId,
}

/// A file, if the person may see the message that it goes with, or is about to send it.
pub async fn find_file(db: impl PgExecutor<'_>, reader: UserId, id: FileId) -> sqlx::Result<Option<FileRow>> {
    sqlx::query_as!(
        FileRow,
        r#"SELECT f.id AS "id: FileId", f.room_id AS "room: RoomId", f.size, f.details AS "details!",
                  r.data_key_id AS "room_key: KeyId", u.data_key_id AS "author_key!: KeyId"
           FROM attachments f
           JOIN members m ON m.room_id = f.room_id AND m.user_id = $1
           JOIN rooms r ON r.id = f.room_id
           JOIN users u ON u.id = f.author_id
           WHERE f.id = $2 AND f.details IS NOT NULL AND (f.seq > m.from_seq OR f.seq IS NULL AND f.author_id = $1)"#,
        reader.0,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// A file that was sent, with what is told of it to whoever takes it along.
pub struct SentFile {
    /// The file.
    pub row: FileRow,
    /// The title of its room.
    pub room_title: String,
    /// The message that it goes with.
    pub seq: Seq,
    /// The username of who sent it, if it is another person.
    pub author_name: Option<String>,
    place: i32,
}

impl SentFile {
    /// Where the next page begins.
    pub fn place(&self) -> (FileId, Seq, i32) {
        (self.row.id, self.seq, self.place)
    }
}

/// A page of the files that somebody has sent, after that one.
pub async fn list_sent_by(
    db: impl PgExecutor<'_>,
    author: UserId,
    after: Option<&(FileId, Seq, i32)>,
    limit: i64,
) -> sqlx::Result<Vec<SentFile>> {
    let rows = sqlx::query!(
        r#"SELECT f.id, f.room_id, f.seq AS "seq!", f.place, f.size, f.details AS "details!", r.title,
                  r.data_key_id AS room_key, u.data_key_id AS "author_key!"
           FROM attachments f JOIN rooms r ON r.id = f.room_id JOIN users u ON u.id = f.author_id
           WHERE f.author_id = $1 AND f.id > $2 AND f.seq IS NOT NULL ORDER BY f.author_id, f.id LIMIT $3"#,
        author.0,
        after.map_or(Uuid::nil(), |(id, ..)| id.0),
        limit
    )
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter().map(|row| SentFile {
        row: FileRow {
            id: FileId(row.id),
            room: RoomId(row.room_id),
            size: row.size,
            details: row.details,
            room_key: KeyId(row.room_key),
            author_key: KeyId(row.author_key),
        },
        room_title: row.title,
        seq: Seq(row.seq),
        author_name: None,
        place: row.place,
    });
    Ok(rows.collect())
}

/// A page of the files that others than that person have sent in a room, after that one.
pub async fn list_sent_to(
    db: impl PgExecutor<'_>,
    reader: UserId,
    room: RoomId,
    after: Option<&(FileId, Seq, i32)>,
    limit: i64,
) -> sqlx::Result<Vec<SentFile>> {
    let (seq, place) = after.map_or((0, 0), |(_, seq, place)| (seq.0, *place));
    let rows = sqlx::query!(
        r#"SELECT f.id, f.room_id, f.seq AS "seq!", f.place, f.size, f.details AS "details!", r.title, u.username,
                  r.data_key_id AS room_key, u.data_key_id AS "author_key!"
           FROM attachments f JOIN rooms r ON r.id = f.room_id JOIN users u ON u.id = f.author_id
           WHERE f.room_id = $1 AND (f.seq, f.place) > ($2, $3) AND f.author_id <> $4
           ORDER BY f.room_id, f.seq, f.place LIMIT $5"#,
        room.0,
        seq,
        place,
        reader.0,
        limit
    )
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter().map(|row| SentFile {
        row: FileRow {
            id: FileId(row.id),
            room: RoomId(row.room_id),
            size: row.size,
            details: row.details,
            room_key: KeyId(row.room_key),
            author_key: KeyId(row.author_key),
        },
        room_title: row.title,
        seq: Seq(row.seq),
        author_name: Some(row.username),
        place: row.place,
    });
    Ok(rows.collect())
}

/// A file of a message, sealed.
#[derive(Debug)]
pub struct SealedFile {
    /// Which one.
    pub id: FileId,
    /// Its length in bytes.
    pub size: i64,
    /// What is sealed of it.
    pub details: String,
}

/// The files of these messages, each in the order in which they were sent.
pub async fn list_files(
    db: impl PgExecutor<'_>,
    messages: &[(RoomId, Seq)],
) -> sqlx::Result<HashMap<(RoomId, Seq), Vec<SealedFile>>> {
    let (rooms, seqs): (Vec<Uuid>, Vec<i64>) = messages.iter().map(|(room, seq)| (room.0, seq.0)).unzip();
    let rows = sqlx::query!(
        r#"SELECT f.room_id, f.seq AS "seq!", f.id, f.size, f.details AS "details!"
           FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS m (room_id, seq)
           CROSS JOIN LATERAL (
               SELECT * FROM attachments WHERE room_id = m.room_id AND seq = m.seq ORDER BY place OFFSET 0
           ) f
           ORDER BY f.room_id, f.seq, f.place"#,
        &rooms,
        &seqs
    )
    .fetch_all(db)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let file = SealedFile {
            id: FileId(row.id),
            size: row.size,
            details: row.details,
        };
        found.entry((RoomId(row.room_id), Seq(row.seq))).or_default().push(file);
    }
    Ok(found)
}
