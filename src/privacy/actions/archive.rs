//! A ZIP archive that is sent while it is written, and lists in its object.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::{Error, Result};

/// Where the pieces of the archive go, in their order.
pub(super) type Sender = mpsc::Sender<io::Result<Vec<u8>>>;

/// An archive on its way: what has been compressed is sent before more is.
pub(super) struct Archive {
    /// In a box, because it is large.
    zip: Box<ZipWriter<StreamWriter<Compressed>>>,
    compressed: Compressed,
    sender: Sender,
    /// When it was made.
    at: DateTime<Utc>,
}

/// What has been compressed and not been sent yet.
#[derive(Clone, Default)]
struct Compressed(Arc<Mutex<Vec<u8>>>);

impl Compressed {
    fn with<T>(&self, use_it: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Compressed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|compressed| compressed.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Archive {
    pub(super) fn new(sender: Sender, at: DateTime<Utc>) -> Self {
        let compressed = Compressed::default();
        Self {
            zip: Box::new(ZipWriter::new_stream(compressed.clone())),
            compressed,
            sender,
            at,
        }
    }

    /// Begins the next file. It may be larger than 4 GiB only if that is said.
    pub(super) fn start_file(&mut self, name: &str, is_large: bool) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o644)
            .last_modified_time(zip_date(self.at))
            .large_file(is_large);
        self.zip.start_file(name, options).map_err(Error::internal)
    }

    /// Adds to the file, and sends what comes of it.
    pub(super) async fn add(mut self, content: Vec<u8>) -> Result<Self> {
        let write = move || self.zip.write_all(&content).map(|()| self);
        let archive = spawn_blocking(write).await.map_err(Error::internal)?;
        let archive = archive.map_err(Error::internal)?;
        archive.send().await?;
        Ok(archive)
    }

    /// Ends the file and the archive.
    pub(super) async fn finish(self) -> Result<()> {
        let Self {
            zip,
            compressed,
            sender,
            ..
        } = self;
        zip.finish().map_err(Error::internal)?;
        send(&sender, &compressed).await
    }

    async fn send(&self) -> Result<()> {
        send(&self.sender, &self.compressed).await
    }
}

async fn send(sender: &Sender, compressed: &Compressed) -> Result<()> {
    let piece = compressed.with(std::mem::take);
    if piece.is_empty() {
        return Ok(());
    }
    let gone = |_| Error::internal("the client is gone");
    sender.send(Ok(piece)).await.map_err(gone)
}

/// A list of the object as text, page by page; an empty page ends it.
pub(super) struct List {
    /// What stands before the first page.
    begin: Option<String>,
}

impl List {
    pub(super) fn begin(name: &str) -> Self {
        Self {
            begin: Some(format!(",\n\"{name}\":[\n")),
        }
    }

    pub(super) fn page<T: Serialize>(&mut self, rows: &[T]) -> Result<Vec<u8>> {
        let begin = self.begin.take();
        let mut follows = begin.is_none();
        let mut text = begin.unwrap_or_default().into_bytes();
        for row in rows {
            if follows {
                text.extend_from_slice(b",\n");
            }
            follows = true;
            serde_json::to_writer(&mut text, row).map_err(Error::internal)?;
        }
        if rows.is_empty() {
            text.push(b']');
        }
        Ok(text)
    }
}

/// When the file was made, as an archive says it; nothing where it cannot, before 1980 and after 2107.
fn zip_date(at: DateTime<Utc>) -> zip::DateTime {
    let part = |number: u32| u8::try_from(number).unwrap_or_default();
    let year = u16::try_from(at.year()).unwrap_or_default();
    zip::DateTime::from_date_and_time(
        year,
        part(at.month()),
        part(at.day()),
        part(at.hour()),
        part(at.minute()),
        part(at.second()),
    )
    .unwrap_or_default()
}
