//! The end of an account, as far as accounts know of it. Its username stays reserved for a while, so that nobody takes the
//! place of whoever had it.

use chrono::TimeDelta;
use sqlx::PgConnection;

use super::model::Role;
use super::queries::{self, EndedSession};
use crate::ids::UserId;
use crate::text::{fold, skeletons};
use crate::web::signature::sign;
use crate::{App, Error, Result};

/// How long the username of an erased account is taken.
const RESERVED_FOR: TimeDelta = TimeDelta::days(30);

/// Destroys a person's data key and empties their account, in the caller's transaction; returns the log-ins that end with
/// it. The last administrator stays.
pub async fn erase(app: &App, tx: &mut PgConnection, user: UserId) -> Result<Vec<EndedSession>> {
    let locked = queries::lock_admins_and(tx, user).await?;
    let admins: Vec<_> = locked.iter().filter(|(_, role)| *role == Role::Admin).collect();
    if admins.len() == 1 && admins.iter().any(|(id, _)| *id == user) {
        let sentence =
            "You are the last administrator. Make somebody else one first, then you can delete your account.";
        return Err(Error::Conflict(sentence.into()));
    }
    let now = app.now();
    let erased = queries::erase_user(tx, user, now).await?;
    let erased = erased.ok_or(Error::Unauthenticated)?;
    app.vault.destroy_data_key(tx, erased.key).await?;
    queries::insert_reserved(tx, &hashes(app, &erased.username), now + RESERVED_FOR).await?;
    let ended = queries::delete_belongings(tx, user).await?;
    queries::insert_key_revocation(tx, erased.key).await?;
    Ok(ended)
}

/// Whether somebody had this name, or one that looks like it, until lately.
pub(super) async fn is_reserved(app: &App, tx: &mut PgConnection, username: &str) -> Result<bool> {
    Ok(queries::is_reserved(tx, &hashes(app, username), app.now()).await?)
}

/// By what it is told whether a name is one that is reserved, or looks like one, without storing it.
fn hashes(app: &App, username: &str) -> Vec<String> {
    let keys = skeletons(username).into_iter().chain([fold(username)]);
    let hashes = keys.map(|key| sign(app.vault.name_key(), "username", &[&key]));
    hashes.collect()
}
