//! The files in an export: those that the person has sent, and those that others have sent them in direct chats. They are
//! gone through twice, page by page: for the list, and for what is in them.

use std::collections::VecDeque;

use futures_util::TryStreamExt;

use super::archive::{Archive, List};
use super::export::in_time;
use crate::files::queries::{SentFile, list_sent_by, list_sent_to};
use crate::files::serving;
use crate::ids::{FileId, RoomId, Seq, UserId};
use crate::privacy::model::Attachment;
use crate::vault::FilePart;
use crate::{App, Error, Result};

/// Rows that are read together.
const PAGE_ROWS: i64 = 100;
/// A file of more bytes says so in its archive.
const LARGE: u64 = u32::MAX as u64;

/// Pages of those files.
struct Pages {
    user: UserId,
    /// The person's own, then others' in each of these rooms.
    sources: VecDeque<Option<RoomId>>,
    after: Option<(FileId, Seq, i32)>,
}

impl Pages {
    fn of(user: UserId, direct: &[RoomId]) -> Self {
        Self {
            user,
            sources: std::iter::once(None).chain(direct.iter().copied().map(Some)).collect(),
            after: None,
        }
    }

    /// The next page; an empty one is the end.
    async fn next(&mut self, app: &App) -> Result<Vec<SentFile>> {
        while let Some(source) = self.sources.front() {
            let after = self.after.as_ref();
            let rows = match source {
                None => in_time(list_sent_by(&app.db, self.user, after, PAGE_ROWS)).await?,
                Some(room) => in_time(list_sent_to(&app.db, self.user, *room, after, PAGE_ROWS)).await?,
            };
            self.after = rows.last().map(SentFile::place);
            if !rows.is_empty() {
                return Ok(rows);
            }
            self.sources.pop_front();
        }
        Ok(Vec::new())
    }
}

/// Adds the list of them.
pub(super) async fn add_list(app: &App, user: UserId, direct: &[RoomId], mut archive: Archive) -> Result<Archive> {
    let (mut list, mut pages) = (List::begin("attachments"), Pages::of(user, direct));
    loop {
        let page = pages.next(app).await?;
        let is_end = page.is_empty();
        let mut attachments = Vec::with_capacity(page.len());
        for sent in page {
            let found = serving::open(app, &sent.row).await?;
            let details = found.and_then(|found| found.file.details);
            attachments.push(Attachment {
                id: sent.row.id,
                room_id: sent.row.room,
                room: sent.room_title,
                seq: sent.seq,
                from: sent.author_name,
                size: sent.row.size,
                content_type: details.as_ref().map(|details| details.content_type.clone()),
                file: details.as_ref().map(|details| path(sent.row.id, details.name.as_str())),
                name: details.map(|details| details.name),
            });
        }
        archive = archive.add(list.page(&attachments)?).await?;
        if is_end {
            return Ok(archive);
        }
    }
}

/// Adds what is in them, each as a file of the archive. One whose bytes are lost or damaged is left out.
pub(super) async fn add_contents(app: &App, user: UserId, direct: &[RoomId], mut archive: Archive) -> Result<Archive> {
    let mut pages = Pages::of(user, direct);
    loop {
        let page = pages.next(app).await?;
        if page.is_empty() {
            return Ok(archive);
        }
        for sent in page {
            if let Some(found) = serving::open(app, &sent.row).await? {
                archive = add_content(app, found, archive).await?;
            }
        }
    }
}

async fn add_content(app: &App, found: serving::Found, mut archive: Archive) -> Result<Archive> {
    let (id, size) = (found.file.id, found.file.size.0);
    let Some(details) = found.file.details else {
        return Ok(archive);
    };
    let bytes = serving::stream(app, id, FilePart::Whole, found.whole, size, 0..size).await;
    let mut bytes = match bytes {
        // Lost or damaged: the rest is not held back for it.
        Err(Error::NotFound | Error::Internal(_)) => return Ok(archive),
        bytes => Box::pin(bytes?),
    };
    archive.start_file(&path(id, details.name.as_str()), size > LARGE)?;
    while let Some(piece) = bytes.try_next().await.map_err(Error::internal)? {
        archive = archive.add(piece.to_vec()).await?;
    }
    Ok(archive)
}

/// Where a file is in the archive: names alone may come twice.
fn path(id: FileId, name: &str) -> String {
    format!("files/{id}/{name}")
}
