//! The SQL of what people say of themselves, and of their pictures.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::accounts::model::{Author, NewProfile, Profile, ProfileForm};
use crate::ids::UserId;

/// What the person of that username says of themselves.
pub async fn find_profile(db: impl PgExecutor<'_>, name_key: &str) -> sqlx::Result<Option<Profile>> {
    let row = sqlx::query!(
        r#"SELECT u.id AS "id: UserId", u.username, a.name AS "name!", a.picture, u.first_name, u.last_name, u.display_name, u.bio,
                  u.created_at AS "created_at: DateTime<Utc>"
           FROM users u JOIN authors a ON a.id = u.id WHERE u.name_key = $1 AND u.erased_at IS NULL"#,
        name_key
    );
    let found = row.fetch_optional(db).await?.map(|row| Profile {
        id: row.id,
        username: row.username,
        name: row.name,
        picture: row.picture,
        form: ProfileForm {
            first_name: row.first_name,
            last_name: row.last_name,
            display_name: row.display_name,
            bio: row.bio,
        },
        created_at: row.created_at,
    });
    Ok(found)
}

/// Notes that these people are, or just were, online.
pub async fn update_last_seen(db: impl PgExecutor<'_>, people: &[UserId], at: DateTime<Utc>) -> sqlx::Result<()> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    // Locked in one order, so that two nodes do not wait for each other.
    sqlx::query!(
        "WITH locked AS (SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
         UPDATE users u SET last_seen_at = $2 FROM locked WHERE u.id = locked.id AND u.erased_at IS NULL",
        &people,
        at as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores what a person says of themselves.
pub async fn update_profile(db: impl PgExecutor<'_>, user: UserId, profile: &NewProfile) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET first_name = $2, last_name = $3, display_name = $4, bio = $5,
                          first_key = $6, last_key = $7, display_key = $8
         WHERE id = $1",
        user.0,
        profile.first_name.as_str(),
        profile.last_name.as_str(),
        profile.display_name.as_str(),
        profile.bio.as_str(),
        profile.first_name.key(),
        profile.last_name.key(),
        profile.display_name.key()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How the person of that username is shown.
pub async fn find_author(db: impl PgExecutor<'_>, name_key: &str) -> sqlx::Result<Option<Author>> {
    sqlx::query_as!(
        Author,
        r#"SELECT a.id AS "id!: UserId", a.username AS "username!", a.name AS "name!", a.picture
           FROM users u JOIN authors a ON a.id = u.id WHERE u.name_key = $1 AND u.erased_at IS NULL"#,
        name_key
    )
    .fetch_optional(db)
    .await
}

/// Who has one of these usernames, in the form in which they are compared (`fold`); with it.
pub async fn list_authors_named(db: impl PgExecutor<'_>, name_keys: &[String]) -> sqlx::Result<Vec<(String, Author)>> {
    let rows = sqlx::query!(
        r#"SELECT u.name_key, a.id AS "id!: UserId", a.username AS "username!", a.name AS "name!", a.picture
           FROM users u JOIN authors a ON a.id = u.id WHERE u.name_key = ANY($1) AND u.erased_at IS NULL"#,
        name_keys
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let authors = rows.map(|row| {
        let author = Author {
            id: row.id,
            username: row.username,
            name: row.name,
            picture: row.picture,
        };
        (row.name_key, author)
    });
    Ok(authors.collect())
}

/// How these people are shown.
pub async fn list_authors(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<Author>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    sqlx::query_as!(
        Author,
        r#"SELECT id AS "id!: UserId", username AS "username!", name AS "name!", picture FROM authors WHERE id = ANY($1)"#,
        &people
    )
    .fetch_all(db)
    .await
}

/// Stores a person's picture in place of the one before: the files from the smallest to the largest.
pub async fn upsert_picture(
    db: impl PgExecutor<'_>,
    user: UserId,
    version: Uuid,
    content_type: &str,
    [small, medium, large]: &[Vec<u8>; 3],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO pictures (user_id, version, content_type, small, medium, large) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (user_id) DO UPDATE SET version = $2, content_type = $3, small = $4, medium = $5, large = $6",
        user.0,
        version,
        content_type,
        small,
        medium,
        large
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a person's picture.
pub async fn delete_picture(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM pictures WHERE user_id = $1", user.0)
        .execute(db)
        .await?;
    Ok(())
}

/// That version of a person's picture, in the size of that side: its type and the file.
pub async fn find_picture(
    db: impl PgExecutor<'_>,
    name_key: &str,
    version: Uuid,
    side: u32,
) -> sqlx::Result<Option<(String, Vec<u8>)>> {
    let row = sqlx::query!(
        r#"SELECT p.content_type, CASE $3::bigint WHEN 48 THEN p.small WHEN 96 THEN p.medium ELSE p.large END AS "file!"
           FROM pictures p JOIN users u ON u.id = p.user_id WHERE u.name_key = $1 AND p.version = $2"#,
        name_key,
        version,
        i64::from(side)
    );
    Ok(row.fetch_optional(db).await?.map(|row| (row.content_type, row.file)))
}

/// A transaction whose statements are planned anew for their values: which index serves a search depends on what is
/// searched for.
pub async fn planning(db: &PgPool) -> sqlx::Result<Transaction<'_, Postgres>> {
    let mut transaction = db.begin().await?;
    sqlx::query!("SET LOCAL plan_cache_mode = force_custom_plan")
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// What a first name begins with, if the whole name begins with `search`.
pub fn first_word(search: &str) -> &str {
    search.split(' ').next().unwrap_or(search)
}
