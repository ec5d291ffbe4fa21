//! One function for each setting that needs one: from what was written to a value that cannot be wrong.

use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::IpNet;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;
use url::Url;
use zeroize::Zeroizing;

use super::{ConfigError, Secret, master_keys};

/// Where the program listens unless told otherwise.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:8000";
/// The shortest `SESSION_SECRET` that is taken, in bytes.
const SESSION_SECRET_MIN: usize = 32;
/// What the library knows of the parameters of PostgreSQL's addresses, beside `options[NAME]`.
const DATABASE_PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
/// What other programs make of these changes nothing here: there is a limit on every connection, and one server.
const IGNORED_PARAMETERS: &[&str] = &["connect_timeout", "target_session_attrs"];

/// The setting as trimmed text; None when it is not set or empty.
pub(super) fn text<'a>(
    name: &'static str,
    example: &'static str,
    raw: Option<&'a OsStr>,
) -> Result<Option<&'a str>, ConfigError> {
    let Some(raw) = raw else { return Ok(None) };
    let text = raw.to_str().ok_or_else(|| ConfigError {
        name,
        problem: "is not readable text (UTF-8)".into(),
        example,
    })?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()))
}

/// A setting that is on or off.
pub(super) fn switch(name: &'static str, raw: Option<&OsStr>) -> Result<Option<bool>, ConfigError> {
    match text(name, "1", raw)? {
        None => Ok(None),
        Some("1") => Ok(Some(true)),
        Some("0") => Ok(Some(false)),
        Some(_) => Err(ConfigError {
            name,
            problem: "is neither 1 nor 0".into(),
            example: "1",
        }),
    }
}

pub(super) fn folder(raw: Option<&OsStr>) -> Option<PathBuf> {
    raw.filter(|raw| !raw.is_empty()).map(PathBuf::from)
}

pub(super) fn listen(raw: Option<&OsStr>) -> Result<SocketAddr, ConfigError> {
    let text = text("LISTEN", DEFAULT_LISTEN, raw)?.unwrap_or(DEFAULT_LISTEN);
    text.parse().map_err(|_| ConfigError {
        name: "LISTEN",
        problem: format!("is not an IP address and a port: {text:?}"),
        example: DEFAULT_LISTEN,
    })
}

pub(super) fn public_url(raw: Option<&OsStr>) -> Result<Option<Url>, ConfigError> {
    let (name, example) = ("PUBLIC_URL", "https://chat.example.org");
    let Some(text) = text(name, example, raw)? else {
        return Ok(None);
    };
    site(text)
        .map(Some)
        .map_err(|problem| ConfigError { name, problem, example })
}

/// The origins of a list of sites, as browsers write them.
pub(super) fn origins(raw: Option<&OsStr>) -> Result<Vec<String>, ConfigError> {
    let (name, example) = ("CORS_ORIGINS", "https://app.example.org,https://tools.example.org");
    let list = text(name, example, raw)?.unwrap_or_default();
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| site(entry).map(|url| url.origin().ascii_serialization()))
        .collect::<Result<_, _>>()
        .map_err(|problem| ConfigError { name, problem, example })
}

/// The address of a site as a whole.
fn site(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not an address ({error}): {text:?}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("must begin with https:// or http://: {text:?}"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("must be an address without a path: {text:?}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".into());
    }
    Ok(url)
}

pub(super) fn trusted_proxies(raw: Option<&OsStr>) -> Result<Vec<IpNet>, ConfigError> {
    let (name, example) = ("TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8");
    let Some(list) = text(name, example, raw)? else {
        return Ok(Vec::new());
    };
    list.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            entry
                .parse::<IpNet>()
                .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| ConfigError {
                    name,
                    problem: format!("holds what is neither an IP address nor a network: {entry:?}"),
                    example,
                })
        })
        .collect()
}

/// A setting that holds a secret: as it was given, or as it stands in the file that `NAME_FILE` names.
pub(super) fn secret(
    name: &'static str,
    file_name: &'static str,
    example: &'static str,
    given: Option<&OsStr>,
    file: Option<&OsStr>,
) -> Result<Option<Secret>, ConfigError> {
    let given = text(name, example, given)?;
    let Some(path) = folder(file) else {
        return Ok(given.map(Secret::new));
    };
    let wrong = |problem: String| ConfigError {
        name: file_name,
        problem,
        example: "/run/secrets/umbrachat",
    };
    if given.is_some() {
        return Err(wrong(format!("is set, and so is {name}: only one of them may be")));
    }
    let text =
        fs::read_to_string(&path).map_err(|error| wrong(format!("cannot be read: {}: {error}", path.display())))?;
    let text = Zeroizing::new(text);
    match text.trim() {
        "" => Err(wrong(format!("names a file that holds nothing: {}", path.display()))),
        text => Ok(Some(Secret::new(text))),
    }
}

