//! What is taken, and what is said of what is not.

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
fn parameters_of_the_database_that_change_nothing_here_are_taken() {
    let url = "postgres://bob@db/chat?connect_timeout=10&target_session_attrs=read-write&sslmode=require";
    let options = options(|o| {
        o.database_url = Some(url.into());
        o.umbra_keys = Some(Fernet::generate_key().into());
    });
    let config = Config::check(&options).unwrap();
    assert_eq!(config.database_url.unwrap().expose(), url);
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
    assert!(refused(|o| o.max_upload = Some("0".into())).starts_with("MAX_UPLOAD "));
    assert!(refused(|o| o.upload_quota = Some("1 GB".into())).starts_with("UPLOAD_QUOTA "));
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
fn a_bucket_is_named_with_all_that_it_takes() {
    let bucket = |o: &mut Options| {
        o.s3_bucket = Some("chat".into());
        o.s3_access_key = Some("us".into());
        o.s3_secret_key = Some("hunter2".into());
    };
    let config = Config::check(&options(bucket)).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let FileStore::S3(found) = config.file_store else {
        unreachable!("a bucket is named")
    };
    assert_eq!(
        (found.name.as_str(), found.region.as_str(), found.endpoint),
        ("chat", "us-east-1", None)
    );
    let without = |take: fn(&mut Options)| {
        refused(move |o| {
            bucket(o);
            take(o);
        })
    };
    assert!(without(|o| o.s3_access_key = None).starts_with("S3_ACCESS_KEY is not set, but S3_BUCKET is"));
    assert!(without(|o| o.s3_secret_key = None).starts_with("S3_SECRET_KEY is not set, but S3_BUCKET is"));
    for wrong in ["s3.example.org", "ftp://s3.example.org", "https://s3.example.org/chat"] {
        let mut set = options(bucket);
        set.s3_endpoint = Some(wrong.into());
        assert!(
            Config::check(&set).unwrap_err().to_string().starts_with("S3_ENDPOINT "),
            "{wrong}"
        );
    }
    // Without a bucket nothing else of it counts.
    let config = Config::check(&options(|o| o.s3_access_key = Some("us".into()))).unwrap();
    assert!(matches!(config.file_store, FileStore::DataDir));
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
fn origins_are_written_as_browsers_write_them() {
    let check = |list: &str| {
        let options = Options {
            cors_origins: Some(list.into()),
            ..Options::default()
        };
        Config::check(&options).map(|config| config.cors_origins).ok()
    };
    let known = vec!["https://app.example.org".to_owned(), "http://localhost:3000".to_owned()];
    assert_eq!(
        check("https://App.Example.org:443/ , http://localhost:3000,"),
        Some(known)
    );
    assert_eq!(check(""), Some(Vec::new()));
    for wrong in [
        "*",
        "null",
        "app.example.org",
        "https://a.test/path",
        "ftp://a.test",
        "https://u:p@a.test",
    ] {
        assert_eq!(check(wrong), None, "{wrong}");
    }
}

#[test]
fn proxies_are_addresses_or_networks() {
    let list = trusted_proxies(Some(OsStr::new("127.0.0.1, 10.0.0.0/8,::1"))).unwrap();
    assert_eq!(
        list.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
    );
}

#[test]
fn a_mail_server_is_named_with_whom_mails_are_from() {
    let set = |url: &'static str, from: &'static str| {
        move |o: &mut Options| {
            o.smtp_url = Some(url.into());
            o.mail_from = Some(from.into());
        }
    };
    for url in [
        "smtp://127.0.0.1:2525",
        "smtp://mail.example.org?tls=required",
        "smtps://chat:p%40ss@mail.example.org",
    ] {
        let config = Config::check(&options(set(url, "UmbraChat <chat@example.org>"))).unwrap();
        assert_eq!(config.smtp_url.unwrap().expose(), url);
        assert_eq!(config.mail_from.unwrap().email.to_string(), "chat@example.org");
    }
    for (url, problem) in [
        ("http://mail.example.org", "SMTP_URL begins with http://"),
        ("smtp://", "SMTP_URL "),
        (
            "smtp://chat@mail.example.org",
            "SMTP_URL needs a user name and a password, or neither",
        ),
        (
            "smtp://mail.example.org?tls=opportunistic",
            "SMTP_URL has a parameter that is not known",
        ),
        ("smtp://chat:hush/hush@mail.example.org", "SMTP_URL holds a character"),
    ] {
        let line = refused(set(url, "chat@example.org"));
        assert!(line.starts_with(problem) && !line.contains("hush"), "{line}");
    }
    assert!(refused(|o| o.smtp_url = Some("smtp://localhost".into())).starts_with("MAIL_FROM is not set"));
    assert!(refused(set("smtp://localhost", "nobody")).starts_with("MAIL_FROM is not an e-mail address"));
}
