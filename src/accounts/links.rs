//! One-time links in mails and from administrators: random tokens, stored as hashes, good for an hour.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::queries::{self, NewToken};
use crate::ids::UserId;
use crate::web::session::random_bytes;
use crate::{App, Result, mail};

/// How long a link is good for.
const GOOD_FOR: TimeDelta = TimeDelta::hours(1);

/// Links of one kind that somebody is mailed in that time, at most: nobody shall fill another's mailbox.
const MOST: i64 = 5;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// To choose a new password.
    Reset,
    /// To show that an e-mail address is one's own.
    Verify,
}

impl LinkKind {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Reset => "/accounts/reset/",
            Self::Verify => "/accounts/email/verify/",
        }
    }
}

/// A link to be opened once.
pub(super) struct Link {
    /// Its whole address.
    pub address: String,
    /// From when on it is dead.
    pub expires_at: DateTime<Utc>,
}

/// Makes a link, in the caller's transaction. `email` is the address that it verifies.
pub(super) async fn create(
    app: &App,
    tx: &mut PgConnection,
    kind: LinkKind,
    user: UserId,
    email: Option<&str>,
) -> Result<Link> {
    let token = random_token()?;
    let expires_at = app.now() + GOOD_FOR;
    let new = NewToken {
        hash: &hash(&token),
        kind,
        user,
        email,
        at: app.now(),
        expires_at,
    };
    queries::insert_token(tx, new).await?;
    Ok(Link {
        address: mail::address_of(app, &format!("{}{token}", kind.path())),
        expires_at,
    })
}

/// Whether somebody has been mailed as many links of this kind lately as they may be.
pub(super) async fn is_enough(app: &App, tx: &mut PgConnection, kind: LinkKind, user: UserId) -> Result<bool> {
    Ok(queries::count_tokens(tx, kind, user, app.now()).await? >= MOST)
}

/// A new token of a link: 256 random bits.
pub fn random_token() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// What is stored of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
