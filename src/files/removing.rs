//! Removing files that are not sent, and the bytes of all that are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use sqlx::Connection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{object, queries};
use crate::database::within_limit;
use crate::ids::{FileId, RoomId, UserId};
use crate::vault::FilePart;
use crate::{App, Error, Result, rooms};

/// A file that nobody has sent for so long is removed.
const UNSENT_KEPT: TimeDelta = TimeDelta::hours(1);
/// Rows that are looked at together.
const BATCH: i64 = 200;
/// Objects that are removed at once.
const AT_ONCE: usize = 16;
/// How often it is looked for bytes that are not needed any more.
const REMOVAL_INTERVAL: Duration = Duration::from_secs(5);
/// How often it is looked for what the end of a program left.
const TIDY_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes a file that the person has not sent.
pub async fn remove(app: &App, user: UserId, id: FileId) -> Result<()> {
    let room = within_limit(&app.db, async |db| queries::find_unsent(&mut *db, id, user).await).await?;
    let room = room.ok_or(Error::NotFound)?;
    match delete_in(app, room, &[id]).await? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

/// Removes what nobody has sent for an hour, and rows of uploads that the end of a program broke off.
pub async fn sweep(app: &App) -> Result<()> {
    let since = app.now() - UNSENT_KEPT;
    let page = async || within_limit(&app.db, async |db| queries::list_unsent(&mut *db, since, BATCH).await).await;
    while delete_all(app, page().await?).await? {}
    Ok(())
}

/// Removes what somebody has not sent.
pub async fn erase_unsent(app: &App, user: UserId) -> Result<()> {
    let page = async || within_limit(&app.db, async |db| queries::list_unsent_of(&mut *db, user, BATCH).await).await;
    while delete_all(app, page().await?).await? {}
    Ok(())
}

/// False when there was nothing to delete. Whatever is sent meanwhile is none of it any more.
async fn delete_all(app: &App, files: Vec<(RoomId, FileId)>) -> Result<bool> {
    let mut by_room: BTreeMap<RoomId, Vec<FileId>> = BTreeMap::new();
    for (room, id) in files {
        by_room.entry(room).or_default().push(id);
    }
    let is_some = !by_room.is_empty();
    for (room, ids) in by_room {
        delete_in(app, room, &ids).await?;
    }
    Ok(is_some)
}

async fn delete_in(app: &App, room: RoomId, ids: &[FileId]) -> Result<u64> {
    let deleting = within_limit(&app.db, async |db| {
        let mut tx = db.begin().await?;
        rooms::queries::lock_room(&mut tx, room).await?;
        let deleted = queries::delete_unsent(&mut tx, ids).await?;
        tx.commit().await?;
        Ok::<_, Error>(deleted)
    });
    deleting.await
}

/// Removes the bytes of files whose rows are gone, for as long as the program runs.
pub async fn run(app: App) {
    let (mut is_failing, mut tidied_at) = (false, None::<Instant>);
    loop {
        if tidied_at.is_none_or(|at| at.elapsed() > TIDY_INTERVAL) {
            tidied_at = Some(Instant::now());
            if let Err(error) = app.storage.tidy().await {
                tracing::warn!(%error, "what is left of broken uploads could not be removed");
            }
        }
        let removed = remove_objects(&app).await;
        if let Err(error) = &removed
            && !is_failing
        {
            tracing::warn!(%error, "the bytes of deleted files could not be removed; trying again");
        }
        is_failing = removed.is_err();
        sleep(REMOVAL_INTERVAL).await;
    }
}

/// Removes all that there are now, whatever becomes of some of them; the first error.
async fn remove_objects(app: &App) -> Result<()> {
    let (mut after, mut outcome) = (FileId(Uuid::nil()), Ok(()));
    loop {
        let ids = within_limit(&app.db, async |db| queries::list_removed(db, after, BATCH).await).await?;
        let Some(last) = ids.last() else { return outcome };
        after = *last;
        let removals = ids.into_iter().map(async |id| (id, remove_object(app, id).await));
        let removed: Vec<_> = stream::iter(removals).buffer_unordered(AT_ONCE).collect().await;
        let mut gone = Vec::with_capacity(removed.len());
        for (id, removal) in removed {
            match removal {
                Ok(()) => gone.push(id),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        within_limit(&app.db, async |db| queries::delete_removed(db, &gone).await).await?;
    }
}

/// Removes all bytes of a file.
pub(super) async fn remove_object(app: &App, id: FileId) -> Result<()> {
    for part in [FilePart::Received, FilePart::Thumbnail, FilePart::Whole] {
        remove_part(app, id, part).await?;
    }
    Ok(())
}

/// Removes the bytes of a part.
pub(super) async fn remove_part(app: &App, id: FileId, part: FilePart) -> Result<()> {
    app.storage.remove(&object(id, part)).await
}
