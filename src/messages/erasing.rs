//! Deletes messages: their texts go, and a line that says so stays. In batches, each room's part of one in a transaction of
//! its own; begun again, it goes on where it ended, because it passes over what is deleted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::queries;
use crate::bus::Event;
use crate::database::within_limit;
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::{App, Result, rooms};

/// Messages that are looked at together.
const BATCH: i64 = 200;

/// Whose messages are deleted.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// By whom they were written.
    pub author: UserId,
    /// Where; None for everywhere.
    pub room: Option<RoomId>,
    /// Until when; None for all.
    pub until: Option<DateTime<Utc>>,
}

/// Deletes all of these messages.
pub async fn erase(app: &App, written: Written) -> Result<()> {
    let mut after = (ClientId(Uuid::nil()), RoomId(Uuid::nil()));
    loop {
        let page = within_limit(&app.db, async |db| {
            queries::list_to_erase(db, written, after, BATCH).await
        });
        let page = page.await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.client_id, last.room);
        let mut by_room: BTreeMap<RoomId, Vec<Seq>> = BTreeMap::new();
        for message in page.into_iter().filter(|message| message.is_due) {
            by_room.entry(message.room).or_default().push(message.seq);
        }
        for (room, seqs) in by_room {
            erase_in(app, room, &seqs).await?;
        }
    }
}

/// Takes back all that somebody reacted with, or all until then.
pub async fn erase_reactions(app: &App, user: UserId, until: Option<DateTime<Utc>>) -> Result<()> {
    let mut after = (RoomId(Uuid::nil()), Seq(0));
    loop {
        let page = within_limit(&app.db, async |db| {
            queries::list_reacted(db, (user, until), after, BATCH).await
        });
        let page = page.await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        let mut by_room: BTreeMap<RoomId, Vec<Seq>> = BTreeMap::new();
        for (room, seq) in page {
            by_room.entry(room).or_default().push(seq);
        }
        for (room, seqs) in by_room {
            let mut tx = app.db.begin().await?;
            if rooms::queries::lock_room(&mut tx, room).await?.is_some() {
                queries::delete_reactions_of(&mut tx, (user, until), room, &seqs).await?;
                let change = queries::update_reacted(&mut tx, room, &seqs).await?;
                tx.commit().await?;
                app.bus.publish(Event::RoomChanged { room, change });
            }
        }
    }
}

/// Forgets where somebody is named.
pub async fn erase_mentions(app: &App, user: UserId) -> Result<()> {
    let batch = async || within_limit(&app.db, async |db| queries::delete_mentions_of(db, user, BATCH).await).await;
    while batch().await? > 0 {}
    Ok(())
}

/// Deletes these messages of a room: each is a change, so that open pages draw it anew.
async fn erase_in(app: &App, room: RoomId, seqs: &[Seq]) -> Result<()> {
    let mut tx = app.db.begin().await?;
    // None is one that is deleted as a whole.
    if rooms::queries::lock_room(&mut tx, room).await?.is_none() {
        return Ok(());
    }
    erase_locked(app, tx, room, seqs).await
}

/// The same, in the transaction that has locked the room, which ends with it. What waits there for people is less then.
pub(super) async fn erase_locked(
    app: &App,
    mut tx: Transaction<'_, Postgres>,
    room: RoomId,
    seqs: &[Seq],
) -> Result<()> {
    let change = queries::update_deleted(&mut tx, room, seqs, app.now()).await?;
    tx.commit().await?;
    app.bus.publish(Event::RoomChanged { room, change });
    app.bus.publish(Event::WaitingChanged { room });
    Ok(())
}
