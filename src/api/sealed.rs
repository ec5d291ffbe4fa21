//! Bodies that are sealed beside TLS, for programs that reach the server through a proxy which ends TLS and is not to read
//! along. `docs/api-encryption.md` is the format.
//!
//! The key is one of the caller's own, named by `Umbra-Key`, and nothing else is tried. Whatever is wrong with a sealed body is
//! one error, so that nobody learns by trying. It is opened behind the limits, so that keys are looked up no oftener than
//! anything else: what is refused before that is answered as it is, and so is whatever has no body in JSON.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{FromRequest, Request, Response, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::accounts::CurrentUser;
use crate::accounts::api_keys::{self, OpenedApiKey};
use crate::ids::ApiKeyId;
use crate::middleware::Next;
use crate::web::errors::{About, problem};
use crate::{App, Error};

const MEDIA_TYPE: &str = "application/vnd.umbrachat.fernet";
/// Where a token holds its random part, behind version and time.
const IV: std::ops::Range<usize> = 9..25;

/// What the token of a request holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// When it was sealed, in seconds since 1970.
    iat: f64,
    method: String,
    /// Without the query.
    path: String,
    /// As it was written, so that what is wrong with it is told as of any body; None for null.
    body: Option<Box<RawValue>>,
}

/// Opens a sealed body of at most `limit` bytes, and seals the answer where `Accept` asks for that.
pub async fn exchange_sealed(next: Next, request: Box<Request>, limit: usize) -> Result<Response> {
    let is_sealed = request.content_type().is_some_and(is_ours);
    let seals = accepts_ours(&request);
    if is_sealed || seals {
        exchange(next, request, limit, (is_sealed, seals)).boxed().await
    } else {
        next.call(request).await
    }
}

/// The same of a request whose body is sealed, or whose answer is to be.
async fn exchange(
    next: Next,
    mut request: Box<Request>,
    limit: usize,
    (is_sealed, seals): (bool, bool),
) -> Result<Response> {
    let app = App::of(&request)?.clone();
    let about = About::of(&request);
    let key = match find_key(&app, &request).await {
        Ok(key) => key,
        Err(error) => return Ok(problem(&error, &about)),
    };
    let opened = if is_sealed {
        open(&app, &key, &mut request, limit).await
    } else {
        Ok(())
    };
    let response = match opened {
        Ok(()) => next.call(request).await?,
        Err(error) => problem(&error, &about),
    };
    if seals {
        seal(&app, &key, response).await
    } else {
        Ok(response)
    }
}

/// Whether a header names the type of sealed bodies, with parameters or without.
fn is_ours(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(MEDIA_TYPE)
}

/// Whether a sealed answer is asked for: a quality of 0 says that it is not (RFC 9110, section 12.4.2).
fn accepts_ours(request: &Request) -> bool {
    let named = request.headers().get_all(header::ACCEPT).iter();
    let mut named = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    named.any(|kind| {
        let parameters = kind.split(';').skip(1).map(str::trim);
        let quality = parameters.filter_map(|parameter| parameter.strip_prefix("q=")?.parse::<f32>().ok());
        is_ours(kind) && !quality.into_iter().any(|quality| quality <= 0.0)
    })
}

/// The caller's key that the request names. Whoever has no account has none.
async fn find_key(app: &App, request: &Request) -> Result<OpenedApiKey> {
    let user = match CurrentUser::from_request_without_body(request).await {
        Ok(user) => user,
        Err(error) if matches!(error.downcast_ref(), Some(Error::BadToken)) => return Err(error),
        Err(_) => return Err(Error::Undecryptable.into()),
    };
    let named = request.header("umbra-key").and_then(|id| Uuid::parse_str(id).ok());
    let id = named.map(ApiKeyId).ok_or(Error::Undecryptable)?;
    let key = api_keys::open(app, &user, id).await?;
    Ok(key.ok_or(Error::Undecryptable)?)
}

/// Puts what the token holds in place of the body.
async fn open(app: &App, key: &OpenedApiKey, request: &mut Request, limit: usize) -> Result<()> {
    let token = request.take_body().into_bytes_limit(limit).await?;
    let token = std::str::from_utf8(&token).unwrap_or_default().trim();
    let (iv, question) = read(key, token).ok_or(Error::Undecryptable)?;
    let issued_at = time_of(question.iat).ok_or(Error::Undecryptable)?;
    let is_meant = question.method == request.method().as_str() && question.path == request.uri().path();
    if !is_meant || !api_keys::admit(app, key, &iv, issued_at).await? {
        return Err(Error::Undecryptable.into());
    }
    if let Some(body) = question.body {
        request.set_body(Box::<str>::from(body).into_string());
    }
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(())
}

/// The token's random part and what it holds, if it was sealed with that key. One token can be written in several ways, so
/// its text does not tell whether it came before.
fn read(key: &OpenedApiKey, token: &str) -> Option<(Vec<u8>, Question)> {
    let plain = key.cipher.decrypt(token).ok()?;
    let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok()?;
    // The library would take a list, too.
    let is_object = plain.trim_ascii_start().starts_with(b"{");
    let question = is_object.then(|| serde_json::from_slice(&plain).ok())?;
    Some((bytes.get(IV)?.to_vec(), question?))
}

fn time_of(seconds: f64) -> Option<DateTime<Utc>> {
    let since = TimeDelta::from_std(Duration::try_from_secs_f64(seconds).ok()?).ok()?;
    DateTime::UNIX_EPOCH.checked_add_signed(since)
}

/// Seals an answer in JSON, or without a body. One without a body gets one, so that it cannot be made up by the proxy.
async fn seal(app: &App, key: &OpenedApiKey, mut response: Response) -> Result<Response> {
    let status = response.status();
    let is_json = matches!(
        response.content_type(),
        None | Some("application/json" | "application/problem+json")
    );
    if !is_json || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let body = response.take_body().into_bytes().await?;
    let body = if body.is_empty() { b"null".as_slice() } else { &body };
    let now = app.now().timestamp();
    let head = format!(r#"{{"iat":{now},"status":{},"body":"#, status.as_u16());
    let token = key.cipher.encrypt(&[head.as_bytes(), body, b"}"].concat());
    if status == StatusCode::NO_CONTENT {
        response.set_status(StatusCode::OK);
    }
    // It can be read by one alone.
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response.set_body(token);
    Ok(response.set_content_type(MEDIA_TYPE))
}
