//! Typed configuration: read from flags and the environment, checked once at the start, secrets never printed.
//!
//! [`Options`] is what clap reads, as raw text. [`Config::check`] turns it into values that cannot be wrong, or
//! into one [`Wrong`] line that names the setting, says what is wrong with it and gives an example.

pub mod master_keys;
mod values;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;
use zeroize::Zeroizing;

/// What is logged unless told otherwise.
const DEFAULT_LOG: &str = "info,poem=warn,sqlx=warn,tower_sessions_core=error";

/// A value that is never printed: keys, passwords, addresses that hold a password.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a value; its memory is wiped when the last copy goes.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself. Each call is a place to look at when asking where secrets go.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Every setting as it was written, by flag or by environment variable (the flag wins). Empty means not set.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Settings (each is also an environment variable)")]
pub struct Options {
    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS:PORT")]
    listen: Option<OsString>,
    /// The address people open, when it is not the one listened on; https makes cookies secure
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    public_url: Option<OsString>,
    /// Proxies whose X-Forwarded-For counts, comma-separated addresses or networks
    #[arg(long, env, global = true, hide_env_values = true, value_name = "LIST")]
    trusted_proxies: Option<OsString>,
    /// PostgreSQL to use (15 or later) [default: an own private one in the data directory]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    database_url: Option<OsString>,
    /// Redis, for several nodes on one database
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    redis_url: Option<OsString>,
    /// Where data is kept [default: /var/lib/umbrachat for root, else ./data]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FOLDER")]
    data_dir: Option<OsString>,
    /// Master keys, comma-separated: the first encrypts, all decrypt (see `umbrachat keys generate`)
    #[arg(long, env, global = true, hide_env_values = true, value_name = "KEYS")]
    umbra_keys: Option<OsString>,
    /// Signs cookies, 32 characters or more [default: made once and kept encrypted in the database]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "SECRET")]
    session_secret: Option<OsString>,
    /// Messages a second and person; short bursts may be four times that [default: 10]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    message_rate: Option<OsString>,
    /// Open sockets a person [default: 20]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    sockets_per_user: Option<OsString>,
    /// Logins and sign-ups a minute and address [default: 20]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    auth_rate: Option<OsString>,
    /// Folder of the PostgreSQL programs for the private database [default: searched for]
    #[arg(
        long,
        env = "UMBRA_PG_BIN",
        global = true,
        hide_env_values = true,
        value_name = "FOLDER"
    )]
    pg_bin: Option<OsString>,
    /// What to log, for example info or umbrachat=debug [default: info, and less of the libraries]
    #[arg(
        long = "log",
        env = "RUST_LOG",
        global = true,
        hide_env_values = true,
        value_name = "FILTER"
    )]
    log: Option<OsString>,
}

/// A setting that cannot be used: one line that names it, says what is wrong, and gives an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The environment variable's name.
    name: &'static str,
    /// What is wrong, as the rest of a sentence. Never holds a secret.
    problem: String,
    /// A value that would be right.
    example: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}; example: {}={}",
            self.name, self.problem, self.name, self.example
        )
    }
}

impl std::error::Error for Wrong {}

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
    /// Where the private database and its key are kept.
    pub data_dir: PathBuf,
    /// Comma-separated Fernet keys, their form checked; the first encrypts. Always set once the server starts.
    pub umbra_keys: Option<Secret>,
    /// Signs cookies; None means the one kept in the database.
    pub session_secret: Option<Secret>,
    /// Messages a second and person.
    pub message_rate: NonZeroU32,
    /// Open sockets a person.
    pub sockets_per_user: NonZeroU32,
    /// Logins and sign-ups a minute and address.
    pub auth_rate: NonZeroU32,
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
            data_dir: default_data_dir(),
            umbra_keys: None,
            session_secret: None,
            message_rate: number(10),
            sockets_per_user: number(20),
            auth_rate: number(20),
            pg_bin: None,
        }
    }
}

