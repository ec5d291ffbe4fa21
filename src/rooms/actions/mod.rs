//! The way into a room, and what changes rooms: each change locks the room first, stores, and is published after the
//! commit.

mod bounds;
mod chosen;
mod invitations;
mod invites;
mod members;
mod own;
mod reading;

pub use invitations::{accept, decline, find_by_name, invite, manage, withdraw};
pub use invites::{create as create_invite, join as join_by_invite, open as open_invite, revoke as revoke_invite};
pub use members::{add, delete as delete_own, leave, leave_all, remove, set_role, update};
pub use own::{create as create_own, find_direct, open_direct};
pub use reading::{mark_unread, note_read, set_level};
use sqlx::{PgConnection, PgTransaction};

use super::model::{EventKind, Kind, MemberRole, Membership, NewEvent, Room, RoomAddress, RoomName, Topic};
use super::queries;
use crate::accounts::model::Act;
use crate::accounts::queries::{insert_act, insert_key_revocation};
use crate::bus::Event;
use crate::database::within_limit;
use crate::error::{FieldErrors, ResultExt};
use crate::ids::{Change, RoomId, UserId};
use crate::jobs::{self, Job};
use crate::text::fold;
use crate::{App, Error, Result};

/// The room, as one of its members. What is not open to somebody does not exist for them.
pub async fn enter(app: &App, user: UserId, room: RoomAddress<'_>) -> Result<Membership> {
    queries::find_membership(&app.db, user, room)
        .await?
        .ok_or(Error::NotFound)
}

/// Makes a public room. A taken name is an error of the field `name`.
pub async fn create(app: &App, actor: UserId, name: RoomName, topic: Topic) -> Result<()> {
    let mut tx = app.db.begin().await?;
    insert_public(app, &mut tx, actor, &name, &topic).await?;
    tx.commit().await?;
    app.bus.publish(Event::RoomListChanged);
    Ok(())
}

/// Makes a public room, and makes whoever makes it a member.
pub async fn create_and_join(app: &App, actor: UserId, name: RoomName, topic: Topic) -> Result<Room> {
    app.throttle.check_membership(actor)?;
    let mut tx = app.db.begin().await?;
    let room = insert_public(app, &mut tx, actor, &name, &topic).await?;
    admit_and_publish(app, tx, &room, actor).await?;
    app.bus.publish(Event::RoomListChanged);
    Ok(room)
}

async fn insert_public(
    app: &App,
    tx: &mut PgConnection,
    actor: UserId,
    name: &RoomName,
    topic: &Topic,
) -> Result<Room> {
    let key = app.vault.create_data_key(tx).await?;
    let id = RoomId::new();
    queries::insert_public_room(tx, id, name, topic, key)
        .await
        .on_constraint("rooms_slug_key_unique", name_taken)?;
    let room = queries::lock_room(tx, id).await?.ok_or(Error::NotFound)?;
    queries::advance_room_list(tx, id).await?;
    note(app, tx, actor, Act::CreateRoom, &room).await?;
    Ok(room)
}

/// Changes a public room's name and topic. Its address follows its name.
pub async fn edit(app: &App, actor: UserId, slug: &str, name: RoomName, topic: Topic) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let room = lock_public(&mut tx, slug).await?;
    queries::update_room(&mut tx, room.id, &name, &topic)
        .await
        .on_constraint("rooms_slug_key_unique", name_taken)?;
    let change = queries::take_change(&mut tx, room.id, event(app, EventKind::Edited, actor)).await?;
    note(app, &mut tx, actor, Act::EditRoom, &room).await?;
    queries::advance_room_list(&mut tx, room.id).await?;
    tx.commit().await?;
    publish_change(app, room.id, change);
    app.bus.publish(Event::RoomListChanged);
    Ok(())
}

/// Makes a public room read-only: its members keep its history, nobody writes or joins.
pub async fn archive(app: &App, actor: UserId, slug: &str) -> Result<()> {
    set_archived(app, actor, slug, true).await
}

/// Opens an archived room again.
pub async fn restore(app: &App, actor: UserId, slug: &str) -> Result<()> {
    set_archived(app, actor, slug, false).await
}

async fn set_archived(app: &App, actor: UserId, slug: &str, archived: bool) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let room = lock_public(&mut tx, slug).await?;
    if room.archived_at.is_some() == archived {
        return Ok(());
    }
    let (kind, at, act) = if archived {
        (EventKind::Archived, Some(app.now()), Act::ArchiveRoom)
    } else {
        (EventKind::Restored, None, Act::RestoreRoom)
    };
    note(app, &mut tx, actor, act, &room).await?;
    queries::update_archived(&mut tx, room.id, at).await?;
    let change = queries::take_change(&mut tx, room.id, event(app, kind, actor)).await?;
    queries::advance_room_list(&mut tx, room.id).await?;
    tx.commit().await?;
    publish_change(app, room.id, change);
    app.bus.publish(Event::RoomListChanged);
    Ok(())
}

