//! Where the bytes of files are kept: a folder, or a bucket of an S3-compatible store. It knows objects by their names and
//! nothing of what is in them; what it is given is sealed already. An object is there as a whole or not at all.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use crate::config::{Bucket, Config, FileStore};
use crate::{Error, Result};

/// Bytes that are gathered before they are written: the least that S3 takes for a part.
const S3_PART: usize = 5 << 20;
const FOLDER_PART: usize = 1 << 20;
/// How long a request of S3 may take, and for how long one is repeated that fails.
const S3_TIMEOUT: Duration = Duration::from_secs(30);
/// What a bucket answers to whoever will never get in: error codes of S3.
const FINAL: &[&str] = &[
    "NoSuchBucket",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
];
/// What a program that ended in the middle left of an object is removed after this long.
const LEFT_OVER: Duration = Duration::from_secs(60 * 60);

/// The store of objects. A clone is one pointer.
#[derive(Clone)]
pub struct Storage {
    objects: Arc<dyn ObjectStore>,
    /// Bytes that are gathered before they are written.
    part: usize,
    /// The folder, if it is one.
    folder: Option<PathBuf>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Storage").field(&self.objects).finish()
    }
}

impl Storage {
    /// The store that is configured. Nothing is asked of S3 yet.
    pub fn open(config: &Config) -> Result<Self> {
        match &config.file_store {
            FileStore::DataDir => {
                let unusable = |error: String| {
                    let dir = config.data_dir.display();
                    Error::Conflict(format!("files cannot be kept in {dir}/files: {error}"))
                };
                let folder = config
                    .own_folder("files")
                    .map_err(|error| unusable(error.to_string()))?;
                let objects = LocalFileSystem::new_with_prefix(&folder).map_err(|error| unusable(error.to_string()))?;
                Ok(Self {
                    // Without it, what was acknowledged can be lost with the power.
                    objects: Arc::new(objects.with_fsync(true)),
                    part: FOLDER_PART,
                    folder: Some(folder),
                })
            }
            FileStore::S3(bucket) => {
                let objects =
                    s3(bucket).map_err(|error| Error::Conflict(format!("S3_BUCKET cannot be used: {error}")))?;
                Ok(Self {
                    objects: Arc::new(objects),
                    part: S3_PART,
                    folder: None,
                })
            }
        }
    }

    /// For commands that have nothing to do with files: no folder is made and no bucket asked for them, and what is written
    /// is gone with the program.
    pub fn unkept() -> Self {
        Self {
            objects: Arc::new(InMemory::new()),
            part: FOLDER_PART,
            folder: None,
        }
    }

    /// Asks a bucket whether it can be used at all. One that does not answer may do so later.
    pub async fn check(&self) -> Result<()> {
        let Err(error) = self.objects.list(None).next().await.transpose() else {
            return Ok(());
        };
        let told = error.to_string();
        if FINAL.iter().any(|code| told.contains(code)) {
            return Err(Error::Conflict(format!("files cannot be kept in S3_BUCKET: {told}")));
        }
        tracing::warn!(%error, "S3_BUCKET cannot be used yet: files can neither be sent nor read until it can");
        Ok(())
    }

    /// Whether other machines do not see what is kept here.
    pub fn is_local(&self) -> bool {
        self.folder.is_some()
    }

    /// Writes an object, in place of one of that name.
    pub fn write(&self, name: &str) -> ObjectWriter {
        let writer = BufWriter::with_capacity(self.objects.clone(), Path::from(name), self.part);
        // One part at a time is on its way, while the next one is gathered.
        ObjectWriter(Some(writer.with_max_concurrency(1)))
    }