impl Config {
    /// Checks every setting; the first wrong one ends it.
    pub fn check(options: &Options) -> Result<Self, Wrong> {
        let default = Self::default();
        Ok(Self {
            listen: values::listen(options.listen.as_deref())?,
            public_url: values::public_url(options.public_url.as_deref())?,
            trusted_proxies: values::trusted_proxies(options.trusted_proxies.as_deref())?,
            database_url: values::database_url(options.database_url.as_deref())?,
            redis_url: values::redis_url(options.redis_url.as_deref())?,
            data_dir: values::folder(options.data_dir.as_deref()).unwrap_or(default.data_dir),
            umbra_keys: values::umbra_keys(options.umbra_keys.as_deref())?,
            session_secret: values::session_secret(options.session_secret.as_deref())?,
            message_rate: values::rate("MESSAGE_RATE", "10", options.message_rate.as_deref())?
                .unwrap_or(default.message_rate),
            sockets_per_user: values::rate("SOCKETS_PER_USER", "20", options.sockets_per_user.as_deref())?
                .unwrap_or(default.sockets_per_user),
            auth_rate: values::rate("AUTH_RATE", "20", options.auth_rate.as_deref())?.unwrap_or(default.auth_rate),
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

impl Options {
    /// What to log, checked.
    pub fn log_filter(&self) -> Result<tracing_subscriber::EnvFilter, Wrong> {
        let text = values::text("RUST_LOG", "info,umbrachat=debug", self.log.as_deref())?.unwrap_or(DEFAULT_LOG);
        let wrong = || Wrong {
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

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}

fn default_data_dir() -> PathBuf {
    let root = rustix::process::geteuid().is_root();
    PathBuf::from(if root { "/var/lib/umbrachat" } else { "data" })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use fernet::Fernet;

    use super::values::{DEFAULT_LISTEN, public_url, trusted_proxies};
    use super::*;

    fn options(set: impl FnOnce(&mut Options)) -> Options {
        let mut options = Options::default();
        set(&mut options);
        options
    }

    fn refused(set: impl FnOnce(&mut Options)) -> String {
        let line = Config::check(&options(set)).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        assert!(line.contains("; example: "), "{line}");
        line
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        let config = Config::check(&Options::default()).unwrap();
        assert_eq!(config.listen.to_string(), DEFAULT_LISTEN);
        assert_eq!(
            (
                config.message_rate.get(),
                config.sockets_per_user.get(),
                config.auth_rate.get()
            ),
            (10, 20, 20)
        );
        assert!(config.database_url.is_none() && config.umbra_keys.is_none() && !config.is_https());
    }

    #[test]
    fn empty_counts_as_not_set() {
        let config = Config::check(&options(|o| {
            o.listen = Some("".into());
            o.public_url = Some(" ".into());
            o.umbra_keys = Some("".into());
            o.data_dir = Some("".into());
        }));
        assert_eq!(config.unwrap().data_dir, default_data_dir());
    }

    #[test]
    fn a_wrong_value_is_named_with_an_example() {
        assert!(refused(|o| o.listen = Some("8000".into())).starts_with("LISTEN is not an IP address and a port"));
        assert!(refused(|o| o.public_url = Some("chat.example.org".into())).starts_with("PUBLIC_URL "));
        assert!(refused(|o| o.public_url = Some("ftp://example.org".into())).starts_with("PUBLIC_URL must begin"));
        assert!(refused(|o| o.public_url = Some("https://a.org/chat".into())).contains("without a path"));
        assert!(refused(|o| o.trusted_proxies = Some("10.0.0.0/8,nginx".into())).contains("\"nginx\""));
        assert!(refused(|o| o.message_rate = Some("0".into())).starts_with("MESSAGE_RATE "));
        assert!(refused(|o| o.sockets_per_user = Some("-1".into())).starts_with("SOCKETS_PER_USER "));
        assert!(refused(|o| o.auth_rate = Some("many".into())).starts_with("AUTH_RATE "));
        assert!(refused(|o| o.redis_url = Some("redis://".into())).starts_with("REDIS_URL "));
        assert!(refused(|o| o.pg_bin = Some("/nowhere".into())).starts_with("UMBRA_PG_BIN "));
        assert!(
            options(|o| o.log = Some("a=b=c".into()))
                .log_filter()
                .unwrap_err()
                .to_string()
                .starts_with("RUST_LOG")
        );
    }

    #[test]
    fn a_wrong_secret_is_not_repeated() {
        for line in [
            refused(|o| o.database_url = Some("mysql://bob:hunter2@db/chat".into())),
            refused(|o| o.redis_url = Some("http://:hunter2@cache".into())),
            refused(|o| o.umbra_keys = Some("hunter2".into())),
            refused(|o| o.session_secret = Some("hunter2".into())),
        ] {
            assert!(!line.contains("hunter2"), "{line}");
        }
        let url = Some("postgres://bob:hunter2@db/chat".into());
        let config = Config::check(&options(|o| o.database_url = url)).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn keys_are_checked_one_by_one() {
        let good = Fernet::generate_key();
        let config = Config::check(&options(|o| o.umbra_keys = Some(format!("{good}, {good}").into()))).unwrap();
        assert_eq!(config.umbra_keys.unwrap().expose(), format!("{good},{good}"));
        let line = refused(|o| o.umbra_keys = Some(format!("{good},{}", &good[1..]).into()));
        assert!(line.starts_with("UMBRA_KEYS is malformed: key 2 of 2"), "{line}");
    }

    #[test]
    fn origins_follow_the_public_address_or_the_port() {
        let mut config = Config::default();
        assert_eq!(
            config.origins(8000),
            ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"]
        );
        assert_eq!(config.origins(80)[0], "http://localhost");
        config.public_url = public_url(Some(OsStr::new("https://Chat.example.org:443/"))).unwrap();
        assert_eq!(config.origins(8000), ["https://chat.example.org"]);
        assert!(config.is_https());
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let list = trusted_proxies(Some(OsStr::new("127.0.0.1, 10.0.0.0/8,::1"))).unwrap();
        assert_eq!(
            list.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
        );
    }
}
