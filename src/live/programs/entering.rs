//! Whether a room is open to a program's person, and how far the program knows it.

use sqlx::PgConnection;

use super::command::Known;
use crate::ids::{Change, KeyId, Position, RoomId, Seq, UserId};
use crate::live::missed::is_outdated;
use crate::live::room::Entry;
use crate::messages::queries::find_newest_seq_at;
use crate::messages::sending::Sender;
use crate::rooms::model::{Membership, RoomAddress};
use crate::rooms::queries::find_membership;
use crate::{App, Error, Result};

/// The entry into a room of somebody with that data key. As over HTTP, one that is closed can be read.
pub(super) async fn enter(
    app: &App,
    db: &mut PgConnection,
    (user, key): (UserId, KeyId),
    room: RoomId,
    known: Known,
) -> Result<Entry> {
    let found = find_membership(&mut *db, user, RoomAddress::Id(room)).await?;
    let membership = found.ok_or(Error::NotFound)?;
    let sender = Sender::new(app, &mut *db, &membership, key).await?;
    let position = position(db, &membership, known).await?;
    Ok(Entry::new(membership, sender, position))
}

/// How far a program knows a room that says so, as far as its person may.
async fn position(db: &mut PgConnection, membership: &Membership, known: Known) -> Result<Position> {
    let (begins, end) = (membership.begins, membership.room.state().position());
    let Some(after) = known.after else { return Ok(end) };
    let change = Change(after).max(begins.change);
    let at = |seq: Seq| Position {
        change,
        seq: seq.max(begins.seq),
    };
    // One that is outdated is brought to the end, and told so.
    if change == end.change || is_outdated(at(end.seq), end) {
        return Ok(at(end.seq));
    }
    let seq = match known.seq.map(Seq) {
        Some(seq) if seq <= end.seq => seq,
        // Whoever names more than there is may have none of what is new.
        _ => find_newest_seq_at(db, membership.room.id, change).await?,
    };
    Ok(at(seq))
}
