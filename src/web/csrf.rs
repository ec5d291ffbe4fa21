//! Requests that change something must come from one of our own pages: their `Origin` is ours, and they carry
//! the token that only our pages know.
//!
//! A visitor's browser holds a random value, signed by us, in a cookie; the token is an HMAC over that value and
//! the session cookie. So nothing is stored for visitors, and a token of one login is worthless in another: somebody
//! who can plant cookies (a neighbouring subdomain) cannot make one for a login whose cookie they do not know. For a
//! visitor, who has no session, they can plant a pair that they got as a visitor themselves; then `Origin` alone
//! refuses their forms. Under https the cookie's `__Host-` prefix keeps them from planting one at all.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use poem::http::{HeaderMap, header};
use poem::{Request, Response, Result};

use crate::middleware::Next;
use crate::web::Ctx;
use crate::web::errors::asks_for_page;
use crate::web::form_data::parts;
use crate::web::headers::RequestId;
use crate::web::limits::changes_something;
use crate::web::session::{cookie, cookie_name, random_bytes, session_cookie, set_cookie, theme};
use crate::web::signature::{self, is_same};
use crate::web::typed_form::TypedForm;
use crate::{App, Error};

/// Why a request is refused whose token does not fit its reader: since the page was made they logged in or out.
pub const OUT_OF_DATE: &str = "This page is out of date. Load it again.";
const FOREIGN: &str = "This request does not come from a page of this server. If you opened the server under \
    another address than it knows, set PUBLIC_URL to that address and start it again.";

/// Makes the [`Ctx`] of the request, and gives a visitor who gets a page the cookie that its token belongs to.
pub async fn provide_context(next: Next, mut request: Box<Request>) -> Result<Response> {
    let app = app(&request)?;
    let headers = request.headers();
    let name = cookie_name(&app, "umbra_csrf");
    let known = cookie(headers, &name).filter(|value| is_signed(app.vault.cookie_key(), value));
    let is_new = known.is_none();
    let value = match known {
        Some(value) => value,
        None => sign(app.vault.cookie_key(), &random_bytes::<16>()?),
    };
    let session = cookie(headers, &session_cookie(&app)).unwrap_or_default();
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let ctx = Ctx {
        csrf_token: token(app.vault.cookie_key(), &value, &session),
        theme: theme(headers),
        request_id: request.data().map(RequestId::to_string).unwrap_or_default(),
        path: request.uri().path().to_owned(),
        htmx: is("hx-request", "true") && !is("hx-request-type", "full"),
        typed: Arc::default(),
    };
    request.set_data(ctx);

    let mut response = next.call(request).await?;
    if is_new
        && response
            .content_type()
            .is_some_and(|kind| kind.starts_with("text/html"))
    {
        set_cookie(&mut response, &app.config, &name, &value, None);
    }
    Ok(response)
}

/// Refuses what changes something and comes from another site. Of a form of ours, whose body has been read, it keeps what
/// was typed, in case something further inside refuses it.
pub async fn check_origin(next: Next, mut request: Box<Request>) -> Result<Response> {
    if changes_something(request.method()) {
        refuse_foreign(&request)?;
        let body = request.take_body().into_bytes().await?;
        let ctx = request.data::<Ctx>().filter(|ctx| asks_for_page(ctx, &request));
        if let Some(ctx) = ctx
            && says_where_from(request.headers())
            && let Some(form) = TypedForm::of(&request, &body)
        {
            ctx.typed.set(form).ok();
        }
        request.set_body(body);
    }
    next.call(request).await
}

/// Refuses what changes something without our token. It stands in a header or in a field of the form, whose body has been
/// read.
pub async fn check_token(next: Next, mut request: Box<Request>) -> Result<Response> {
    if changes_something(request.method()) {
        let body = request.take_body().into_bytes().await?;
        let mut token = token_in_header(&request).or_else(|| token_in_form(&request, &body));
        if token.is_none() {
            token = token_in_first_part(&request, &body).await;
        }
        compare(&request, token)?;
        request.set_body(body);
    }
    next.call(request).await
}

/// Both where bodies are not read before they are used: the token stands in the header.
pub async fn check_token_in_header(next: Next, request: Box<Request>) -> Result<Response> {
    if changes_something(request.method()) {
        refuse_foreign(&request)?;
        compare(&request, token_in_header(&request))?;
    }
    next.call(request).await
}

/// The same where bodies are not read before they are used, and the token may stand in the first part of a form with files:
/// where it is not in the header, whoever reads the form asks [`is_token`] before anything else.
pub async fn check_origin_and_header(next: Next, mut request: Box<Request>) -> Result<Response> {
    refuse_foreign(&request)?;
    if let Some(token) = token_in_header(&request) {
        compare(&request, Some(token))?;
        request.set_data(TokenChecked);
    }
    next.call(request).await
}