/// Deletes a public room with everything in it. There is no way back.
pub async fn delete(app: &App, actor: UserId, slug: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let room = lock_public(&mut tx, slug).await?;
    begin_deletion(app, &mut tx, &room).await?;
    note(app, &mut tx, actor, Act::DeleteRoom, &room).await?;
    queries::advance_room_list(&mut tx, room.id).await?;
    tx.commit().await?;
    publish_end(app, &room);
    app.bus.publish(Event::RoomListChanged);
    Ok(())
}

/// Ends a locked room: from the commit on nobody sees it any more, and its key is destroyed. A job deletes its rows, because
/// a room with millions of messages takes a while.
async fn begin_deletion(app: &App, tx: &mut PgConnection, room: &Room) -> Result<()> {
    queries::update_deleted(tx, room.id, app.now()).await?;
    app.vault.destroy_data_key(tx, room.key).await?;
    jobs::store(app, tx, jobs::Kind::DeleteRoom, &room.id.to_string()).await?;
    Ok(insert_key_revocation(tx, room.key).await?)
}

/// Deletes the rows of a room that was deleted, in batches.
pub async fn finish_deletion(app: &App, job: &Job) -> Result<()> {
    let room = RoomId(job.payload.parse().map_err(Error::internal)?);
    let mut done = Change(0);
    while let Some(next) = within_limit(&app.db, async |db| queries::delete_next_rows(db, room, done).await).await? {
        done = next;
    }
    Ok(within_limit(&app.db, async |db| queries::delete_room(db, room).await).await?)
}

/// Makes the person a member of the public room of that name. Joining twice is joining once.
pub async fn join(app: &App, user: UserId, slug: &str) -> Result<Room> {
    app.throttle.check_membership(user)?;
    let mut tx = app.db.begin().await?;
    let room = lock_public(&mut tx, slug).await?;
    if room.archived_at.is_some() {
        return Err(Error::NotFound);
    }
    admit_and_publish(app, tx, &room, user).await?;
    Ok(room)
}

/// Makes the person a member of a locked room, which `event` tells there; None when they are one already.
async fn admit(tx: &mut PgConnection, room: &Room, user: UserId, event: NewEvent) -> Result<Option<Change>> {
    let begins = room.history.membership_begins(room.state().position());
    if !queries::insert_member(tx, room.id, user, MemberRole::Member, begins).await? {
        return Ok(None);
    }
    // Who is in a room is not invited to it.
    queries::delete_invitations(tx, room.id, user).await?;
    Ok(Some(queries::take_change(tx, room.id, event).await?))
}

/// Makes the person a member of a locked room, which they join of their own will, and tells everybody concerned.
async fn admit_and_publish(app: &App, mut tx: PgTransaction<'_>, room: &Room, user: UserId) -> Result<()> {
    if room.kind != Kind::Public {
        bounds::check_join(&mut tx, user).await?;
    }
    if let Some(change) = admit(&mut tx, room, user, event(app, EventKind::Joined, user)).await? {
        tx.commit().await?;
        publish_change(app, room.id, change);
        app.bus.publish(Event::SideBarChanged { people: vec![user] });
    }
    Ok(())
}

async fn lock_public(tx: &mut PgConnection, slug: &str) -> Result<Room> {
    let found = queries::find_public_room(&mut *tx, &fold(slug))
        .await?
        .ok_or(Error::NotFound)?;
    queries::lock_room(tx, found.id).await?.ok_or(Error::NotFound)
}

/// Notes what an administrator does to a public room, by the name that it has before.
async fn note(app: &App, tx: &mut PgConnection, actor: UserId, act: Act, room: &Room) -> Result<()> {
    Ok(insert_act(tx, actor, act, (None, &room.title), app.now()).await?)
}

/// What somebody does now, to nobody else.
fn event(app: &App, kind: EventKind, actor: UserId) -> NewEvent {
    NewEvent {
        kind,
        actor,
        subject: None,
        at: app.now(),
    }
}

fn publish_change(app: &App, room: RoomId, change: Change) {
    app.bus.publish(Event::RoomChanged { room, change });
}

/// Tells whoever serves the room that it is gone: they look, because this is one past its last change.
fn publish_end(app: &App, room: &Room) {
    publish_change(app, room.id, Change(room.last_change.0 + 1));
    app.bus.publish(Event::Revoked);
    jobs::wake(app);
}

fn name_taken() -> Error {
    Error::Invalid(FieldErrors::one(
        "name",
        "There is a room of this name already. Choose another one.",
    ))
}
