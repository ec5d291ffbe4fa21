//! Receiving files.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use sqlx::Connection;

use super::model::{Details, File, FileName, Kind, Size};
use super::picture::clean;
use super::{object, queries, removing, serving};
use crate::database::within_limit;
use crate::ids::{FileId, KeyId, UserId};
use crate::rooms::model::Membership;
use crate::storage::ObjectWriter;
use crate::vault::{CHUNK, FileCipher, FilePart, MessageCipher};
use crate::{App, Error, Result, accounts};

/// Bytes by which it is told what a file is.
const BEGIN: usize = 8 << 10;

/// Why a file was not taken.
#[derive(Debug)]
pub enum ReceiveError {
    /// It has more bytes than a file may have.
    TooLarge,
    /// Its author has as much in files as they may.
    OverQuota,
    /// Something is wrong with it: a sentence.
    Refused(String),
    /// It did not come as a whole.
    CutOff,
    /// Anything else.
    Other(Error),
}

impl<E: Into<Error>> From<E> for ReceiveError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Whose file is received, and for where.
struct Upload {
    app: App,
    id: FileId,
    author: UserId,
    messages: MessageCipher,
    whole: FileCipher,
    /// For a picture as it came.
    received: Arc<FileCipher>,
    thumbnail: FileCipher,
}

/// Receives a file, whose data key that is, as the bytes come. It is done by a task of its own, which goes on when the
/// request is dropped, and keeps its turn until then: the bytes end, and what has come is removed. Should the program end
/// meanwhile, it is removed with what nobody sent.
pub async fn receive<E: Send + 'static>(
    app: &App,
    membership: &Membership,
    author_key: KeyId,
    name: FileName,
    bytes: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Result<File, ReceiveError> {
    let Membership { room, user, .. } = membership;
    let turn = accounts::FILES.take(*user)?;
    let owned = within_limit(&app.db, async |db| queries::sum_sizes(&mut *db, *user).await);
    if owned.await? >= quota(app) {
        return Err(ReceiveError::OverQuota);
    }
    let id = FileId::new();
    let keys = app.vault.data_keys(&app.db, &[room.key, author_key]).await?;
    let (Some(room_key), Some(author_key)) = (keys.get(&room.key), keys.get(&author_key)) else {
        return Err(Error::internal("a data key is missing").into());
    };
    let upload = Upload {
        app: app.clone(),
        id,
        author: *user,
        messages: MessageCipher::derive(room_key, author_key),
        whole: FileCipher::derive(room_key, author_key, id, FilePart::Whole),
        received: Arc::new(FileCipher::derive(room_key, author_key, id, FilePart::Received)),
        thumbnail: FileCipher::derive(room_key, author_key, id, FilePart::Thumbnail),
    };
    let (place, author, at) = (room.id, *user, app.now());
    within_limit(&app.db, async |db| {
        queries::insert_file(&mut *db, id, place, author, at).await
    })
    .await?;
    let receiving = tokio::spawn(async move {
        let _turn = turn;
        let received = upload.receive(name, bytes).await;
        if received.is_err() {
            upload.undo().await;
        }
        received
    });
    receiving.await.map_err(Error::internal)?
}

