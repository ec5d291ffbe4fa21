//! Keys by which a program and this server seal the bodies of requests and answers, beside TLS. A key is shown once. It is
//! stored sealed with a key made from its owner's data key, so that the end of the account destroys it.

use chrono::{DateTime, TimeDelta, Utc};
use fernet::Fernet;
use zeroize::Zeroizing;

use super::CurrentUser;
use super::model::PersonName;
use super::queries;
use crate::error::FieldErrors;
use crate::ids::{ApiKeyId, UserId};
use crate::{App, Error, Result};

/// Keys that one person has at most.
const MOST: i64 = 20;

/// A use is noted at most this often.
const NOTED_EVERY: TimeDelta = TimeDelta::hours(1);

/// A body is good for so long after the time that it names, and before: clocks differ.
const GOOD_FOR: TimeDelta = TimeDelta::seconds(60);

/// How long bodies are remembered that came: longer than any is good, also where the clocks of nodes differ.
pub(super) const REMEMBERED: TimeDelta = TimeDelta::minutes(5);

/// A key that was made, to be shown this once.
pub struct NewApiKey {
    /// How requests name it.
    pub id: ApiKeyId,
    /// A Fernet key.
    pub key: Zeroizing<String>,
}

/// A key in use.
pub struct OpenedApiKey {
    id: ApiKeyId,
    /// Seals and opens with it.
    pub cipher: Fernet,
}

/// Makes a key.
pub async fn create(app: &App, user: &CurrentUser, name: &str) -> Result<NewApiKey> {
    let name = PersonName::parse_required(name).map_err(|sentence| FieldErrors::one("name", sentence));
    let name = name.map_err(Error::Invalid)?;
    let (id, key) = (ApiKeyId::new(), Zeroizing::new(Fernet::generate_key()));
    let sealed = app.vault.person_cipher(&app.db, user.key).await?.seal(id.0, &key);
    let mut tx = app.db.begin().await?;
    let count = queries::lock_and_count_api_keys(&mut tx, user.id).await?;
    if count.ok_or(Error::Unauthenticated)? >= MOST {
        let sentence = "You have 20 keys. Revoke one that you do not use any more.";
        return Err(Error::Invalid(FieldErrors::one("name", sentence)));
    }
    queries::insert_api_key(&mut tx, user.id, (id, name.as_str(), &sealed), app.now()).await?;
    tx.commit().await?;
    Ok(NewApiKey { id, key })
}

/// Ends a key of theirs.
pub async fn revoke(app: &App, user: UserId, id: ApiKeyId) -> Result<()> {
    if queries::delete_api_key(&app.db, id, user).await? {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// A key of theirs, opened, and noted to be in use.
pub async fn open(app: &App, user: &CurrentUser, id: ApiKeyId) -> Result<Option<OpenedApiKey>> {
    let Some(found) = queries::find_api_key(&app.db, id, user.id).await? else {
        return Ok(None);
    };
    let cipher = app.vault.person_cipher(&app.db, user.key).await?;
    let opened = cipher.open(id.0, &found.sealed).ok();
    let Some(cipher) = opened.and_then(|key| Fernet::new(&key)) else {
        return Err(Error::internal("a key for encrypted bodies could not be opened"));
    };
    let now = app.now();
    if found.last_used_at.is_none_or(|at| now - at >= NOTED_EVERY) {
        queries::update_api_key_use(&app.db, id, now).await?;
    }
    Ok(Some(OpenedApiKey { id, cipher }))
}

/// Whether a body that names this time may be used: it is neither too old nor too new, and came never before, on any node.
pub async fn admit(app: &App, key: &OpenedApiKey, iv: &[u8], issued_at: DateTime<Utc>) -> Result<bool> {
    let now = app.now();
    if (now - issued_at).abs() > GOOD_FOR {
        return Ok(false);
    }
    Ok(queries::insert_api_body_seen(&app.db, key.id, iv, now).await?)
}