    /// These bytes of an object; None where there is none of that name.
    pub async fn read(&self, name: &str, bytes: Range<u64>) -> Result<Option<Bytes>> {
        match self.objects.get_range(&Path::from(name), bytes).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Removes an object, if there is one of that name.
    pub async fn remove(&self, name: &str) -> Result<()> {
        match self.objects.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Removes what is left of objects whose writing was cut off by the end of the program. A bucket has a rule for that.
    pub async fn tidy(&self) -> Result<()> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        let tidied = spawn_blocking(move || remove_left_over(&folder)).await;
        tidied.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// An object that is being written. It is there once it is finished; one that is not must be abandoned.
pub struct ObjectWriter(Option<BufWriter>);

impl ObjectWriter {
    /// Adds to the object.
    pub async fn add(&mut self, bytes: Bytes) -> Result<()> {
        let writer = self.0.as_mut().ok_or_else(|| Error::internal("the object is ended"))?;
        writer.put(bytes).await.map_err(|error| unavailable(&error))
    }

    /// Ends the object. Where that fails there is none: the library gives it up itself, and cannot be told to any more.
    pub async fn finish(&mut self) -> Result<()> {
        let mut writer = self.0.take().ok_or_else(|| Error::internal("the object is ended"))?;
        let ended = writer.shutdown().await;
        ended.map_err(|error| Error::Unavailable(format!("a file could not be stored: {error}")))
    }

    /// Gives the object up.
    pub async fn abandon(&mut self) {
        if let Some(mut writer) = self.0.take()
            && let Err(error) = writer.abort().await
        {
            tracing::warn!(%error, "what was written of an object could not be given up");
        }
    }
}

fn s3(bucket: &Bucket) -> object_store::Result<object_store::aws::AmazonS3> {
    // The client asks for the provider of the process.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key)
        .with_secret_access_key(bucket.secret_key.expose())
        // One request for each object: not all such stores take lists of what is to be deleted.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            retry_timeout: S3_TIMEOUT,
            max_retries: 3,
            ..RetryConfig::default()
        })
        .with_client_options(ClientOptions::new().with_timeout(S3_TIMEOUT).with_allow_http(true));
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    builder.build()
}

fn unavailable(error: &object_store::Error) -> Error {
    Error::Unavailable(format!("the store of files cannot be used: {error}"))
}

/// The library writes to a file whose name ends in `#` and a number, and renames it at the end.
fn remove_left_over(folder: &std::path::Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_left_over(&path)?;
            continue;
        }
        let is_staged = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains('#'));
        if is_staged {
            let changed = std::fs::metadata(&path).and_then(|found| found.modified());
            let age = changed.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age > LEFT_OVER) {
                std::fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_crash_left_is_removed_and_nothing_else() {
        let data_dir = std::env::temp_dir().join(format!("umbrachat-storage-{}", std::process::id()));
        let config = Config {
            data_dir: data_dir.clone(),
            ..Config::default()
        };
        let storage = Storage::open(&config).unwrap();
        let mut writer = storage.write("ab/kept");
        writer.add(Bytes::from_static(b"kept")).await.unwrap();
        writer.finish().await.unwrap();
        let staged = |name: &str| data_dir.join("files/ab").join(name);
        for name in ["old#1", "new#1"] {
            std::fs::write(staged(name), b"half").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * LEFT_OVER;
        let old = std::fs::File::options().write(true).open(staged("old#1")).unwrap();
        old.set_modified(long_ago).unwrap();
        let kept = std::fs::File::options().write(true).open(staged("kept")).unwrap();
        kept.set_modified(long_ago).unwrap();
        storage.tidy().await.unwrap();
        assert!(!staged("old#1").exists() && staged("new#1").exists());
        assert_eq!(
            storage.read("ab/kept", 1..3).await.unwrap().as_deref(),
            Some(&b"ep"[..])
        );
        assert_eq!(storage.read("ab/none", 0..1).await.unwrap(), None);
        storage.remove("ab/kept").await.unwrap();
        storage.remove("ab/kept").await.unwrap();
        std::fs::remove_dir_all(data_dir).unwrap();
    }
}
