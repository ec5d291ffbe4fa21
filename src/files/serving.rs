//! Serving files: the chunks that hold what is asked for are read, opened and sent, some at a time.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::task::spawn_blocking;

use super::model::{Details, File, Size};
use super::object;
use super::queries::{FileRow, find_file};
use crate::ids::{FileId, UserId};
use crate::vault::{CHUNK, FileCipher, FilePart, MessageCipher, SEALED_CHUNK};
use crate::{App, Error, Result};

/// Chunks that are read together.
const BATCH: u64 = 4;
/// Batches of one file that are in memory at once: one is read while the one before it is sent.
const AHEAD: usize = 2;

/// A file that somebody may read.
pub struct Found {
    /// What it is.
    pub file: File,
    /// Opens it.
    pub whole: Arc<FileCipher>,
    /// Opens the small picture of it.
    pub thumbnail: Arc<FileCipher>,
}

/// The file, if it is open to that person. What their account or its author's has lost the key of, is not.
pub async fn find(app: &App, reader: UserId, id: FileId) -> Result<Found> {
    let row = find_file(&app.db, reader, id).await?.ok_or(Error::NotFound)?;
    open(app, &row).await?.ok_or(Error::NotFound)
}

/// What opens the file; None when a key is gone.
pub async fn open(app: &App, row: &FileRow) -> Result<Option<Found>> {
    let keys = app.vault.data_keys(&app.db, &[row.room_key, row.author_key]).await?;
    let (Some(room), Some(author)) = (keys.get(&row.room_key), keys.get(&row.author_key)) else {
        return Ok(None);
    };
    let details = Details::open(&MessageCipher::derive(room, author), row.id, &row.details);
    Ok(Some(Found {
        file: File {
            id: row.id,
            size: Size(u64::try_from(row.size).unwrap_or_default()),
            details: details.ok(),
        },
        whole: Arc::new(FileCipher::derive(room, author, row.id, FilePart::Whole)),
        thumbnail: Arc::new(FileCipher::derive(room, author, row.id, FilePart::Thumbnail)),
    }))
}

/// These bytes of a part of a file, `size` bytes long, as they are read. What is not there is found out before anything is
/// answered.
pub async fn stream(
    app: &App,
    id: FileId,
    part: FilePart,
    cipher: Arc<FileCipher>,
    size: u64,
    bytes: Range<u64>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
    let mut batches = Box::pin(batches(app, id, part, cipher, size, bytes));
    let first = batches.try_next().await?;
    let rest = batches.map_err(move |error| {
        tracing::error!(%error, file = %id, "a file could not be read to its end");
        io::Error::other("the file could not be read to its end")
    });
    Ok(stream::iter(first.map(Ok)).chain(rest))
}

/// The whole of it, in memory.
pub(super) async fn read(app: &App, id: FileId, part: FilePart, cipher: Arc<FileCipher>, size: u64) -> Result<Vec<u8>> {
    let batches = batches(app, id, part, cipher, size, 0..size);
    let append = async |mut read: Vec<u8>, batch: Bytes| {
        read.extend_from_slice(&batch);
        Ok(read)
    };
    batches.try_fold(Vec::new(), append).await
}

fn batches(
    app: &App,
    id: FileId,
    part: FilePart,
    cipher: Arc<FileCipher>,
    size: u64,
    bytes: Range<u64>,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let length = BATCH * CHUNK as u64;
    // An empty file is one empty chunk, of which nothing is asked for.
    let numbers = bytes.start / length..bytes.end.div_ceil(length);
    let app = app.clone();
    let read = move |number: u64| read_batch(app.clone(), id, part, cipher.clone(), size, number);
    let is_cut = move |(number, batch): (u64, Bytes)| {
        let begin = number * length;
        let inside = |at: u64| {
            usize::try_from(at.saturating_sub(begin))
                .unwrap_or(usize::MAX)
                .min(batch.len())
        };
        batch.slice(inside(bytes.start)..inside(bytes.end))
    };
    stream::iter(numbers.clone())
        .map(read)
        .buffered(AHEAD)
        .zip(stream::iter(numbers))
        .map(move |(batch, number)| batch.map(|batch| is_cut((number, batch))))
}

/// Reads and opens a batch: as many chunks as there are of it.
async fn read_batch(
    app: App,
    id: FileId,
    part: FilePart,
    cipher: Arc<FileCipher>,
    size: u64,
    number: u64,
) -> Result<Bytes> {
    let chunks = size.div_ceil(CHUNK as u64).max(1);
    let places = number * BATCH..((number + 1) * BATCH).min(chunks);
    let end = size + chunks * (SEALED_CHUNK - CHUNK) as u64;
    let sealed = places.start * SEALED_CHUNK as u64..(places.end * SEALED_CHUNK as u64).min(end);
    let sealed = app
        .storage
        .read(&object(id, part), sealed)
        .await?
        .ok_or(Error::NotFound)?;
    let open = move || {
        let mut opened = Vec::with_capacity(sealed.len());
        for (place, chunk) in places.zip(sealed.chunks(SEALED_CHUNK)) {
            let at = u32::try_from(place).map_err(Error::internal)?;
            let chunk = cipher.open(at, place + 1 == chunks, chunk);
            opened.extend(chunk.map_err(|_| Error::internal("a chunk of a file could not be decrypted"))?);
        }
        Ok(Bytes::from(opened))
    };
    spawn_blocking(open).await.map_err(Error::internal)?
}
