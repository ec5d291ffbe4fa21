//! How far people have read.

use super::enter;
use crate::bus::Event;
use crate::ids::{Seq, UserId};
use crate::rooms::model::{Level, Read, RoomAddress};
use crate::rooms::queries;
use crate::{App, Error, Result};

/// Notes how far people have read, each in a room of theirs, and tells their other pages. What was read before stays so.
pub async fn note_read(app: &App, reads: &[Read]) -> Result<()> {
    let moves = queries::update_read(&app.db, reads).await?;
    if !moves.is_empty() {
        app.bus.publish(Event::ReadMoved { moves });
    }
    Ok(())
}

/// Makes that message of a room the first one that somebody has not read, and tells their other pages.
pub async fn mark_unread(app: &App, user: UserId, slug: &str, seq: Seq) -> Result<()> {
    let room = enter(app, user, RoomAddress::Slug(slug)).await?.room.id;
    let moved = queries::update_unread(&app.db, user, room, seq).await?;
    let moved = moved.ok_or(Error::NotFound)?;
    app.bus.publish(Event::ReadMoved { moves: vec![moved] });
    Ok(())
}

/// Changes what of a room somebody is told of, on all of their pages.
pub async fn set_level(app: &App, user: UserId, slug: &str, level: Level) -> Result<()> {
    let room = enter(app, user, RoomAddress::Slug(slug)).await?.room.id;
    if !queries::update_level(&app.db, user, room, level).await? {
        return Err(Error::NotFound);
    }
    app.bus.publish(Event::SideBarChanged { people: vec![user] });
    Ok(())
}
