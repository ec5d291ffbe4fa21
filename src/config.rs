//! Typed configuration: read from flags and the environment, checked once at the start, secrets never printed.
//!
//! [`Options`] is what clap reads, as raw text. [`Config::check`] turns it into values that cannot be wrong, or
//! into one [`ConfigError`] line that names the setting, says what is wrong with it and gives an example.

pub mod data_dir;
mod file_store;
pub mod master_keys;
mod options;
mod secret;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::IpNet;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;
use url::Url;

pub use file_store::{Bucket, FileStore};
pub use options::Options;
pub use secret::Secret;

/// A setting that cannot be used: one line that names it, says what is wrong, and gives an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The environment variable's name.
    name: &'static str,
    /// What is wrong, as the rest of a sentence. Never holds a secret.
    problem: String,
    /// A value that would be right.
    example: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}; example: {}={}",
            self.name, self.problem, self.name, self.example
        )
    }
}

impl std::error::Error for ConfigError {}

/// A million bytes.
const MEGABYTE: u64 = 1_000_000;

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address people open, if it was given.
    pub public_url: Option<Url>,
    /// Only these may say with `X-Forwarded-For` whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// PostgreSQL to use; None means the private one in [`Config::data_dir`].
    pub database_url: Option<Secret>,
    /// Redis to use; None means that this is the only node.
    pub redis_url: Option<Secret>,
    /// The mail server; None means that mails are written to files.
    pub smtp_url: Option<Secret>,
    /// Vouches for the mail server too, beside the authorities that are built in.
    pub smtp_ca: Option<Certificate>,
    /// Whom mails are from; always set where there is a mail server.
    pub mail_from: Option<Mailbox>,
    /// Where the private database and its key are kept.
    pub data_dir: PathBuf,
    /// Comma-separated Fernet keys, their form checked; the first encrypts. Always set once the server starts.
    pub umbra_keys: Option<Secret>,
    /// Signs cookies; None means the one kept in the database.
    pub session_secret: Option<Secret>,
    /// Where files are kept.
    pub file_store: FileStore,
    /// How large a file may be, in bytes.
    pub max_upload: u64,
    /// How much each person may have in files, in bytes.
    pub upload_quota: u64,
    /// Messages a second and person.
    pub message_rate: NonZeroU32,
    /// Open sockets a person.
    pub sockets_per_user: NonZeroU32,
    /// Logins and sign-ups a minute and address.
    pub auth_rate: NonZeroU32,
    /// Requests of programs a minute and account; an address may send three times as many.
    pub api_rate: NonZeroU32,
    /// Whether a program may name its access token in the address of its socket.
    pub ws_query_token: bool,
    /// Sites whose pages may use the JSON API, with tokens.
    pub cors_origins: Vec<String>,
    /// Where the PostgreSQL programs are; None means to search.
    pub pg_bin: Option<PathBuf>,
}

impl Default for Config {
    /// What holds when nothing is set, without a look at the environment.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            public_url: None,
            trusted_proxies: Vec::new(),
            database_url: None,
            redis_url: None,
            smtp_url: None,
            smtp_ca: None,
            mail_from: None,
            data_dir: default_data_dir(),
            umbra_keys: None,
            session_secret: None,
            file_store: FileStore::default(),
            max_upload: 25 * MEGABYTE,
            upload_quota: 1_000 * MEGABYTE,
            message_rate: number(10),
            sockets_per_user: number(20),
            auth_rate: number(20),
            api_rate: number(600),
            ws_query_token: true,
            cors_origins: Vec::new(),
            pg_bin: None,
        }
    }
}

impl Config {
    /// Checks every setting; the first wrong one ends it.
    pub fn check(options: &Options) -> Result<Self, ConfigError> {
        let default = Self::default();
        let smtp_url = values::smtp_url(options.smtp_url.as_deref(), options.smtp_url_file.as_deref())?;
        let mail_from = values::mail_from(options.mail_from.as_deref(), smtp_url.is_some())?;
        Ok(Self {
            listen: values::listen(options.listen.as_deref())?,
            public_url: values::public_url(options.public_url.as_deref())?,
            trusted_proxies: values::trusted_proxies(options.trusted_proxies.as_deref())?,
            database_url: values::database_url(options.database_url.as_deref(), options.database_url_file.as_deref())?,
            redis_url: values::redis_url(options.redis_url.as_deref(), options.redis_url_file.as_deref())?,
            smtp_url,
            smtp_ca: values::smtp_ca(options.smtp_ca_file.as_deref())?,
            mail_from,
            data_dir: values::folder(options.data_dir.as_deref()).unwrap_or(default.data_dir),
            umbra_keys: values::umbra_keys(options.umbra_keys.as_deref(), options.umbra_keys_file.as_deref())?,
            session_secret: values::session_secret(
                options.session_secret.as_deref(),
                options.session_secret_file.as_deref(),
            )?,
            file_store: file_store::file_store(options)?,
            max_upload: values::megabytes("MAX_UPLOAD", "25", options.max_upload.as_deref())?
                .unwrap_or(default.max_upload),
            upload_quota: values::megabytes("UPLOAD_QUOTA", "1000", options.upload_quota.as_deref())?
                .unwrap_or(default.upload_quota),
            message_rate: values::rate("MESSAGE_RATE", "10", options.message_rate.as_deref())?
                .unwrap_or(default.message_rate),
            sockets_per_user: values::rate("SOCKETS_PER_USER", "20", options.sockets_per_user.as_deref())?
                .unwrap_or(default.sockets_per_user),
            auth_rate: values::rate("AUTH_RATE", "20", options.auth_rate.as_deref())?.unwrap_or(default.auth_rate),
            api_rate: values::rate("API_RATE", "600", options.api_rate.as_deref())?.unwrap_or(default.api_rate),
            ws_query_token: values::switch("WS_QUERY_TOKEN", options.ws_query_token.as_deref())?
                .unwrap_or(default.ws_query_token),
            cors_origins: values::origins(options.cors_origins.as_deref())?,
            pg_bin: values::pg_bin(options.pg_bin.as_deref())?,
        })
    }

    /// Whether people reach this server over TLS, which makes cookies `Secure` and sends HSTS.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// The origins whose pages may send requests and open sockets: that of `PUBLIC_URL`, or, while it is unset,
    /// the loopback names of the listening `port`.
    pub fn origins(&self, port: u16) -> Vec<String> {
        match &self.public_url {
            Some(url) => vec![url.origin().ascii_serialization()],
            // An origin leaves out the port that its scheme implies.
            None if port == 80 => ["localhost", "127.0.0.1", "[::1]"]
                .map(|host| format!("http://{host}"))
                .into(),
            None => ["localhost", "127.0.0.1", "[::1]"]
                .map(|host| format!("http://{host}:{port}"))
                .into(),
        }
    }
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}

fn default_data_dir() -> PathBuf {
    let root = rustix::process::geteuid().is_root();
    PathBuf::from(if root { "/var/lib/umbrachat" } else { "data" })
}
