//! The SQL of accounts, sessions and one-time codes.

mod api_keys;
mod confirmations;
mod erasure;
mod moderation;
mod privacy;
mod profile;
mod programs;
mod revocations;
mod sessions;
mod tokens;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::accounts::model::{NewAccount, Role};
use crate::ids::{KeyId, UserId};

pub use api_keys::*;
pub use confirmations::*;
pub use erasure::*;
pub use moderation::*;
pub use privacy::*;
pub use profile::*;
pub use programs::*;
pub use revocations::*;
pub use sessions::*;
pub use tokens::*;

/// Held while the first administrator is made: "umbraSU" as a number that nothing else locks.
const SETUP_LOCK: i64 = 0x75_6d_62_72_61_53_55;

/// Whether anybody has an account.
pub async fn has_users(db: impl PgExecutor<'_>) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users) AS "exists!""#)
        .fetch_one(db)
        .await
}

/// How many people have an account.
pub async fn count_users(db: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users WHERE erased_at IS NULL"#)
        .fetch_one(db)
        .await
}

/// Waits for, and holds until the end of the transaction, the right to make the first administrator.
pub async fn lock_setup(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", SETUP_LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether a setup code with this hash was printed.
pub async fn has_setup_code(db: impl PgExecutor<'_>, hash: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM login_tokens WHERE kind = 'setup' AND hash = $1) AS "exists!""#,
        hash
    )
    .fetch_one(db)
    .await
}

/// Stores the hash of a setup code.
pub async fn insert_setup_code(connection: &mut PgConnection, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("INSERT INTO login_tokens (hash, kind) VALUES ($1, 'setup')", hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes every setup code worthless.
pub async fn delete_setup_codes(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM login_tokens WHERE kind = 'setup'")
        .execute(connection)
        .await?;
    Ok(())
}

/// What is stored of a new account beside what its owner typed.
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// What its owner typed.
    pub account: &'a NewAccount,
    /// The password's Argon2id hash.
    pub password_hash: &'a str,
    /// What its owner may do.
    pub role: Role,
    /// The theme to begin with.
    pub theme: &'a str,
    /// Its data key.
    pub key: KeyId,
    /// Which privacy page its owner agreed to; None when nobody was asked.
    pub consent_version: Option<&'a str>,
    /// When: now.
    pub at: DateTime<Utc>,
}

/// Stores a new account.
pub async fn insert_user(connection: &mut PgConnection, new: NewUser<'_>) -> sqlx::Result<()> {
    let account = new.account;
    let (email, email_key) = account
        .email
        .as_ref()
        .map(|email| (email.as_str(), email.key()))
        .unzip();
    sqlx::query!(
        "INSERT INTO users (id, username, name_key, email, email_key, first_name, last_name, first_key, last_key,
                            password_hash, role, data_key_id, consent_version, consented_at, created_at, theme)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $16, $14, $15)",
        new.id.0,
        account.username.as_str(),
        account.username.key(),
        email,
        email_key,
        account.first_name.as_str(),
        account.last_name.as_str(),
        account.first_name.key(),
        account.last_name.key(),
        new.password_hash,
        new.role.as_str(),
        new.key.0,
        new.consent_version,
        new.at as _,
        new.theme,
        new.consent_version.map(|_| new.at) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores what an account's username looks like.
pub async fn insert_skeletons(connection: &mut PgConnection, user: UserId, skeletons: &[String]) -> sqlx::Result<()> {
    // In one order everywhere, because each waits for another account that is about to get the same.
    sqlx::query!(
        r#"INSERT INTO username_skeletons (skeleton, user_id)
           SELECT DISTINCT skeleton COLLATE "C", $2::uuid FROM UNNEST($1::text[]) AS n (skeleton) ORDER BY 1"#,
        skeletons,
        user.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Usernames of which no skeleton is stored, those of the oldest accounts first.
pub async fn list_users_without_skeleton(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<(UserId, String)>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: UserId", username FROM users u
           WHERE erased_at IS NULL AND NOT EXISTS (SELECT FROM username_skeletons s WHERE s.user_id = u.id) ORDER BY id"#
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.id, row.username)).collect())
}

