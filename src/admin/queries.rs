//! The SQL that only the administration needs.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};

use crate::accounts::model::{Person, Role};
use crate::accounts::queries::{first_word, planning};
use crate::ids::UserId;
use crate::rooms::model::AdminRow;

/// A page of people by username, after the one with key `after`: everybody, or those whose username or name begins
/// with `search`, or whose e-mail address is `search` (folded). Each condition can use an index: a whole name begins
/// with `search` only if the first name begins with its first word.
pub async fn list_people(db: &PgPool, search: &str, after: &str, limit: i64) -> sqlx::Result<Vec<Person>> {
    let mut connection = planning(db).await?;
    let rows = sqlx::query!(
        r#"SELECT u.id AS "id: UserId", u.username, a.name AS "name!", a.picture, u.email, u.role, u.ban_reason,
                  u.created_at AS "created_at: DateTime<Utc>",
                  (SELECT max(s.last_used_at) FROM user_sessions s WHERE s.user_id = u.id)
                      AS "last_used_at: DateTime<Utc>"
           FROM users u JOIN authors a ON a.id = u.id
           WHERE u.name_key > $2 AND u.erased_at IS NULL
             AND (starts_with(u.name_key, $1) OR starts_with(u.display_key, $1) OR starts_with(u.last_key, $1)
                  OR u.email_key = $1
                  OR starts_with(u.first_key, $4) AND starts_with(u.first_key || ' ' || u.last_key, $1))
           ORDER BY u.name_key LIMIT $3"#,
        search,
        after,
        limit,
        first_word(search)
    )
    .fetch_all(&mut *connection)
    .await?;
    let people = rows.into_iter().map(|row| Person {
        id: row.id,
        name: row.name,
        picture: row.picture,
        username: row.username,
        email: row.email,
        ban: row.ban_reason,
        is_admin: Role::parse(&row.role) == Some(Role::Admin),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(people.collect())
}

/// How many people [`list_people`] finds on all of its pages.
pub async fn count_people(db: &PgPool, search: &str) -> sqlx::Result<i64> {
    let mut connection = planning(db).await?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM users u
           WHERE u.erased_at IS NULL
             AND (starts_with(u.name_key, $1) OR starts_with(u.display_key, $1) OR starts_with(u.last_key, $1)
                  OR u.email_key = $1
                  OR starts_with(u.first_key, $2) AND starts_with(u.first_key || ' ' || u.last_key, $1))"#,
        search,
        first_word(search)
    )
    .fetch_one(&mut *connection)
    .await
}

/// How many administrators there are.
pub async fn count_admins(db: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users WHERE role = 'admin'"#)
        .fetch_one(db)
        .await
}

/// The public room of that name with its numbers.
pub async fn find_room(db: impl PgExecutor<'_>, slug_key: &str) -> sqlx::Result<Option<AdminRow>> {
    sqlx::query_as!(
        AdminRow,
        r#"SELECT r.slug, r.title, r.topic, r.last_seq AS messages,
                  r.created_at AS "created_at: DateTime<Utc>", r.archived_at AS "archived_at: DateTime<Utc>",
                  (SELECT count(*) FROM members m WHERE m.room_id = r.id) AS "members!",
                  (SELECT m.created_at FROM messages m WHERE m.room_id = r.id AND m.seq = r.last_seq)
                      AS "last_active: DateTime<Utc>"
           FROM rooms r WHERE r.slug_key = $1 AND r.kind = 'public'"#,
        slug_key
    )
    .fetch_optional(db)
    .await
}
