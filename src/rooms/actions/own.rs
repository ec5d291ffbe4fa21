//! Rooms that people make themselves, and direct chats.

use super::chosen::Named;
use super::{bounds, event, publish_change};
use crate::accounts::model::Author;
use crate::accounts::queries::find_author;
use crate::bus::Event;
use crate::friends;
use crate::friends::model::{Pair, Relation};
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{Entry, EventKind, Kind, MemberRole, NewRoom, Room};
use crate::rooms::queries;
use crate::text::fold;
use crate::{App, Error, Result};

/// Makes a room, of which `owner` is the owner.
pub async fn create(app: &App, owner: UserId, new: NewRoom) -> Result<Room> {
    app.throttle.check_membership(owner)?;
    let mut named = Named::find(app, owner, &new.chosen).await?;
    if new.entry != Entry::ByRelation {
        // The form offers friends alone.
        named.disown(owner);
    }
    let mut tx = app.db.begin().await?;
    bounds::check_own(&mut tx, owner).await?;
    let key = app.vault.create_data_key(&mut tx).await?;
    let id = RoomId::new();
    let history = new.kind.usual_history();
    queries::insert_room(
        &mut tx,
        id,
        (new.kind, history),
        new.title.as_str(),
        new.topic.as_str(),
        key,
    )
    .await?;
    let room = queries::lock_room(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let begins = room.state().position();
    queries::insert_member(&mut tx, id, owner, MemberRole::Owner, begins).await?;
    let created = queries::take_change(&mut tx, id, event(app, EventKind::Created, owner)).await?;
    let mut taken = named.take_in(app, &mut tx, &room, owner, new.entry).await?;
    tx.commit().await?;
    publish_change(app, id, taken.change.unwrap_or(created));
    taken.told.push(owner);
    app.bus.publish(Event::SideBarChanged { people: taken.told });
    Ok(room)
}

/// The place of the direct chat with the person of that username, which is made if there is none: only friends have one.
pub async fn open_direct(app: &App, me: UserId, username: &str) -> Result<String> {
    let (person, pair) = partner(app, me, username).await?;
    let mut tx = app.db.begin().await?;
    friends::queries::lock_pair(&mut tx, pair).await?;
    if let Some(slug) = queries::find_direct(&mut *tx, pair).await? {
        return Ok(slug);
    }
    let relation = friends::queries::find_relation(&mut *tx, me, person.id).await?;
    if relation != Relation::Friend {
        let sentence = format!(
            "You and {} are not friends. Once both of you agreed you can write to each other.",
            person.name
        );
        return Err(Error::Conflict(sentence));
    }
    bounds::check_join(&mut tx, me).await?;
    if !bounds::has_room(&mut tx, person.id).await? {
        let sentence = format!("A chat with {} cannot be opened now.", person.name);
        return Err(Error::Conflict(sentence));
    }
    let key = app.vault.create_data_key(&mut tx).await?;
    let id = RoomId::new();
    let history = Kind::Direct.usual_history();
    queries::insert_room(&mut tx, id, (Kind::Direct, history), "", "", key).await?;
    queries::insert_direct(&mut tx, pair, id).await?;
    let room = queries::lock_room(&mut tx, id).await?.ok_or(Error::NotFound)?;
    for user in [pair.lower, pair.higher] {
        let begins = room.state().position();
        queries::insert_member(&mut tx, id, user, MemberRole::Member, begins).await?;
    }
    tx.commit().await?;
    app.bus.publish(Event::SideBarChanged {
        people: vec![pair.lower, pair.higher],
    });
    Ok(room.slug)
}

/// The place of the direct chat with the person of that username, if there is one.
pub async fn find_direct(app: &App, me: UserId, username: &str) -> Result<Option<String>> {
    let (_, pair) = partner(app, me, username).await?;
    Ok(queries::find_direct(&app.db, pair).await?)
}

async fn partner(app: &App, me: UserId, username: &str) -> Result<(Author, Pair)> {
    let person = find_author(&app.db, &fold(username)).await?.ok_or(Error::NotFound)?;
    let pair = Pair::of(me, person.id).ok_or(Error::NotFound)?;
    Ok((person, pair))
}
