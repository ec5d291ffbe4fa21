//! Reacting to messages: whoever may write in a room gives an emoji to any message that they see, and takes it back. Each is
//! a change of the room, decided under its lock.

use super::editing::{begin, find};
use super::model::Emoji;
use super::queries;
use crate::bus::Event;
use crate::ids::Seq;
use crate::rooms::model::Membership;
use crate::{App, Error, Result};

/// So many emoji can one message have.
const MOST: i64 = 20;

/// Reacts with that emoji; who does so already takes it back.
pub async fn toggle(app: &App, membership: &Membership, seq: Seq, emoji: Emoji) -> Result<()> {
    let (mut tx, membership) = begin(app, membership).await?;
    let standing = find(&mut tx, &membership, seq).await?;
    if !membership.may_write || standing.body.is_none() {
        return Err(Error::NotFound);
    }
    let (room, user) = (membership.room.id, membership.user);
    if !queries::delete_reaction(&mut tx, (room, seq), emoji, user).await?
        && !queries::insert_reaction(&mut tx, (room, seq), emoji, user, app.now(), MOST).await?
    {
        let sentence = "This message has twenty different reactions already. Choose one of them.";
        return Err(Error::Conflict(sentence.into()));
    }
    let change = queries::update_reacted(&mut tx, room, &[seq]).await?;
    tx.commit().await?;
    app.bus.publish(Event::RoomChanged { room, change });
    Ok(())
}
