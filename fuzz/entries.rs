//! Everything that reads bytes from outside, one function for each: none may panic, whatever comes. Fuzzed by the
//! targets beside this file, and driven by `tests/it/parsers.rs` in every test run.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Parser;
use poem::http::{HeaderValue, header};
use umbrachat::accounts::model::{PersonName, SignUpForm, Username};
use umbrachat::bus::Event;
use umbrachat::config::{Config, Options};
use umbrachat::error::FieldErrors;
use umbrachat::ids::MessageId;
use umbrachat::live::Command;
use umbrachat::messages::model::Body;
use umbrachat::messages::sending::Sent;
use umbrachat::messages::views::markdown::render;
use umbrachat::realtime::{Incoming, read_bytes};
use umbrachat::rooms::model::{RoomName, Topic};
use umbrachat::text::{fold, is_mark, is_visible};
use umbrachat::vault::{DataKey, MessageCipher};
use umbrachat::web::forwarded::client_address;
use umbrachat::web::normalise::is_local;
use umbrachat::web::session::{cookie, theme};

/// All of them.
pub const ALL: [fn(&[u8]); 8] = [frames, message, forms, text, headers, events, token, settings];

/// A socket's bytes, and what the program makes of the messages in them.
pub fn frames(bytes: &[u8]) {
    let (received, answer) = read_bytes(bytes);
    // Pongs and one close: never more than came in, but for that close and its reason.
    assert!(
        answer.len() <= bytes.len() + 127,
        "{} bytes for {}",
        answer.len(),
        bytes.len()
    );
    for message in &received {
        drop(Command::parse(message));
    }
}

/// One message of a page.
pub fn message(bytes: &[u8]) {
    let received = match String::from_utf8(bytes.to_vec()) {
        Ok(text) => Incoming::Text(text.into()),
        Err(_) => Incoming::NotUtf8,
    };
    if let Ok(Command::Send(Sent { body, .. })) = Command::parse(&received) {
        assert!(!body.as_str().is_empty() && !body.as_str().contains('\0'));
    }
}

/// A form's body, and its fields.
pub fn forms(bytes: &[u8]) {
    if let Ok(form) = serde_urlencoded::from_bytes::<SignUpForm>(bytes) {
        drop(form.parse(FieldErrors::default()));
    }
}

/// What people type, and what stands in an address.
pub fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(body) = Body::parse(&text) {
        assert!(body.as_str().chars().any(is_visible));
        let drawn = render(body.as_str(), &[]).html.0;
        assert_eq!(drawn.matches('<').count(), drawn.matches('>').count(), "{text:?}");
        assert!(
            !["<script", "<img", "<input", "javascript:\"", "<style"]
                .iter()
                .any(|bad| drawn.contains(bad)),
            "{text:?}"
        );
    }
    if let Ok(name) = RoomName::parse(&text) {
        assert_eq!(RoomName::parse(name.as_str()).as_ref(), Ok(&name));
        assert!(can_be_read(name.as_str()));
    }
    if let Ok(name) = Username::parse(&text) {
        assert_eq!(Username::parse(name.as_str()).as_ref(), Ok(&name));
        assert!(can_be_read(name.as_str()));
    }
    if let Ok(name) = PersonName::parse_required(&text) {
        assert_eq!(PersonName::parse(name.as_str()).as_ref(), Ok(&name));
        assert!(can_be_read(name.as_str()));
    }
    if let Ok(topic) = Topic::parse(&text) {
        assert!(topic.as_str().is_empty() || topic.as_str().chars().any(is_visible));
    }
    drop(fold(&text));
    if is_local(&text) {
        assert!(text.starts_with('/') && !text.starts_with("//"));
    }
}

/// Whether something of a name can be seen by itself.
fn can_be_read(name: &str) -> bool {
    name.chars().any(|c| is_visible(c) && !is_mark(c))
}

/// The headers in which something is looked for.
pub fn headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let mut request = poem::Request::default();
    let headers = request.headers_mut();
    headers.insert(header::COOKIE, value.clone());
    headers.insert("x-forwarded-for", value);
    let everybody = ["0.0.0.0/0", "::/0"].map(|net| net.parse().expect("a network"));
    let _ = client_address(&request, &everybody);
    let peer = client_address(&request, &[]);
    assert!(peer.is_unspecified(), "who is not trusted is believed: {peer}");
    let _ = theme(request.headers());
    let name = "__Host-umbra_session";
    if cookie(request.headers(), name).is_some() {
        let named = |part: &[u8]| part.starts_with(name.as_bytes());
        assert!(bytes.split(|byte| *byte == b';').any(|part| named(part.trim_ascii())));
    }
}

/// What other nodes say over Redis.
pub fn events(bytes: &[u8]) {
    if let Ok(events) = serde_json::from_slice::<Vec<Event>>(bytes) {
        let text = serde_json::to_vec(&events).expect("events can be written");
        assert_eq!(serde_json::from_slice::<Vec<Event>>(&text).ok(), Some(events));
    }
}

/// A sealed body, as a database may hold it that somebody else has written.
pub fn token(bytes: &[u8]) {
    let key = |byte| DataKey::from_bytes(&[byte; 32]).expect("32 bytes");
    let cipher = MessageCipher::derive(&key(1), &key(2));
    let opened = cipher.open(MessageId::new(), 1, &String::from_utf8_lossy(bytes));
    assert!(opened.is_err(), "nobody else knows the keys");
}

/// Every setting with this value.
pub fn settings(bytes: &[u8]) {
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }
    let value = OsString::from_vec(bytes.to_vec());
    for name in [
        "listen",
        "public-url",
        "trusted-proxies",
        "database-url",
        "redis-url",
        "umbra-keys",
        "session-secret",
        "message-rate",
        "log",
    ] {
        let mut flag = OsString::from(format!("--{name}="));
        flag.push(&value);
        let Ok(cli) = Cli::try_parse_from([OsString::from("umbrachat"), flag]) else {
            continue;
        };
        drop(cli.options.log_filter());
        if let Err(wrong) = Config::check(&cli.options) {
            assert!(!wrong.to_string().contains('\n'), "one line");
        }
    }
}