/// An address with one of the `schemes`, which may hold a password and so is never quoted.
pub(super) fn service(
    name: &'static str,
    example: &'static str,
    schemes: [&str; 2],
    text: &str,
) -> Result<Url, ConfigError> {
    if has_raw_characters(text) {
        let problem = "holds a character that must be written another way in a name or password: / as %2F, @ as %40, ? as %3F, \
                       # as %23, % as %25";
        return Err(ConfigError {
            name,
            problem: problem.into(),
            example,
        });
    }
    let url = Url::parse(text).map_err(|error| ConfigError {
        name,
        problem: format!("is not an address ({error})"),
        example,
    })?;
    if schemes.contains(&url.scheme()) {
        Ok(url)
    } else {
        let problem = format!("begins with {}:// instead of {}://", url.scheme(), schemes[0]);
        Err(ConfigError { name, problem, example })
    }
}

/// Whether the address has a special character where it cannot be meant, so that a part of the password would be taken
/// for something else: an `@` after the first `/`, `?` or `#`, which ends the part with the password; a `#`, which
/// nothing is told by; a `%` that encodes nothing.
fn has_raw_characters(address: &str) -> bool {
    let authority = address.split_once("://").map_or(address, |(_, authority)| authority);
    let rest = authority.find(['/', '?', '#']).map_or("", |end| &authority[end..]);
    let encodes = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    rest.contains(['@', '#'])
        || !address.split('%').skip(1).all(encodes)
        || percent_decode_str(address).decode_utf8().is_err()
}

pub(super) fn database_url(given: Option<&OsStr>, file: Option<&OsStr>) -> Result<Option<Secret>, ConfigError> {
    let (name, example) = ("DATABASE_URL", "postgres://umbrachat:password@127.0.0.1:5432/umbrachat");
    let Some(secret) = secret(name, "DATABASE_URL_FILE", example, given, file)? else {
        return Ok(None);
    };
    let url = service(name, example, ["postgres", "postgresql"], secret.expose())?;
    let wrong = |problem: String| ConfigError { name, problem, example };
    let is_usable = |url: &Url| url.as_str().parse::<PgConnectOptions>().is_ok();
    for (parameter, value) in url.query_pairs() {
        // The library takes no notice of others, and says so together with their values.
        let is_option = parameter.starts_with("options[") && parameter.ends_with(']');
        let is_known = DATABASE_PARAMETERS
            .iter()
            .chain(IGNORED_PARAMETERS)
            .any(|known| parameter == *known);
        if !is_option && !is_known {
            return Err(wrong(format!("has a parameter that is not known: {parameter}")));
        }
        let mut alone = url.clone();
        alone.query_pairs_mut().clear().append_pair(&parameter, &value);
        if !is_usable(&alone) {
            return Err(wrong(format!("has a value of {parameter} that cannot be used")));
        }
    }
    if !is_usable(&url) {
        return Err(wrong("cannot be used".into()));
    }
    Ok(Some(Secret::new(url)))
}

pub(super) fn redis_url(given: Option<&OsStr>, file: Option<&OsStr>) -> Result<Option<Secret>, ConfigError> {
    let (name, example) = ("REDIS_URL", "redis://127.0.0.1:6379");
    let Some(secret) = secret(name, "REDIS_URL_FILE", example, given, file)? else {
        return Ok(None);
    };
    let url = service(name, example, ["redis", "rediss"], secret.expose())?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(ConfigError {
            name,
            problem: "names no host".into(),
            example,
        });
    }
    Ok(Some(Secret::new(url)))
}

pub(super) fn smtp_url(given: Option<&OsStr>, file: Option<&OsStr>) -> Result<Option<Secret>, ConfigError> {
    let (name, example) = ("SMTP_URL", "smtps://user:password@mail.example.org");
    let Some(secret) = secret(name, "SMTP_URL_FILE", example, given, file)? else {
        return Ok(None);
    };
    let url = service(name, example, ["smtps", "smtp"], secret.expose())?;
    let wrong = |problem: &str| ConfigError {
        name,
        problem: problem.into(),
        example,
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    // The library would not log in, and would take TLS only if nobody on the way takes it out.
    if url.username().is_empty() != url.password().is_none() {
        return Err(wrong("needs a user name and a password, or neither"));
    }
    if url.query().is_some_and(|query| query != "tls=required") {
        return Err(wrong("has a parameter that is not known: only ?tls=required is"));
    }
    if AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str()).is_err() {
        return Err(wrong("cannot be used"));
    }
    Ok(Some(Secret::new(url)))
}

