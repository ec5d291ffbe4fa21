//! What administrators do about people. Each act is noted in the transaction that does it.

use sqlx::{PgConnection, Postgres, Transaction};

use super::model::{Act, BanReason, Role};
use super::queries;
use super::sessions::end_sessions;
use crate::ids::UserId;
use crate::text::fold;
use crate::{App, Error, Result};

/// Bans somebody: their log-ins end on every node, and they cannot log in any more. An administrator cannot be banned.
pub async fn ban(app: &App, actor: UserId, username: &str, reason: &BanReason) -> Result<()> {
    let (mut tx, user, role) = begin(app, actor, username).await?;
    if role == Role::Admin {
        let sentence = "An administrator cannot be banned. Make a member of them first.";
        return Err(Error::Conflict(sentence.into()));
    }
    queries::update_ban(&mut tx, user, Some((reason.as_str(), app.now()))).await?;
    note(app, &mut tx, actor, Act::Ban, user, reason.as_str()).await?;
    queries::delete_tokens(&mut tx, user).await?;
    let ended = queries::update_sessions_ended(&mut tx, user, None, app.now()).await?;
    end_sessions(app, tx, &ended).await
}

/// Ends a ban.
pub async fn unban(app: &App, actor: UserId, username: &str) -> Result<()> {
    let (mut tx, user, _) = begin(app, actor, username).await?;
    queries::update_ban(&mut tx, user, None).await?;
    note(app, &mut tx, actor, Act::Unban, user, "").await?;
    tx.commit().await?;
    Ok(())
}

/// Ends all of somebody's log-ins.
pub async fn end_all_sessions(app: &App, actor: UserId, username: &str) -> Result<()> {
    let (mut tx, user, _) = begin(app, actor, username).await?;
    note(app, &mut tx, actor, Act::EndSessions, user, "").await?;
    let ended = queries::update_sessions_ended(&mut tx, user, None, app.now()).await?;
    end_sessions(app, tx, &ended).await
}

/// Notes what an administrator does to a person.
pub(super) async fn note(
    app: &App,
    tx: &mut PgConnection,
    actor: UserId,
    act: Act,
    user: UserId,
    detail: &str,
) -> Result<()> {
    Ok(queries::insert_act(tx, actor, act, (Some(user.0), detail), app.now()).await?)
}

/// A transaction in which that person, and who acts, stay what they are. Whoever acts must be an administrator.
async fn begin(app: &App, actor: UserId, username: &str) -> Result<(Transaction<'static, Postgres>, UserId, Role)> {
    let found = queries::find_credentials_by_name(&app.db, &fold(username)).await?;
    let user = found.ok_or(Error::NotFound)?.user;
    let mut tx = app.db.begin().await?;
    let locked = queries::lock_admins_and(&mut tx, user).await?;
    if !locked.contains(&(actor, Role::Admin)) {
        return Err(Error::NotFound);
    }
    let role = locked.iter().find(|(id, _)| *id == user).ok_or(Error::NotFound)?.1;
    Ok((tx, user, role))
}