/// Says that the token in the header of the request is ours.
#[derive(Debug, Clone, Copy)]
pub struct TokenChecked;

/// Whether this is the token that our pages of this reader carry.
pub fn is_token(ctx: &Ctx, token: &str) -> bool {
    !ctx.csrf_token.is_empty() && is_same(token, &ctx.csrf_token)
}

fn refuse_foreign(request: &Request) -> Result<(), Error> {
    if is_own_origin(request.headers(), &app(request)?.origins) {
        Ok(())
    } else {
        Err(Error::Forbidden(FOREIGN))
    }
}

/// Compares the token that came with the one that our pages of this reader carry.
fn compare(request: &Request, token: Option<String>) -> Result<(), Error> {
    let ctx = request.data::<Ctx>();
    if ctx.zip(token).is_some_and(|(ctx, token)| is_token(ctx, &token)) {
        Ok(())
    } else {
        Err(Error::Forbidden(OUT_OF_DATE))
    }
}

fn token_in_header(request: &Request) -> Option<String> {
    request.header("x-csrf-token").map(str::to_owned)
}

/// Whether the request comes from a page of ours: by `Origin`, or, where a browser sends none, by
/// `Sec-Fetch-Site`. A request with neither is no browser's; it still needs the token.
fn is_own_origin(headers: &HeaderMap, origins: &[String]) -> bool {
    match (headers.get(header::ORIGIN), headers.get("sec-fetch-site")) {
        (Some(origin), _) => origins.iter().any(|own| origin == own.as_str()),
        (None, Some(site)) => site == "same-origin" || site == "none",
        (None, None) => true,
    }
}

/// Whether a request that is not foreign says so itself. One that says nothing could still be another site's, sent by a
/// browser of long ago.
fn says_where_from(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

/// The token in the hidden field of a form.
fn token_in_form(request: &Request, body: &[u8]) -> Option<String> {
    let is_form = request
        .content_type()
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let fields = is_form.then(|| url::form_urlencoded::parse(body))?;
    fields
        .into_iter()
        .find_map(|(name, value)| (name == "csrf_token").then(|| value.into_owned()))
}

/// The token in the first part of a form with a file.
async fn token_in_first_part(request: &Request, body: &Bytes) -> Option<String> {
    let mut parts = parts(request, body.clone())?;
    let first = parts.next_field().await.ok()??;
    if first.name() != Some("csrf_token") {
        return None;
    }
    first.text().await.ok()
}

/// The cookie's value: random bytes and our signature on them.
fn sign(key: &[u8; 32], random: &[u8]) -> String {
    let random = URL_SAFE_NO_PAD.encode(random);
    let signature = signature::sign(key, "cookie", &[&random]);
    format!("{random}.{signature}")
}

fn is_signed(key: &[u8; 32], value: &str) -> bool {
    value
        .split_once('.')
        .is_some_and(|(random, signature)| is_same(&signature::sign(key, "cookie", &[random]), signature))
}

fn token(key: &[u8; 32], cookie: &str, session: &str) -> String {
    signature::sign(key, "token", &[cookie, session])
}

fn app(request: &Request) -> Result<App, Error> {
    request
        .data::<App>()
        .cloned()
        .ok_or_else(|| Error::internal("the app is missing from the request"))
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn only_our_own_cookies_count() {
        let value = sign(&KEY, &[1; 16]);
        assert!(is_signed(&KEY, &value));
        assert!(!is_signed(&[8; 32], &value));
        assert!(!is_signed(&KEY, "planted"));
        assert!(!is_signed(&KEY, &value.replacen('A', "B", 1)));
    }

    #[test]
    fn a_token_belongs_to_one_cookie_and_one_login() {
        let cookie = sign(&KEY, &[1; 16]);
        let own = token(&KEY, &cookie, "session");
        assert_eq!(own, token(&KEY, &cookie, "session"));
        assert_ne!(own, token(&KEY, &cookie, ""));
        assert_ne!(own, token(&KEY, &sign(&KEY, &[2; 16]), "session"));
    }

    #[test]
    fn origins_are_compared_exactly() {
        let own = ["http://localhost:8000".to_owned()];
        let ask = |origin: Option<&'static str>, site: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            origin.map(|value| headers.insert(header::ORIGIN, HeaderValue::from_static(value)));
            site.map(|value| headers.insert("sec-fetch-site", HeaderValue::from_static(value)));
            is_own_origin(&headers, &own)
        };
        assert!(ask(Some("http://localhost:8000"), None));
        for origin in [
            "null",
            "https://localhost:8000",
            "http://localhost:80000",
            "http://evil.example",
            "",
        ] {
            assert!(!ask(Some(origin), Some("same-origin")), "{origin}");
        }
        assert!(ask(None, None) && ask(None, Some("none")) && ask(None, Some("same-origin")));
        assert!(!ask(None, Some("same-site")) && !ask(None, Some("cross-site")));
    }
}
