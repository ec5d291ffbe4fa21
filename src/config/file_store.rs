//! Where files are kept: a folder, or a bucket of an S3-compatible store.

use std::ffi::{OsStr, OsString};

use url::Url;

use super::{ConfigError, Options, Secret, values};

/// Where files are kept.
#[derive(Debug, Clone, Default)]
pub enum FileStore {
    /// In the folder `files` of [`Config::data_dir`].
    #[default]
    DataDir,
    /// In a bucket of an S3-compatible store.
    S3(Bucket),
}

/// A bucket, and how to get at it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The server, if it is not that of AWS.
    pub endpoint: Option<Url>,
    /// The region; most other servers take any.
    pub region: String,
    /// Who asks.
    pub access_key: String,
    /// Proves it.
    pub secret_key: Secret,
}

/// The store of files: a bucket where one is named, with everything that it takes.
pub(super) fn file_store(options: &Options) -> Result<FileStore, ConfigError> {
    let text = |name, example, raw: &Option<OsString>| {
        values::text(name, example, raw.as_deref()).map(|text| text.map(str::to_owned))
    };
    let Some(name) = text("S3_BUCKET", "umbrachat", &options.s3_bucket)? else {
        return Ok(FileStore::DataDir);
    };
    let missing = |name, example| ConfigError {
        name,
        problem: "is not set, but S3_BUCKET is".into(),
        example,
    };
    let access_key = text("S3_ACCESS_KEY", "umbrachat", &options.s3_access_key)?;
    let secret_key = values::secret(
        "S3_SECRET_KEY",
        "S3_SECRET_KEY_FILE",
        "a long secret",
        options.s3_secret_key.as_deref(),
        options.s3_secret_key_file.as_deref(),
    )?;
    Ok(FileStore::S3(Bucket {
        name,
        endpoint: endpoint(options.s3_endpoint.as_deref())?,
        region: text("S3_REGION", "eu-central-1", &options.s3_region)?.unwrap_or_else(|| "us-east-1".to_owned()),
        access_key: access_key.ok_or_else(|| missing("S3_ACCESS_KEY", "umbrachat"))?,
        secret_key: secret_key.ok_or_else(|| missing("S3_SECRET_KEY", "a long secret"))?,
    }))
}

/// The address of a server, without a path: the library writes that of the bucket behind it.
fn endpoint(raw: Option<&OsStr>) -> Result<Option<Url>, ConfigError> {
    let (name, example) = ("S3_ENDPOINT", "https://s3.example.org");
    let Some(text) = values::text(name, example, raw)? else {
        return Ok(None);
    };
    let url = values::service(name, example, ["https", "http"], text)?;
    if url.host_str().is_none_or(str::is_empty) || url.path().len() > 1 || url.query().is_some() {
        return Err(ConfigError {
            name,
            problem: "is not the address of a server: scheme, host and port".into(),
            example,
        });
    }
    Ok(Some(url))
}
