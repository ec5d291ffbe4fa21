//! The SQL of one-time links, and of what they change.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::accounts::links::LinkKind;
use crate::accounts::model::{Email, user_inputs};
use crate::ids::UserId;

/// An account as its owner's own pages need it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Which.
    pub user: UserId,
    /// The name to log in with.
    pub username: String,
    /// The name that they are shown by.
    pub name: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
    /// Whether its owner has shown that the address is theirs.
    pub is_verified: bool,
    /// The password's hash, with its parameters.
    pub password_hash: String,
}

impl Account {
    /// What a password must not be made of, besides common words.
    pub fn user_inputs(&self) -> Vec<String> {
        let email = self.email.as_deref().unwrap_or_default();
        user_inputs(&self.username, &self.first_name, &self.last_name, email)
    }

    /// The address to which mails go: only one that is theirs.
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.is_verified)
    }
}

/// That account.
pub async fn find_account(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT u.id AS "user: UserId", u.username, a.name AS "name!", u.first_name, u.last_name, u.email,
                  u.email_verified_at IS NOT NULL AS "is_verified!", u.password_hash
           FROM users u JOIN authors a ON a.id = u.id WHERE u.id = $1 AND u.erased_at IS NULL"#,
        user.0
    )
    .fetch_optional(db)
    .await
}

/// That account, whose password stays as it is until the end of the transaction.
pub async fn lock_account(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT u.id AS "user: UserId", u.username, a.name AS "name!", u.first_name, u.last_name, u.email,
                  u.email_verified_at IS NOT NULL AS "is_verified!", u.password_hash
           FROM users u JOIN authors a ON a.id = u.id WHERE u.id = $1 AND u.erased_at IS NULL FOR SHARE OF u"#,
        user.0
    )
    .fetch_optional(connection)
    .await
}

/// The account of that username or verified e-mail address (folded), if it has a verified address at all.
pub async fn find_account_to_mail(db: impl PgExecutor<'_>, login_key: &str) -> sqlx::Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT u.id AS "user: UserId", u.username, a.name AS "name!", u.first_name, u.last_name, u.email,
                  u.email_verified_at IS NOT NULL AS "is_verified!", u.password_hash
           FROM users u JOIN authors a ON a.id = u.id
           WHERE u.id = ANY (ARRAY(SELECT id FROM users WHERE name_key = $1
                                 UNION ALL SELECT id FROM users WHERE email_key = $1 AND email_verified_at IS NOT NULL))"#,
        login_key
    )
    .fetch_optional(db)
    .await
    .map(|found| found.filter(|account| account.is_verified))
}

/// A new one-time link.
pub struct NewToken<'a> {
    /// The hash of its token.
    pub hash: &'a [u8],
    /// What it is for.
    pub kind: LinkKind,
    /// Whose.
    pub user: UserId,
    /// The address that it verifies.
    pub email: Option<&'a str>,
    /// Now.
    pub at: DateTime<Utc>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// Stores a link's token.
pub async fn insert_token(connection: &mut PgConnection, new: NewToken<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO login_tokens (hash, kind, user_id, email, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        new.hash,
        new.kind.as_str(),
        new.user.0,
        new.email,
        new.at as _,
        new.expires_at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many links of that kind are good for that person.
pub async fn count_tokens(
    connection: &mut PgConnection,
    kind: LinkKind,
    user: UserId,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM login_tokens WHERE user_id = $1 AND kind = $2 AND expires_at > $3"#,
        user.0,
        kind.as_str(),
        now as _
    )
    .fetch_one(connection)
    .await
}

/// Whose a link is.
#[derive(Debug)]
pub struct TokenOwner {
    /// Whose.
    pub user: UserId,
    /// The name to log in with.
    pub username: String,
    /// The address that it verifies.
    pub email: Option<String>,
}

/// Whose the link with that token is, while it is good.
pub async fn find_token(
    db: impl PgExecutor<'_>,
    hash: &[u8],
    kind: LinkKind,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<TokenOwner>> {
    sqlx::query_as!(
        TokenOwner,
        r#"SELECT u.id AS "user: UserId", u.username, t.email
           FROM login_tokens t JOIN users u ON u.id = t.user_id
           WHERE t.hash = $1 AND t.kind = $2 AND t.expires_at > $3"#,
        hash,
        kind.as_str(),
        now as _
    )
    .fetch_optional(db)
    .await
}

/// Uses a link up, if it is still good; the address that it verifies.
pub async fn take_token(
    connection: &mut PgConnection,
    hash: &[u8],
    kind: LinkKind,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<(UserId, Option<String>)>> {
    let row = sqlx::query!(
        r#"DELETE FROM login_tokens WHERE hash = $1 AND kind = $2 AND expires_at > $3
           RETURNING user_id AS "user!: UserId", email"#,
        hash,
        kind.as_str(),
        now as _
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.user, row.email)))
}

/// Makes every link of a person worthless.
pub async fn delete_tokens(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM login_tokens WHERE user_id = $1", user.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes links that nobody can use any more.
pub async fn delete_tokens_expired(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM login_tokens WHERE expires_at < $1", now as _)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets a new password.
pub async fn update_password(connection: &mut PgConnection, user: UserId, hash: &str) -> sqlx::Result<()> {
    sqlx::query!("UPDATE users SET password_hash = $2 WHERE id = $1", user.0, hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets the address that a person has shown to be theirs.
pub async fn update_email(
    connection: &mut PgConnection,
    user: UserId,
    email: &Email,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET email = $2, email_key = $3, email_verified_at = $4 WHERE id = $1",
        user.0,
        email.as_str(),
        email.key(),
        now as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
