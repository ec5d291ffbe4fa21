//! Who belongs to the rooms that people made, with which role, and what these rooms are set to. Who may do what is
//! decided under the room's lock. What somebody may not do there does not exist for them.

use sqlx::PgConnection;
use uuid::Uuid;

use super::chosen::Named;
use super::{admit, begin_deletion, bounds, enter, event, publish_change, publish_end};
use crate::accounts::model::Author;
use crate::accounts::queries::find_author;
use crate::bus::Event;
use crate::database::within_limit;
use crate::error::FieldErrors;
use crate::friends;
use crate::friends::model::Relation;
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{
    Entry, EventKind, Kind, MemberRole, NewEvent, Room, RoomAddress, RoomTitle, Settings, Topic,
};
use crate::rooms::queries;
use crate::text::fold;
use crate::{App, Error, Result};

/// Takes a friend into a group. Taking in twice is taking in once.
pub async fn add(app: &App, actor: UserId, slug: &str, username: &str) -> Result<()> {
    app.throttle.check_membership(actor)?;
    let found = friends::actions::find(app, actor, username).await;
    let mut tx = app.db.begin().await?;
    let (room, role) = lock_own(&mut tx, actor, slug).await?;
    if room.kind != Kind::Group || !role.may_manage() {
        return Err(Error::NotFound);
    }
    let person = match found {
        Ok((person, Relation::Friend)) => person,
        Ok(_) | Err(Error::NotFound) => return Err(wrong("username", "Write the username of one of your friends.")),
        Err(error) => return Err(error),
    };
    let is_member = queries::find_role(&mut *tx, room.id, person.id).await?.is_some();
    if !is_member && !bounds::has_room(&mut tx, person.id).await? {
        return Err(wrong("username", "They cannot be added to this room."));
    }
    let added = about(app, EventKind::Added, actor, person.id);
    if let Some(change) = admit(&mut tx, &room, person.id, added).await? {
        tx.commit().await?;
        publish_change(app, room.id, change);
        app.bus.publish(Event::SideBarChanged {
            people: vec![person.id],
        });
    }
    Ok(())
}

/// Puts a member out; their sockets in the room are closed. What they wrote stays.
pub async fn remove(app: &App, actor: UserId, slug: &str, username: &str) -> Result<()> {
    app.throttle.check_membership(actor)?;
    let mut tx = app.db.begin().await?;
    let (room, role) = lock_own(&mut tx, actor, slug).await?;
    let (person, their_role) = find_member(&mut tx, &room, username).await?;
    if !role.may_remove(their_role) {
        return Err(Error::NotFound);
    }
    queries::delete_member(&mut tx, room.id, person.id).await?;
    let removed = about(app, EventKind::Removed, actor, person.id);
    let change = queries::take_change(&mut tx, room.id, removed).await?;
    tx.commit().await?;
    publish_change(app, room.id, change);
    app.bus.publish(Event::SideBarChanged {
        people: vec![person.id],
    });
    Ok(())
}

/// Gives a member, or oneself, another role. A room keeps an owner.
pub async fn set_role(app: &App, actor: UserId, slug: &str, username: &str, new: MemberRole) -> Result<()> {
    app.throttle.check_membership(actor)?;
    let mut tx = app.db.begin().await?;
    let (room, role) = lock_own(&mut tx, actor, slug).await?;
    let (person, their_role) = find_member(&mut tx, &room, username).await?;
    if their_role == new {
        return Ok(());
    }
    let is_self = person.id == actor;
    let may = if is_self {
        role.may_become(new)
    } else {
        role.may_promote(their_role)
    };
    if !may {
        return Err(Error::NotFound);
    }
    if is_self && role == MemberRole::Owner {
        let next = queries::find_heir(&mut *tx, room.id, actor).await?;
        if next.is_none_or(|(_, role)| role != MemberRole::Owner) {
            return Err(Error::Conflict(
                "A room needs an owner. Make somebody else an owner first.".into(),
            ));
        }
    }
    if new == MemberRole::Owner && !bounds::may_own(&mut tx, person.id).await? {
        return Err(Error::Conflict("They cannot be made an owner of this room.".into()));
    }
    queries::update_role(&mut tx, room.id, person.id, new).await?;
    let made = NewEvent {
        subject: (!is_self).then_some(person.id),
        ..event(app, EventKind::made(new), actor)
    };
    let change = queries::take_change(&mut tx, room.id, made).await?;
    tx.commit().await?;
    publish_change(app, room.id, change);
    Ok(())
}

/// Ends the person's membership; their sockets in the room are closed. What they wrote stays. The last owner of a room
/// that people made hands it over to whoever comes next, and it ends with its last member.
pub async fn leave(app: &App, user: UserId, slug: &str) -> Result<()> {
    app.throttle.check_membership(user)?;
    let membership = enter(app, user, RoomAddress::Slug(slug)).await?;
    if membership.room.kind == Kind::Direct {
        return Err(Error::Conflict("A direct chat stays with both of you.".into()));
    }
    end_membership(app, user, membership.room.id).await
}

