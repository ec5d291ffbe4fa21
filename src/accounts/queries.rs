//! The SQL of accounts, sessions and one-time codes.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::model::{NewAccount, Role};
use crate::ids::{KeyId, SessionId, UserId};
use crate::web::session::TokenHash;

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
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users"#)
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
    /// Which privacy page its owner agreed to.
    pub consent_version: &'a str,
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
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15)",
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
        new.at,
        new.theme
    )
    .execute(connection)
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
        r#"SELECT id AS "user: UserId", password_hash, theme FROM users WHERE name_key = $1"#,
        name_key
    )
    .fetch_optional(db)
    .await
}

/// The account of that e-mail address: the one that has verified it, else the oldest that gave it.
pub async fn find_credentials_by_email(db: impl PgExecutor<'_>, email_key: &str) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"SELECT id AS "user: UserId", password_hash, theme FROM users WHERE email_key = $1
           ORDER BY email_verified_at IS NULL, created_at, id LIMIT 1"#,
        email_key
    )
    .fetch_optional(db)
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

/// A new log-in.
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// The hash of the token that only the cookie carries.
    pub token: TokenHash,
    /// Whose.
    pub user: UserId,
    /// Whether it lasts beyond the browser's session.
    pub remember: bool,
    /// What the browser calls itself, for the owner to recognise it.
    pub device: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
    /// When it ends unless it is used.
    pub expires_at: DateTime<Utc>,
}

/// Stores a new log-in.
pub async fn insert_session(connection: &mut PgConnection, new: NewSession<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO user_sessions (id, token_hash, user_id, remember, device, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        new.id.0,
        new.token.as_slice(),
        new.user.0,
        new.remember,
        new.device,
        new.at,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A log-in that is alive, and whose it is.
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The name to log in with.
    pub username: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// What they may do.
    pub role: String,
    /// Whether it lasts beyond the browser's session.
    pub remember: bool,
    /// When it was last used, to the hour.
    pub last_used_at: DateTime<Utc>,
}

/// The log-in with this token, if it is alive now.
pub async fn find_session(
    db: impl PgExecutor<'_>,
    token: &TokenHash,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<LiveSession>> {
    sqlx::query_as!(
        LiveSession,
        r#"SELECT s.id AS "id: SessionId", s.user_id AS "user: UserId", s.remember, s.last_used_at,
                  u.username, u.first_name, u.last_name, u.role
           FROM user_sessions s JOIN users u ON u.id = s.user_id
           WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2"#,
        token.as_slice(),
        now
    )
    .fetch_optional(db)
    .await
}

/// Notes that a log-in is in use, and moves its end. An ended one stays ended.
pub async fn update_session_use(
    db: impl PgExecutor<'_>,
    session: SessionId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE user_sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1 AND ended_at IS NULL",
        session.0,
        now,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A log-in that has just ended.
pub struct EndedSession {
    /// Which.
    pub id: SessionId,
    /// What it was looked up by.
    pub token: Vec<u8>,
}

/// Ends one log-in; None when it had ended already.
pub async fn update_session_ended(
    db: impl PgExecutor<'_>,
    session: SessionId,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL
           RETURNING id AS "id: SessionId", token_hash AS token"#,
        session.0,
        at
    )
    .fetch_optional(db)
    .await
}

/// Ends every log-in of a person.
pub async fn update_sessions_ended(
    connection: &mut PgConnection,
    user: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE user_sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL
           RETURNING id AS "id: SessionId", token_hash AS token"#,
        user.0,
        at
    )
    .fetch_all(connection)
    .await
}

/// Deletes log-ins that expired before that time.
pub async fn delete_sessions_expired(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!("DELETE FROM user_sessions WHERE expires_at < $1", before);
    Ok(done.execute(db).await?.rows_affected())
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
