//! The settings as clap reads them: raw text, by flag or from the environment.

use std::ffi::{OsStr, OsString};

use clap::ArgMatches;
use clap::parser::ValueSource;
use url::Url;

use super::{ConfigError, values};

/// What is logged unless told otherwise.
const DEFAULT_LOG: &str = "info,poem=warn,sqlx=warn,tower_sessions_core=error";

/// Every setting as it was written, by flag or by environment variable (the flag wins). Empty means not set.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Settings (each is also an environment variable)")]
pub struct Options {
    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<OsString>,
    /// The address people open, when it is not the one listened on; https makes cookies secure
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    pub(super) public_url: Option<OsString>,
    /// Proxies whose X-Forwarded-For counts, comma-separated addresses or networks
    #[arg(long, env, global = true, hide_env_values = true, value_name = "LIST")]
    pub(super) trusted_proxies: Option<OsString>,
    /// PostgreSQL to use (15 or later) [default: an own private one in the data directory]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    pub(super) database_url: Option<OsString>,
    /// File that holds the address of PostgreSQL
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) database_url_file: Option<OsString>,
    /// Redis, for several nodes on one database
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    pub(super) redis_url: Option<OsString>,
    /// File that holds the address of Redis
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) redis_url_file: Option<OsString>,
    /// Mail server, smtps or smtp [default: mails are written to files]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    pub(super) smtp_url: Option<OsString>,
    /// File that holds the address of the mail server
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) smtp_url_file: Option<OsString>,
    /// File with the certificates of an authority of one's own that vouches for the mail server (PEM)
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) smtp_ca_file: Option<OsString>,
    /// Whom mails are from
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS")]
    pub(super) mail_from: Option<OsString>,
    /// Where data is kept [default: /var/lib/umbrachat for root, else ./data]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FOLDER")]
    pub(super) data_dir: Option<OsString>,
    /// Master keys, comma-separated: the first encrypts, all decrypt (see `umbrachat keys generate`)
    #[arg(long, env, global = true, hide_env_values = true, value_name = "KEYS")]
    pub(super) umbra_keys: Option<OsString>,
    /// File that holds the master keys
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) umbra_keys_file: Option<OsString>,
    /// Signs cookies, 32 characters or more [default: made once and kept encrypted in the database]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "SECRET")]
    pub(super) session_secret: Option<OsString>,
    /// File that holds what signs cookies
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) session_secret_file: Option<OsString>,
    /// Bucket of an S3-compatible store to keep files in [default: the folder files in the data directory]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NAME")]
    pub(super) s3_bucket: Option<OsString>,
    /// Address of that store [default: that of AWS]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    pub(super) s3_endpoint: Option<OsString>,
    /// Region of that store [default: us-east-1]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NAME")]
    pub(super) s3_region: Option<OsString>,
    /// Key by which that store knows this program
    #[arg(long, env, global = true, hide_env_values = true, value_name = "KEY")]
    pub(super) s3_access_key: Option<OsString>,
    /// Secret that belongs to the key
    #[arg(long, env, global = true, hide_env_values = true, value_name = "SECRET")]
    pub(super) s3_secret_key: Option<OsString>,
    /// File that holds the secret that belongs to the key
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub(super) s3_secret_key_file: Option<OsString>,
    /// Largest file that may be sent, in megabytes [default: 25]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub(super) max_upload: Option<OsString>,
    /// How much each person may have in files, in megabytes [default: 1000]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub(super) upload_quota: Option<OsString>,
    /// Messages a second and person; short bursts may be four times that [default: 10]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub(super) message_rate: Option<OsString>,
    /// Open sockets a person [default: 20]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub(super) sockets_per_user: Option<OsString>,
    /// Logins and sign-ups a minute and address [default: 20]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub(super) auth_rate: Option<OsString>,
    /// Requests of programs a minute and account, and a third of those of an address [default: 600]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub(super) api_rate: Option<OsString>,
    /// Whether programs may name their token in the address of their socket, 1 or 0 [default: 1]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "SWITCH")]
    pub(super) ws_query_token: Option<OsString>,
    /// Sites whose pages may use the JSON API, comma-separated origins [default: none]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "LIST")]
    pub(super) cors_origins: Option<OsString>,
    /// Folder of the PostgreSQL programs for the private database [default: searched for]
    #[arg(
        long,
        env = "UMBRA_PG_BIN",
        global = true,
        hide_env_values = true,
        value_name = "FOLDER"
    )]
    pub(super) pg_bin: Option<OsString>,
    /// What to log, for example info or umbrachat=debug [default: info, and less of the libraries]
    #[arg(
        long = "log",
        env = "RUST_LOG",
        global = true,
        hide_env_values = true,
        value_name = "FILTER"
    )]
    pub(super) log: Option<OsString>,
}

impl Options {
    /// Says which settings that hold a secret stand on the command line, where every user of the machine can read
    /// them; None when none does.
    pub fn exposed_secrets(&self, matches: &ArgMatches) -> Option<String> {
        let has_password = |address: &Option<OsString>| {
            let address = address.as_deref().and_then(OsStr::to_str).map(Url::parse);
            address.is_some_and(|address| address.is_ok_and(|address| address.password().is_some()))
        };
        let exposed: Vec<_> = [
            ("database_url", has_password(&self.database_url)),
            ("redis_url", has_password(&self.redis_url)),
            ("smtp_url", has_password(&self.smtp_url)),
            ("s3_secret_key", true),
            ("umbra_keys", true),
            ("session_secret", true),
        ]
        .into_iter()
        .filter(|(id, is_secret)| *is_secret && matches.value_source(id) == Some(ValueSource::CommandLine))
        .map(|(id, _)| id.to_uppercase())
        .map(|name| format!("{name} or {name}_FILE"))
        .collect();
        (!exposed.is_empty()).then(|| {
            format!(
                "the command line holds secrets, and every user of this machine can read it in the list of processes: \
                 set them in the environment instead ({})",
                exposed.join(", ")
            )
        })
    }

    /// What to log, checked.
    pub fn log_filter(&self) -> Result<tracing_subscriber::EnvFilter, ConfigError> {
        let text = values::text("RUST_LOG", "info,umbrachat=debug", self.log.as_deref())?.unwrap_or(DEFAULT_LOG);
        let wrong = || ConfigError {
            name: "RUST_LOG",
            problem: format!("is not a log filter: {text:?}"),
            example: "info,umbrachat=debug",
        };
        // The library counts bytes of what it has trimmed, and panics when it cuts through a character.
        if !text.is_ascii() {
            return Err(wrong());
        }
        tracing_subscriber::EnvFilter::try_new(text).map_err(|_| wrong())
    }
}
