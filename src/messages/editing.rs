//! Changing messages that stand. Authors change and delete what they wrote, and whoever keeps a room in order deletes what
//! others wrote there. Decided under the room's lock, so that the later of two changes sees the earlier one. What was
//! before is not kept.

use std::sync::Arc;

use sqlx::{PgConnection, Postgres, Transaction};

use super::erasing::erase_locked;
use super::mentioning;
use super::model::Body;
use super::queries::{self, Standing};
use super::views::markdown::names;
use crate::bus::Event;
use crate::ids::Seq;
use crate::rooms::model::{Membership, RoomAddress};
use crate::vault::MessageCipher;
use crate::{App, Error, Result, rooms};

/// A text as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub body: String,
    /// How often it was written, the first time included.
    pub version: i32,
    /// Whether files go with it, beside which there may be no text.
    pub has_files: bool,
}

/// The text of a message that the member may change.
pub async fn find_own(app: &App, membership: &Membership, seq: Seq) -> Result<Text> {
    let mut db = app.db.acquire().await?;
    Ok(open(app, &mut db, membership, seq).await?.0)
}

/// Changes what the member wrote, if it is still what they changed: of that version, or of any. Otherwise nothing is
/// changed, and the answer is what stands.
pub async fn edit(
    app: &App,
    membership: &Membership,
    seq: Seq,
    version: Option<i32>,
    body: &Body,
) -> Result<Result<(), Text>> {
    let (mut tx, membership) = begin(app, membership).await?;
    let (text, standing, cipher) = open(app, &mut tx, &membership, seq).await?;
    if text.body == body.as_str() {
        return Ok(Ok(()));
    }
    if version.is_some_and(|version| version != text.version) {
        return Ok(Err(text));
    }
    let next = u32::try_from(standing.version + 1).map_err(Error::internal)?;
    let sealed = cipher.seal(standing.id, next, body.as_str());
    let place = (membership.room.id, seq);
    let change = queries::update_body(&mut tx, place, &standing, &sealed, app.now()).await?;
    let change = change.ok_or(Error::NotFound)?;
    let room = membership.room.id;
    let keys = names(body.as_str());
    let named: Vec<_> = keys.iter().map(|key| (room, seq, key.as_str())).collect();
    let mut people = queries::delete_mentions(&mut tx, room, seq).await?;
    let called = queries::delete_room_mention(&mut tx, room, seq).await?;
    let named = mentioning::store(&mut tx, &named).await?;
    people.extend(named.people);
    tx.commit().await?;
    app.bus.publish(Event::RoomChanged { room, change });
    if called == named.rooms.is_empty() {
        app.bus.publish(Event::WaitingChanged { room });
    }
    if !people.is_empty() {
        app.bus.publish(Event::Mentioned { room, people });
    }
    Ok(Ok(()))
}

/// Deletes a message; one that is deleted already stays so.
pub async fn delete(app: &App, membership: &Membership, seq: Seq, is_admin: bool) -> Result<()> {
    let (mut tx, membership) = begin(app, membership).await?;
    let standing = find(&mut tx, &membership, seq).await?;
    if !membership.may_delete(standing.author, is_admin) {
        return Err(Error::NotFound);
    }
    if standing.body.is_none() {
        return Ok(());
    }
    erase_locked(app, tx, membership.room.id, &[seq]).await
}

/// Begins a change, which counts as a message: locks the room, and reads the membership anew, which may have ended, or become
/// another, meanwhile.
pub(super) async fn begin(app: &App, membership: &Membership) -> Result<(Transaction<'static, Postgres>, Membership)> {
    let check = app.throttle.check_message(membership.user);
    check.map_err(|retry_after| Error::TooMany { retry_after })?;
    let (mut tx, id) = (app.db.begin().await?, membership.room.id);
    rooms::queries::lock_room(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let found = rooms::queries::find_membership(&mut *tx, membership.user, RoomAddress::Id(id)).await?;
    Ok((tx, found.ok_or(Error::NotFound)?))
}

/// The message, if the member may see it.
pub(super) async fn find(db: &mut PgConnection, membership: &Membership, seq: Seq) -> Result<Standing> {
    if seq <= membership.begins.seq {
        return Err(Error::NotFound);
    }
    let found = queries::find_standing(db, membership.room.id, seq).await?;
    found.ok_or(Error::NotFound)
}

/// The message, if the member may change it, with its text.
async fn open(
    app: &App,
    db: &mut PgConnection,
    membership: &Membership,
    seq: Seq,
) -> Result<(Text, Standing, Arc<MessageCipher>)> {
    let standing = find(&mut *db, membership, seq).await?;
    if !membership.may_edit(standing.author) {
        return Err(Error::NotFound);
    }
    let Some(sealed) = &standing.body else {
        return Err(Error::Conflict("This message is deleted.".into()));
    };
    let cipher = app.vault.message_cipher(db, membership.room.key, standing.author_key);
    let cipher = cipher.await?;
    let version = u32::try_from(standing.version).map_err(Error::internal)?;
    let opened = cipher.open(standing.id, version, sealed);
    let body = opened.map_err(|_| Error::Conflict("This message could not be decrypted.".into()))?;
    let version = standing.version;
    let has_files = standing.has_files;
    let text = Text {
        body,
        version,
        has_files,
    };
    Ok((text, standing, cipher))
}
