//! Cookies: reading them from a request and writing them with the attributes that every one of ours has. The
//! session cookie holds a random token and nothing else; whom it belongs to is `accounts`' business.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::Response;
use poem::http::{HeaderMap, HeaderValue, header};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::web::Theme;
use crate::{Error, Result};

/// How long a browser keeps the cookie of somebody who stays logged in: 30 days, in seconds.
pub const REMEMBER_SECONDS: u32 = 30 * 24 * 60 * 60;

/// How long a browser keeps the chosen theme: a year, in seconds.
const THEME_SECONDS: u32 = 365 * 24 * 60 * 60;

const THEME_COOKIE: &str = "umbra_theme";

/// What finds a session in the database: the SHA-256 of its token. The token itself is stored nowhere.
pub type TokenHash = [u8; 32];

/// 256 random bits that only the session cookie carries.
pub struct Token(String);

impl Token {
    /// A new token from the operating system's generator.
    pub fn generate() -> Result<Self> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?)))
    }

    /// The token in the request's session cookie, if one of the right form is there.
    pub fn of(headers: &HeaderMap, config: &Config) -> Option<Self> {
        let value = cookie(headers, session_cookie(config))?;
        let fits = value.len() == 43 && URL_SAFE_NO_PAD.decode(value).is_ok();
        fits.then(|| Self(value.to_owned()))
    }

    /// What the database knows the token by.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(&self.0).into()
    }
}

/// The session cookie's name: with the prefix that pins it to this host where the site is served over TLS.
pub fn session_cookie(config: &Config) -> &'static str {
    if config.is_https() {
        "__Host-umbra_session"
    } else {
        "umbra_session"
    }
}

/// Gives the browser the session cookie: for 30 days with `remember`, else until it is closed.
pub fn set_session(response: &mut Response, config: &Config, token: &Token, remember: bool) {
    let max_age = remember.then_some(REMEMBER_SECONDS);
    set_cookie(response, config, session_cookie(config), &token.0, max_age);
}

/// Takes the session cookie from the browser.
pub fn clear_session(response: &mut Response, config: &Config) {
    set_cookie(response, config, session_cookie(config), "", Some(0));
}

/// The theme that the reader's browser was given.
pub fn theme(headers: &HeaderMap) -> Theme {
    cookie(headers, THEME_COOKIE).map(Theme::parse).unwrap_or_default()
}

/// Gives the browser its theme for a year.
pub fn set_theme(response: &mut Response, config: &Config, theme: Theme) {
    set_cookie(response, config, THEME_COOKIE, theme.as_str(), Some(THEME_SECONDS));
}

/// The value of a cookie of the request. Our own values need no unquoting or decoding.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Adds a cookie that scripts cannot read and other sites cannot send; without `max_age` (in seconds) it ends
/// with the browser. `Secure` follows the configuration, never the request.
pub fn set_cookie(response: &mut Response, config: &Config, name: &str, value: &str, max_age: Option<u32>) {
    let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    if config.is_https() {
        text.push_str("; Secure");
    }
    if let Some(seconds) = max_age {
        text.push_str("; Max-Age=");
        text.push_str(&seconds.to_string());
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
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

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=1; xumbra_theme=no; umbra_theme=dawn"),
        );
        headers.append(header::COOKIE, HeaderValue::from_static("b=2"));
        assert_eq!(theme(&headers), Theme::Dawn);
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
