//! Invitations of people into private rooms. Each changes under the lock of its room, and who is in the room has none.

use super::{admit_and_publish, enter};
use crate::accounts::model::Author;
use crate::accounts::queries::find_author;
use crate::bus::Event;
use crate::error::FieldErrors;
use crate::friends;
use crate::friends::model::Relation;
use crate::ids::UserId;
use crate::rooms::model::{Kind, Membership, Reachable, RoomAddress};
use crate::rooms::queries;
use crate::text::fold;
use crate::{App, Error, Result};

/// The room, as one of its members who may invite others. For other members the page is not there.
pub async fn manage(app: &App, user: UserId, slug: &str) -> Result<Membership> {
    let membership = enter(app, user, RoomAddress::Slug(slug)).await?;
    if membership.may_invite() {
        Ok(membership)
    } else {
        Err(Error::NotFound)
    }
}

/// Invites a person into a private room. Somebody who blocks the inviter is invited as well, and is not told.
pub async fn invite(app: &App, inviter: UserId, slug: &str, username: &str) -> Result<()> {
    app.throttle.check_membership(inviter)?;
    let room = manage(app, inviter, slug).await?.room;
    if room.kind != Kind::Private {
        return Err(Error::NotFound);
    }
    let found = friends::actions::find(app, inviter, username).await;
    let (person, relation) = found.map_err(|error| match error {
        Error::NotFound => wrong("There is nobody else of this name.".into()),
        error => error,
    })?;
    if relation == Relation::Blocked {
        return Err(wrong(format!("You blocked {}. Unblock them first.", person.name)));
    }
    let mut tx = app.db.begin().await?;
    queries::lock_room(&mut tx, room.id).await?.ok_or(Error::NotFound)?;
    let membership = queries::find_membership(&mut *tx, person.id, RoomAddress::Id(room.id)).await?;
    if membership.is_some() {
        return Err(wrong(format!("{} is in this room already.", person.name)));
    }
    queries::insert_invitation(&mut tx, room.id, person.id, inviter, app.now()).await?;
    tx.commit().await?;
    publish(app, person.id);
    Ok(())
}

/// Takes back whatever invites the person of that username into the room.
pub async fn withdraw(app: &App, user: UserId, slug: &str, username: &str) -> Result<()> {
    let room = manage(app, user, slug).await?.room;
    let Author { id: person, .. } = find_author(&app.db, &fold(username)).await?.ok_or(Error::NotFound)?;
    let mut tx = app.db.begin().await?;
    queries::lock_room(&mut tx, room.id).await?.ok_or(Error::NotFound)?;
    if !queries::delete_invitations(&mut tx, room.id, person).await? {
        return Err(Error::NotFound);
    }
    tx.commit().await?;
    publish(app, person);
    Ok(())
}

/// Joins a room that the person is invited to. Who is in it already is led into it.
pub async fn accept(app: &App, user: UserId, slug: &str) -> Result<()> {
    app.throttle.check_membership(user)?;
    let key = fold(slug);
    if let Some(room) = queries::find_invitation(&app.db, user, &key).await? {
        let mut tx = app.db.begin().await?;
        let room = queries::lock_room(&mut tx, room).await?.ok_or(Error::NotFound)?;
        // What was taken back or declined meanwhile is over.
        if queries::find_invitation(&mut *tx, user, &key).await?.is_some() {
            return admit_and_publish(app, tx, &room, user).await;
        }
    }
    enter(app, user, RoomAddress::Slug(slug)).await.map(|_| ())
}

/// Declines whatever invites the person into the room.
pub async fn decline(app: &App, user: UserId, slug: &str) -> Result<()> {
    let found = queries::find_invitation(&app.db, user, &fold(slug)).await?;
    let room = found.ok_or(Error::NotFound)?;
    let mut tx = app.db.begin().await?;
    queries::lock_room(&mut tx, room).await?.ok_or(Error::NotFound)?;
    if !queries::delete_invitations(&mut tx, room, user).await? {
        return Err(Error::NotFound);
    }
    tx.commit().await?;
    publish(app, user);
    Ok(())
}

/// What the name leads the person to: the public room so called, a room of theirs, or one that they are invited to. A
/// room that they may not see is as one that does not exist.
pub async fn find_by_name(app: &App, user: UserId, name: &str) -> Result<Option<Reachable>> {
    let key = fold(name.trim());
    let rooms = queries::list_named_rooms(&app.db, user, &key).await?;
    let found = rooms.into_iter().find(|room| fold(&room.title) == key);
    Ok(found.map(|room| {
        if room.is_open {
            Reachable::Room(room.slug)
        } else {
            Reachable::Invitation(room.slug)
        }
    }))
}

fn publish(app: &App, person: UserId) {
    app.bus.publish(Event::SideBarChanged { people: vec![person] });
}

fn wrong(sentence: String) -> Error {
    Error::Invalid(FieldErrors::one("username", sentence))
}