pub(super) fn smtp_ca(file: Option<&OsStr>) -> Result<Option<Certificate>, ConfigError> {
    let Some(path) = folder(file) else {
        return Ok(None);
    };
    let wrong = |problem: String| ConfigError {
        name: "SMTP_CA_FILE",
        problem,
        example: "/etc/ssl/our-ca.pem",
    };
    let pem =
        fs::read_to_string(&path).map_err(|error| wrong(format!("cannot be read: {}: {error}", path.display())))?;
    // The library looks into them only when it connects, and takes a file without any.
    let usable = Certificate::from_pem(pem.as_bytes()).ok().filter(|certificate| {
        let tls = TlsParameters::builder("localhost".into());
        pem.contains("BEGIN CERTIFICATE") && tls.add_root_certificate(certificate.clone()).build().is_ok()
    });
    usable
        .map(Some)
        .ok_or_else(|| wrong(format!("holds no certificate in PEM: {}", path.display())))
}

/// `needed` says that there is a mail server, which takes no mail from nobody.
pub(super) fn mail_from(raw: Option<&OsStr>, needed: bool) -> Result<Option<Mailbox>, ConfigError> {
    let (name, example) = ("MAIL_FROM", "chat@example.org");
    let wrong = |problem: String| ConfigError { name, problem, example };
    match text(name, example, raw)? {
        None if needed => Err(wrong("is not set, and SMTP_URL needs it".into())),
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| wrong(format!("is not an e-mail address: {text:?}"))),
    }
}

pub(super) fn umbra_keys(given: Option<&OsStr>, file: Option<&OsStr>) -> Result<Option<Secret>, ConfigError> {
    let (name, example) = ("UMBRA_KEYS", "$(umbrachat keys generate)");
    let Some(secret) = secret(name, "UMBRA_KEYS_FILE", example, given, file)? else {
        return Ok(None);
    };
    let keys: Vec<_> = secret.expose().split(',').map(str::trim).collect();
    if let Err(place) = master_keys::parse(secret.expose()) {
        let problem = format!("is malformed: key {place} of {} is not a Fernet key", keys.len());
        return Err(ConfigError { name, problem, example });
    }
    Ok(Some(Secret::new(keys.join(","))))
}

pub(super) fn session_secret(given: Option<&OsStr>, file: Option<&OsStr>) -> Result<Option<Secret>, ConfigError> {
    let (name, example) = ("SESSION_SECRET", "$(openssl rand -hex 32)");
    let Some(secret) = secret(name, "SESSION_SECRET_FILE", example, given, file)? else {
        return Ok(None);
    };
    if secret.expose().len() < SESSION_SECRET_MIN {
        let problem = format!("is too short: it needs {SESSION_SECRET_MIN} characters or more");
        return Err(ConfigError { name, problem, example });
    }
    Ok(Some(secret))
}

pub(super) fn rate(
    name: &'static str,
    example: &'static str,
    raw: Option<&OsStr>,
) -> Result<Option<NonZeroU32>, ConfigError> {
    let Some(text) = text(name, example, raw)? else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| ConfigError {
        name,
        problem: format!("is not a whole number of 1 or more: {text:?}"),
        example,
    })
}

/// A number of megabytes, in bytes.
pub(super) fn megabytes(
    name: &'static str,
    example: &'static str,
    raw: Option<&OsStr>,
) -> Result<Option<u64>, ConfigError> {
    Ok(rate(name, example, raw)?.map(|number| u64::from(number.get()) * super::MEGABYTE))
}

pub(super) fn pg_bin(raw: Option<&OsStr>) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = folder(raw) else { return Ok(None) };
    if path.join("postgres").is_file() && path.join("initdb").is_file() {
        return Ok(Some(path));
    }
    Err(ConfigError {
        name: "UMBRA_PG_BIN",
        problem: format!("is not a folder that holds postgres and initdb: {}", path.display()),
        example: "/usr/lib/postgresql/15/bin",
    })
}
