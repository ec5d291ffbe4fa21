//! Links into private rooms and groups: random tokens, stored as hashes. People get in under the lock of the room, so that
//! no link lets in more of them than it may.

use super::{admit_and_publish, manage};
use crate::accounts::links::{hash, random_token};
use crate::ids::{InviteId, UserId};
use crate::rooms::model::{OpenedInvite, Terms};
use crate::rooms::queries::{self, NewInvite};
use crate::{App, Error, Result, mail};

/// Links into one room that are good at a time, at most.
const MOST: usize = 50;

/// Makes a link, whose address is known now and never again.
pub async fn create(app: &App, user: UserId, slug: &str, terms: Terms) -> Result<String> {
    app.throttle.check_membership(user)?;
    let room = manage(app, user, slug).await?.room;
    let token = random_token()?;
    let now = app.now();
    let mut tx = app.db.begin().await?;
    queries::lock_room(&mut tx, room.id).await?.ok_or(Error::NotFound)?;
    queries::delete_invites_spent(&mut tx, room.id, now).await?;
    if queries::list_invites(&mut *tx, room.id, now).await?.len() >= MOST {
        return Err(Error::Conflict(format!(
            "This room has {MOST} links. Revoke one that is not needed any more first."
        )));
    }
    let new = NewInvite {
        room: room.id,
        maker: user,
        hash: &hash(&token),
        at: now,
        expires_at: terms.period.map(|period| now + period),
        max_uses: terms.max_uses,
    };
    queries::insert_invite(&mut tx, new).await?;
    tx.commit().await?;
    Ok(mail::address_of(app, &format!("/invite/{token}")))
}

/// Ends a link.
pub async fn revoke(app: &App, user: UserId, slug: &str, invite: InviteId) -> Result<()> {
    let room = manage(app, user, slug).await?.room;
    let mut tx = app.db.begin().await?;
    queries::lock_room(&mut tx, room.id).await?.ok_or(Error::NotFound)?;
    if !queries::delete_invite(&mut tx, room.id, invite).await? {
        return Err(Error::NotFound);
    }
    Ok(tx.commit().await?)
}

/// What the link with that token leads to. One that is used up, expired or revoked leads to nothing, as one that never was,
/// but for those who are in the room.
pub async fn open(app: &App, token: &str, reader: Option<UserId>) -> Result<OpenedInvite> {
    let found = queries::find_invite(&app.db, &hash(token), reader, app.now()).await?;
    found
        .filter(|invite| invite.is_good || invite.is_member)
        .ok_or(Error::NotFound)
}

/// Joins the room that the link leads to, and returns its place in addresses. Who is in it already uses nothing up.
pub async fn join(app: &App, user: UserId, token: &str) -> Result<String> {
    app.throttle.check_membership(user)?;
    let opened = open(app, token, Some(user)).await?;
    let mut tx = app.db.begin().await?;
    let room = queries::lock_room(&mut tx, opened.room).await?.ok_or(Error::NotFound)?;
    // Others may have used it up meanwhile, or the person got in by another form.
    let invite = queries::find_invite(&mut *tx, &hash(token), Some(user), app.now()).await?;
    match invite {
        Some(invite) if invite.is_member => {}
        Some(invite) if invite.is_good => {
            queries::update_invite_used(&mut tx, invite.id).await?;
            admit_and_publish(app, tx, &room, user).await?;
        }
        _ => return Err(Error::NotFound),
    }
    Ok(room.slug)
}
