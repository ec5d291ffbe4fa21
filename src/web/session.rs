//! Sessions and cookies. A session is the library's (`tower-sessions`): its cookie carries a random id and nothing else,
//! its record says which log-in it stands for and is written once. Whose that log-in is, and whether it still lives, is
//! `accounts`' business. Every cookie of ours has the same attributes.

use std::time::Duration;

use poem::Response;
use poem::http::{HeaderMap, HeaderValue, header};
use poem::web::cookie::{Cookie, SameSite};
use rand::TryRngCore;
use rand::rngs::OsRng;
use time::OffsetDateTime;
use tower_sessions::session::Id;
use tower_sessions::{Expiry, Session};
use uuid::Uuid;

use crate::config::Config;
use crate::ids::SessionId;
use crate::web::Theme;
use crate::{App, Error, Result};

/// How long a browser keeps the cookie of somebody who stays logged in on this device.
pub const STAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a browser keeps the chosen theme.
const THEME_KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long a browser is known for the accounts it has logged in to.
pub const DEVICE_KEPT: Duration = THEME_KEPT;

/// No session lasts longer, however often it is used.
const LONGEST: time::Duration = time::Duration::days(365);

const THEME_COOKIE: &str = "umbra_theme";

/// What a session's record holds: the id of a log-in.
const LOGIN: &str = "login";

/// How long a log-in lasts while it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the browser is closed.
    Browser,
    /// [`STAY`] after its last use.
    Device,
    /// The same, of a program: it has no cookie.
    Program,
}

/// The session that the request's cookie names, if there is one. Asks no database before somebody asks the session.
pub fn session_of(headers: &HeaderMap, app: &App) -> Option<Session> {
    let id: Id = cookie(headers, &session_cookie(app))?.parse().ok()?;
    Some(Session::new(Some(id), app.session_store.clone(), None))
}

/// The log-in that a session stands for.
pub async fn login_of(session: &Session) -> Result<Option<SessionId>> {
    let login: Option<Uuid> = session.get(LOGIN).await.map_err(unavailable)?;
    Ok(login.map(SessionId))
}

/// Opens a session of its own for a log-in, never the one that the browser brought: nothing that was planted there
/// survives a log-in. Returns what its cookie carries. While that log-in is not stored, the session is worth nothing.
pub async fn open(app: &App, login: SessionId) -> Result<Id> {
    let expiry = Expiry::AtDateTime(OffsetDateTime::now_utc() + LONGEST);
    let session = Session::new(None, app.session_store.clone(), Some(expiry));
    session.insert(LOGIN, login.0).await.map_err(unavailable)?;
    session.save().await.map_err(unavailable)?;
    session
        .id()
        .ok_or_else(|| Error::internal("a stored session has no id"))
}

fn unavailable(error: tower_sessions::session::Error) -> Error {
    match error {
        tower_sessions::session::Error::Store(error) => Error::Unavailable(error.to_string()),
        tower_sessions::session::Error::SerdeJson(error) => Error::internal(error),
    }
}

/// The session cookie's name.
pub fn session_cookie(app: &App) -> String {
    cookie_name(app, "umbra_session")
}

/// The name of a cookie that is this chat's alone: with the prefix that pins it to this host where the site is served
/// over TLS. Elsewhere with the chat's id, because browsers tell cookies apart by their host and not by its port.
pub fn cookie_name(app: &App, name: &str) -> String {
    if app.config.is_https() {
        format!("__Host-{name}")
    } else {
        format!("{name}_{}", app.vault.chat())
    }
}

/// Gives the browser the session cookie.
pub fn set_session(response: &mut Response, app: &App, id: Id, lifetime: Lifetime) {
    let kept = (lifetime == Lifetime::Device).then_some(STAY);
    set_cookie(response, &app.config, &session_cookie(app), &id.to_string(), kept);
}

/// Takes the session cookie from the browser.
pub fn clear_session(response: &mut Response, app: &App) {
    set_cookie(response, &app.config, &session_cookie(app), "", Some(Duration::ZERO));
}

/// The theme that the reader's browser was given.
pub fn theme(headers: &HeaderMap) -> Theme {
    cookie(headers, THEME_COOKIE)
        .map(|name| Theme::parse(&name))
        .unwrap_or_default()
}

/// Gives the browser its theme.
pub fn set_theme(response: &mut Response, config: &Config, theme: Theme) {
    set_cookie(response, config, THEME_COOKIE, theme.as_str(), Some(THEME_KEPT));
}

/// The value of a cookie of the request. Each pair is read by itself: one that cannot be read, which a neighbouring site
/// may have planted, hides no other. A name counts byte for byte: only spaces in ASCII around a pair are dropped, because
/// a browser pins `__Host-` names to their host and does not take a name for one that begins with another kind of space.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter();
    let mut pairs = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    })
}

/// Adds a cookie that scripts cannot read and other sites cannot send; without `kept` it ends with the browser. `Secure`
/// follows the configuration, never the request.
pub fn set_cookie(response: &mut Response, config: &Config, name: &str, value: &str, kept: Option<Duration>) {
    let mut cookie = Cookie::new_with_str(name, value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    if config.is_https() {
        cookie.set_secure(true);
    }
    if let Some(kept) = kept {
        cookie.set_max_age(kept);
    }
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Random bytes from the operating system's generator.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static [u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::COOKIE, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[b"a=1; xumbra_theme=no; umbra_theme=dawn", b"b=2"]);
        assert_eq!(theme(&headers), Theme::Dawn);
        assert_eq!(cookie(&headers, "b").as_deref(), Some("2"));
        assert_eq!(cookie(&headers, "c"), None);
    }

    #[test]
    fn a_cookie_that_cannot_be_read_hides_no_other() {
        for foreign in [
            &b"x=\xff\xfe; umbra_theme=dawn"[..],
            b"nonsense; =; umbra_theme=dawn",
            b"umbra_theme=dawn; \xc3\x28=1",
        ] {
            assert_eq!(theme(&headers(&[foreign])), Theme::Dawn, "{foreign:?}");
        }
    }

    #[test]
    fn a_cookie_of_another_name_does_not_stand_in_for_the_pinned_one() {
        let headers = headers(&[b"umbra_session=planted; __Host-umbra_session=mine; __host-umbra_session=planted"]);
        assert_eq!(cookie(&headers, "__Host-umbra_session").as_deref(), Some("mine"));
    }

    /// For a browser these are not `__Host-` cookies: it takes them from neighbouring sites, and sends them first.
    #[test]
    fn a_name_with_another_kind_of_space_does_not_stand_in_for_the_pinned_one() {
        for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}", "\u{2000} "] {
            let planted = [
                format!("{space}__Host-umbra_session=planted; __Host-umbra_session=mine"),
                format!("__Host-umbra_session{space}=planted; __Host-umbra_session=mine"),
            ];
            for pairs in planted {
                let mut headers = HeaderMap::new();
                headers.append(header::COOKIE, HeaderValue::from_bytes(pairs.as_bytes()).unwrap());
                assert_eq!(
                    cookie(&headers, "__Host-umbra_session").as_deref(),
                    Some("mine"),
                    "{pairs:?}"
                );
            }
        }
    }
}