impl Upload {
    async fn receive<E>(
        &self,
        name: FileName,
        bytes: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<File, ReceiveError> {
        let mut bytes = Box::pin(bytes);
        let mut begin = BytesMut::new();
        while begin.len() < BEGIN
            && let Some(piece) = bytes.next().await
        {
            begin.extend_from_slice(&piece.map_err(|_| ReceiveError::CutOff)?);
        }
        let mut details = Details::of(name, &begin[..begin.len().min(BEGIN)]);
        let (part, cipher) = match details.kind() {
            Kind::Picture => (FilePart::Received, &*self.received),
            _ => (FilePart::Whole, &self.whole),
        };
        let mut sealer = Sealer::new(&self.app, self.id, part, cipher);
        let copied = self.copy(&mut sealer, begin.freeze(), bytes).await;
        if copied.is_err() {
            sealer.writer.abandon().await;
        }
        let mut size = copied?;
        if details.kind() == Kind::Picture {
            (details, size) = self.clean(details, size).await?;
        }
        let token = details.seal(&self.messages, self.id).map_err(Error::internal)?;
        self.finish(size, &token).await?;
        Ok(File {
            id: self.id,
            size: Size(size),
            details: Some(details),
        })
    }

    /// Seals the bytes, of which these have come, as they come; how many there were.
    async fn copy<E>(
        &self,
        sealer: &mut Sealer<'_>,
        begin: Bytes,
        mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<u64, ReceiveError> {
        let (mut size, mut next) = (0, Some(begin));
        while let Some(piece) = next {
            size += piece.len() as u64;
            if size > self.app.config.max_upload {
                return Err(ReceiveError::TooLarge);
            }
            sealer.add(&piece).await?;
            next = bytes.next().await.transpose().map_err(|_| ReceiveError::CutOff)?;
        }
        sealer.finish().await?;
        Ok(size)
    }

    /// Makes what is stored of a picture, and the small one beside it, of what has come, which goes.
    async fn clean(&self, details: Details, size: u64) -> Result<(Details, u64), ReceiveError> {
        let (app, id, cipher) = (&self.app, self.id, self.received.clone());
        let read = async || serving::read(app, id, FilePart::Received, cipher, size).await;
        let cleaned = clean(details, read).await?.map_err(ReceiveError::Refused)?;
        removing::remove_part(app, id, FilePart::Received).await?;
        let length = cleaned.file.len() as u64;
        if length > app.config.max_upload {
            return Err(ReceiveError::TooLarge);
        }
        for (part, cipher, content) in [
            (FilePart::Whole, &self.whole, &cleaned.file),
            (FilePart::Thumbnail, &self.thumbnail, &cleaned.thumbnail),
        ] {
            let mut sealer = Sealer::new(&self.app, self.id, part, cipher);
            let mut written = Ok(());
            for piece in content.chunks(CHUNK) {
                written = sealer.add(piece).await;
                if written.is_err() {
                    break;
                }
            }
            if written.is_ok() {
                written = sealer.finish().await;
            }
            if let Err(error) = written {
                sealer.writer.abandon().await;
                return Err(error.into());
            }
        }
        Ok((cleaned.details, length))
    }

    /// Notes that the file is whole, if it fits into what its author may have.
    async fn finish(&self, size: u64, details: &str) -> Result<(), ReceiveError> {
        let bytes = i64::try_from(size).map_err(Error::internal)?;
        let most = quota(&self.app) - bytes;
        let noted = within_limit(&self.app.db, async |db| {
            let mut tx = db.begin().await?;
            queries::lock_author(&mut tx, self.author).await?;
            if queries::sum_sizes(&mut *tx, self.author).await? > most {
                return Ok(Err(ReceiveError::OverQuota));
            }
            if !queries::update_received(&mut *tx, self.id, bytes, details, self.app.now()).await? {
                return Ok(Err(Error::NotFound.into()));
            }
            tx.commit().await?;
            Ok::<_, Error>(Ok(()))
        });
        noted.await?
    }

    /// Removes what there is of the file. Its id is noted first, so that another does it should this one not come to it.
    async fn undo(&self) {
        let noted = within_limit(&self.app.db, async |db| {
            queries::delete_unreceived(&mut *db, self.id).await
        })
        .await;
        if let Err(error) = noted {
            tracing::warn!(%error, file = %self.id, "what has come of a file is removed with what nobody sends");
        } else if let Err(error) = removing::remove_object(&self.app, self.id).await {
            tracing::warn!(%error, file = %self.id, "what has come of a file is removed later");
        }
    }
}

fn quota(app: &App) -> i64 {
    i64::try_from(app.config.upload_quota).unwrap_or(i64::MAX)
}

/// Seals bytes into an object, chunk by chunk.
struct Sealer<'a> {
    cipher: &'a FileCipher,
    writer: ObjectWriter,
    /// What has come and is not sealed: at most one chunk, because the last one is sealed as such.
    rest: BytesMut,
    place: u32,
}

impl<'a> Sealer<'a> {
    fn new(app: &App, id: FileId, part: FilePart, cipher: &'a FileCipher) -> Self {
        Self {
            cipher,
            writer: app.storage.write(&object(id, part)),
            rest: BytesMut::new(),
            place: 0,
        }
    }

    async fn add(&mut self, piece: &[u8]) -> Result<()> {
        self.rest.extend_from_slice(piece);
        while self.rest.len() > CHUNK {
            let chunk = self.rest.split_to(CHUNK);
            self.seal(&chunk, false).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        let chunk = std::mem::take(&mut self.rest);
        self.seal(&chunk, true).await?;
        self.writer.finish().await
    }

    async fn seal(&mut self, chunk: &[u8], is_last: bool) -> Result<()> {
        let sealed = self.cipher.seal(self.place, is_last, chunk);
        let sealed = sealed.map_err(|_| Error::internal("a chunk could not be sealed"))?;
        self.place += 1;
        self.writer.add(sealed.into()).await
    }
}