/// Stores these skeletons, but for those that another account has: of two in the list that are the same, the first.
pub async fn insert_free_skeletons(
    db: impl PgExecutor<'_>,
    skeletons: impl Iterator<Item = (UserId, String)>,
) -> sqlx::Result<()> {
    let (users, skeletons): (Vec<_>, Vec<_>) = skeletons.map(|(user, skeleton)| (user.0, skeleton)).unzip();
    sqlx::query!(
        r#"INSERT INTO username_skeletons (skeleton, user_id)
           SELECT skeleton, user_id FROM UNNEST($1::uuid[], $2::text[]) WITH ORDINALITY AS n (user_id, skeleton, place)
           ORDER BY skeleton COLLATE "C", place ON CONFLICT DO NOTHING"#,
        &users,
        &skeletons
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What a log-in is checked against.
pub struct Credentials {
    /// Whose.
    pub user: UserId,
    /// The password's hash, with its parameters.
    pub password_hash: String,
    /// The theme to give the browser.
    pub theme: String,
}

/// The account of that username.
pub async fn find_credentials_by_name(db: impl PgExecutor<'_>, name_key: &str) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"SELECT id AS "user: UserId", password_hash, theme FROM users
           WHERE name_key = $1 AND erased_at IS NULL"#,
        name_key
    )
    .fetch_optional(db)
    .await
}

/// The accounts of that e-mail address: the one that has verified it, then of those that only gave it the newest
/// `newest` and the oldest.
pub async fn list_credentials_by_email(
    db: impl PgExecutor<'_>,
    email_key: &str,
    newest: u8,
) -> sqlx::Result<Vec<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"SELECT id AS "user: UserId", password_hash, theme FROM users
           WHERE email_key = $1 AND email_verified_at IS NOT NULL
              OR id = ANY (ARRAY(SELECT id FROM users WHERE email_key = $1 AND email_verified_at IS NULL
                                 ORDER BY created_at DESC, id DESC LIMIT $2))
              OR id = (SELECT id FROM users WHERE email_key = $1 AND email_verified_at IS NULL
                       ORDER BY created_at, id LIMIT 1)
           ORDER BY email_verified_at IS NULL, created_at DESC, id DESC"#,
        email_key,
        i64::from(newest)
    )
    .fetch_all(db)
    .await
}

/// Replaces a password's hash by a better one of the same password, unless it was changed meanwhile.
pub async fn update_password_hash(db: impl PgExecutor<'_>, user: UserId, old: &str, new: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        user.0,
        old,
        new
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Remembers the chosen theme.
pub async fn update_theme(db: impl PgExecutor<'_>, user: UserId, theme: &str) -> sqlx::Result<()> {
    sqlx::query!("UPDATE users SET theme = $2 WHERE id = $1", user.0, theme)
        .execute(db)
        .await?;
    Ok(())
}

/// Locks every administrator and `user`, in the order of their ids; who of them is an administrator.
pub async fn lock_admins_and(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Vec<(UserId, Role)>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: UserId", role FROM users WHERE role = 'admin' OR id = $1
           ORDER BY id FOR NO KEY UPDATE"#,
        user.0
    );
    let rows = rows.fetch_all(connection).await?;
    let roles = rows
        .into_iter()
        .map(|row| (row.id, Role::parse(&row.role).unwrap_or(Role::Member)));
    Ok(roles.collect())
}

/// Changes what a locked person may do.
pub async fn update_role(connection: &mut PgConnection, user: UserId, role: Role) -> sqlx::Result<()> {
    sqlx::query!("UPDATE users SET role = $2 WHERE id = $1", user.0, role.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