/// Ends every membership of a person whose account is being deleted, also in direct chats.
pub async fn leave_all(app: &App, user: UserId) -> Result<()> {
    let mut after = RoomId(Uuid::nil());
    while let Some(room) = within_limit(&app.db, async |db| queries::next_room_of(db, user, after).await).await? {
        match end_membership(app, user, room).await {
            // It is being deleted itself.
            Ok(()) | Err(Error::NotFound) => after = room,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn end_membership(app: &App, user: UserId, room: RoomId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let room = queries::lock_room(&mut tx, room).await?.ok_or(Error::NotFound)?;
    let Some(role) = queries::find_role(&mut *tx, room.id, user).await? else {
        return Ok(());
    };
    if room.kind.is_own() && !hand_over(app, &mut tx, &room, user, role).await? {
        begin_deletion(app, &mut tx, &room).await?;
        tx.commit().await?;
        publish_end(app, &room);
    } else {
        queries::delete_member(&mut tx, room.id, user).await?;
        let change = queries::take_change(&mut tx, room.id, event(app, EventKind::Left, user)).await?;
        tx.commit().await?;
        publish_change(app, room.id, change);
    }
    app.bus.publish(Event::SideBarChanged { people: vec![user] });
    Ok(())
}

/// Makes somebody else an owner, if the one who leaves is the last one. Returns whether there is anybody else.
async fn hand_over(app: &App, tx: &mut PgConnection, room: &Room, user: UserId, role: MemberRole) -> Result<bool> {
    let Some((heir, their_role)) = queries::find_heir(&mut *tx, room.id, user).await? else {
        return Ok(false);
    };
    if role == MemberRole::Owner && their_role != MemberRole::Owner {
        queries::update_role(tx, room.id, heir, MemberRole::Owner).await?;
        queries::take_change(tx, room.id, about(app, EventKind::MadeOwner, user, heir)).await?;
    }
    Ok(true)
}

/// Changes what a room is called, what it is for, and what new members may read, and takes people in: friends are members
/// at once, others are invited, but into a group friends alone are taken. All of it is done, or nothing. Returns who of
/// these people is invited.
pub async fn update(
    app: &App,
    actor: UserId,
    slug: &str,
    settings: &Settings,
    usernames: &[String],
) -> Result<Vec<UserId>> {
    app.throttle.check_membership(actor)?;
    let named = Named::find(app, actor, usernames).await?;
    let mut tx = app.db.begin().await?;
    let (room, role) = lock_own(&mut tx, actor, slug).await?;
    let history = settings.history.unwrap_or(room.history);
    if !role.may_manage() || (history != room.history && !role.may_decide()) {
        return Err(Error::NotFound);
    }
    let title = settings.title.as_ref().map_or(room.title.as_str(), RoomTitle::as_str);
    let topic = settings.topic.as_ref().map_or(room.topic.as_str(), Topic::as_str);
    queries::update_settings(&mut tx, room.id, (title, topic), history).await?;
    let (mut change, mut people) = (None, Vec::new());
    if (title, topic) != (&room.title, &room.topic) {
        change = Some(queries::take_change(&mut tx, room.id, event(app, EventKind::Edited, actor)).await?);
        people = queries::list_member_ids(&mut *tx, room.id).await?;
    }
    let entry = if room.kind == Kind::Group {
        Entry::Added
    } else {
        Entry::ByRelation
    };
    let taken = named.take_in(app, &mut tx, &room, actor, entry).await?;
    tx.commit().await?;
    if let Some(change) = taken.change.or(change) {
        publish_change(app, room.id, change);
    }
    people.extend(taken.told);
    if !people.is_empty() {
        app.bus.publish(Event::SideBarChanged { people });
    }
    Ok(taken.invited)
}

/// Deletes a room with everything in it, if its title was typed. There is no way back.
pub async fn delete(app: &App, actor: UserId, slug: &str, typed_title: &str) -> Result<()> {
    app.throttle.check_membership(actor)?;
    let mut tx = app.db.begin().await?;
    let (room, role) = lock_own(&mut tx, actor, slug).await?;
    if !role.may_decide() {
        return Err(Error::NotFound);
    }
    if fold(typed_title) != fold(&room.title) {
        return Err(wrong(
            "title",
            "This is not the name of the room. Type it as it stands above.",
        ));
    }
    let people = queries::list_member_ids(&mut *tx, room.id).await?;
    begin_deletion(app, &mut tx, &room).await?;
    tx.commit().await?;
    publish_end(app, &room);
    app.bus.publish(Event::SideBarChanged { people });
    Ok(())
}

/// Locks a room that people made, for one of its members; returns it with their role.
async fn lock_own(tx: &mut PgConnection, actor: UserId, slug: &str) -> Result<(Room, MemberRole)> {
    let found = queries::find_membership(&mut *tx, actor, RoomAddress::Slug(slug)).await?;
    let id = found.ok_or(Error::NotFound)?.room.id;
    let room = queries::lock_room(tx, id).await?.filter(|room| room.kind.is_own());
    let room = room.ok_or(Error::NotFound)?;
    let role = queries::find_role(&mut *tx, id, actor).await?.ok_or(Error::NotFound)?;
    Ok((room, role))
}

/// The member of that username, and their role.
async fn find_member(tx: &mut PgConnection, room: &Room, username: &str) -> Result<(Author, MemberRole)> {
    let person = find_author(&mut *tx, &fold(username)).await?.ok_or(Error::NotFound)?;
    let role = queries::find_role(&mut *tx, room.id, person.id).await?;
    Ok((person, role.ok_or(Error::NotFound)?))
}

/// What somebody does now to somebody else.
pub(super) fn about(app: &App, kind: EventKind, actor: UserId, subject: UserId) -> NewEvent {
    NewEvent {
        subject: Some(subject),
        ..event(app, kind, actor)
    }
}

fn wrong(field: &'static str, sentence: &str) -> Error {
    Error::Invalid(FieldErrors::one(field, sentence))
}
