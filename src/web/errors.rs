//! One place turns every error and panic into what was asked for: a page, a fragment for htmx, or JSON. What went
//! wrong inside stays in the log, with the request's id. How it looks stands in `error_page`.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use maud::Markup;
use poem::error::ParsePathError;
use poem::http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::{Body, IntoResponse, Request, Response, Result};
use serde_json::json;

use crate::Error;
use crate::error::FieldErrors;
use crate::middleware::Next;
use crate::web::error_page::{error_fragment, error_page, refused_form, standard_sentence};
use crate::web::headers::RequestId;
use crate::web::normalise::{is_local, loggable};
use crate::web::problem::Problem;
use crate::web::{Ctx, Viewer};

/// How long to wait before trying again while the database is away.
const UNAVAILABLE: Duration = Duration::from_secs(5);

/// What a program reads whose token is not good.
const BAD_TOKEN: &str =
    "This token is not good, or is over. Get a new one with a refresh token that is good, or log in.";

/// What a program reads whose encrypted body was refused, whatever the reason.
const UNDECRYPTABLE: &str = "This body is undecryptable: seal a new one with one of your keys, named by Umbra-Key.";

/// What a program reads before there is an account.
const NOT_SET_UP: &str = "This server is not set up yet: somebody has to do that in a browser.";

/// Where the log-in is: the one address of a feature that errors lead to.
const LOG_IN: &str = "/accounts/login";

/// What an error says to its reader.
struct Answer {
    status: StatusCode,
    /// What programs know it by.
    code: &'static str,
    /// Its own words; without, the standard ones of its status.
    sentence: Option<String>,
    retry_after: Option<Duration>,
}

/// What the request asked for.
enum Wanted {
    Page,
    Fragment,
    Json,
}

/// Turns errors and panics of what stands inside into answers: a page, a fragment or JSON, by what was asked for.
pub async fn answer_errors(next: Next, request: Box<Request>) -> Result<Response> {
    let ctx = request.data::<Ctx>().cloned().unwrap_or_default();
    let wanted = wanted(&ctx, &request);
    let back = way_back(&ctx, &request);
    let error = match outcome(next, request).await {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    let answer = answer(&error);
    log_fault(&error, &answer, &ctx.request_id, &ctx.path);
    if matches!(error.downcast_ref::<Error>(), Some(Error::Unauthenticated))
        && let Some(response) = to_log_in(&wanted, &back)
    {
        return Ok(response);
    }
    Ok(respond(&ctx, &wanted, &answer, &back, error.data()))
}

/// Turns errors and panics of what stands inside into problems in JSON, for programs.
pub async fn answer_errors_as_problems(next: Next, request: Box<Request>) -> Result<Response> {
    let about = About::of(&request);
    match outcome(next, request).await {
        Ok(response) => Ok(response),
        Err(error) => Ok(problem(&error, &about)),
    }
}

/// The request that a problem is about.
pub struct About {
    id: Option<RequestId>,
    uri: Uri,
}

impl About {
    /// That request.
    pub fn of(request: &Request) -> Self {
        Self {
            id: request.data().copied(),
            uri: request.uri().clone(),
        }
    }

    /// Its path.
    pub fn path(&self) -> &str {
        self.uri.path()
    }
}

/// The problem that an error is.
pub fn problem(error: &poem::Error, about: &About) -> Response {
    let answer = answer(error);
    let id = about.id.map(|id| id.to_string()).unwrap_or_default();
    log_fault(error, &answer, &id, about.path());
    let title = answer.status.canonical_reason().unwrap_or("Error");
    let fields = match error.downcast_ref::<Error>() {
        Some(Error::Invalid(fields)) => fields
            .iter()
            .map(|(field, sentence)| (field.to_owned(), vec![sentence.to_owned()]))
            .collect(),
        _ => BTreeMap::new(),
    };
    let kind = match error.downcast_ref::<Error>() {
        Some(Error::Undecryptable) => "urn:umbrachat:undecryptable",
        _ => "about:blank",
    };
    let problem = Problem {
        r#type: kind,
        title,
        status: answer.status.as_u16(),
        error: title,
        detail: answer
            .sentence
            .unwrap_or_else(|| standard_sentence(answer.status).to_owned()),
        errors: fields,
        request: id,
    };
    let mut response = Response::builder()
        .status(answer.status)
        .content_type("application/problem+json")
        .body(json!(problem).to_string());
    if let Some(wait) = answer.retry_after {
        set_retry_after(&mut response, wait);
    }
    // RFC 6750, section 3: how to get in, and whether the token was the reason.
    if answer.status == StatusCode::UNAUTHORIZED {
        let challenge = match error.downcast_ref::<Error>() {
            Some(Error::BadToken) => r#"Bearer error="invalid_token""#,
            _ => "Bearer",
        };
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What the endpoint answers; a panic is an error, too.
async fn outcome(next: Next, request: Box<Request>) -> Result<Response> {
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(output)) => Ok(output.into_response()),
        Ok(Err(error)) if error.is_from_response() => Ok(error.into_response()),
        Ok(Err(error)) => Err(error),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(Error::internal(format!("panic: {}", text.unwrap_or_default())).into())
        }
    }
}

fn log_fault(error: &poem::Error, answer: &Answer, request: &str, path: &str) {
    if answer.status.is_server_error() {
        let (chain, status) = (chain(error), answer.status.as_u16());
        let path = loggable(path);
        tracing::error!(request, path, status, "{chain}");
    }
}

/// `back` is where to try it again; empty when there is no such page. Who reads it is known of some errors.
fn respond(ctx: &Ctx, wanted: &Wanted, answer: &Answer, back: &str, reader: Option<&Viewer>) -> Response {
    let sentence = answer.sentence.as_deref();
    let mut response = match wanted {
        Wanted::Page => match ctx.typed.get() {
            Some(form) => refused_form(ctx, answer.status, sentence, form, reader).into_response(),
            None => error_page(ctx, answer.status, sentence, back).into_response(),
        },
        Wanted::Fragment => error_fragment(ctx, answer.status, sentence).into_response(),
        Wanted::Json => {
            let message = sentence.or(answer.status.canonical_reason());
            let retry_after = answer.retry_after.map(|wait| wait.as_secs_f64());
            let error = json!({"code": answer.code, "message": message, "retry_after": retry_after});
            Response::builder()
                .content_type("application/json")
                .body(Body::from_string(
                    json!({"error": error, "request": ctx.request_id}).to_string(),
                ))
        }
    };
    response.set_status(answer.status);
    if let Some(wait) = answer.retry_after {
        set_retry_after(&mut response, wait);
    }
    response
}

/// Says in whole seconds when to try again.
pub fn set_retry_after(response: &mut Response, wait: Duration) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}

/// The sentence about how long to wait.
pub fn too_many(wait: Duration) -> String {
    match wait.as_secs() + 1 {
        1 => "That was too often. Try again in a second.".into(),
        seconds @ 2..=60 => format!("That was too often. Try again in {seconds} seconds."),
        seconds => format!("That was too often. Try again in {} minutes.", seconds.div_ceil(60)),
    }
}

/// Draws a form again with what is wrong, where that can be said beside it; other errors stay errors.
pub fn redraw(error: Error, form: impl FnOnce(&FieldErrors) -> Markup) -> Result<Response, Error> {
    match error {
        Error::Invalid(errors) => Ok(form(&errors)
            .with_status(StatusCode::UNPROCESSABLE_ENTITY)
            .into_response()),
        Error::TooMany { retry_after } => {
            let errors = FieldErrors::one("form", too_many(retry_after));
            let mut response = form(&errors).with_status(StatusCode::TOO_MANY_REQUESTS).into_response();
            set_retry_after(&mut response, retry_after);
            Ok(response)
        }
        error => Err(error),
    }
}

/// Leads to the log-in and from there back; a program is told instead.
fn to_log_in(wanted: &Wanted, back: &str) -> Option<Response> {
    let location = with_next(LOG_IN, back);
    match wanted {
        Wanted::Page => Some(
            Response::builder()
                .status(StatusCode::SEE_OTHER)
                .header(header::LOCATION, location)
                .finish(),
        ),
        Wanted::Fragment => Some(
            Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .header("HX-Redirect", location)
                .finish(),
        ),
        Wanted::Json => None,
    }
}

/// The address of a page that leads on to `next` afterwards; empty when it leads nowhere.
pub fn with_next(page: &str, next: &str) -> String {
    if next.is_empty() {
        return page.to_owned();
    }
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{page}?next={next}")
}

/// The page to return to after logging in: the one asked for, or for a fragment the one it is part of.
pub fn way_back(ctx: &Ctx, request: &Request) -> String {
    let target = if ctx.htmx {
        let current = request
            .header("hx-current-url")
            .and_then(|url| url::Url::parse(url).ok());
        current.map(|url| url.path().to_owned())
    } else if *request.method() == Method::GET {
        request.uri().path_and_query().map(ToString::to_string)
    } else {
        None
    };
    target.filter(|target| is_local(target)).unwrap_or_default()
}

/// The page of ours that a form without script was sent from.
pub fn page_before(request: &Request) -> Option<String> {
    let before = url::Url::parse(request.header(header::REFERER)?).ok()?;
    let path = match before.query() {
        Some(query) => format!("{}?{query}", before.path()),
        None => before.path().to_owned(),
    };
    is_local(&path).then_some(path)
}

/// Whether it is a page that the request asks for.
pub(super) fn asks_for_page(ctx: &Ctx, request: &Request) -> bool {
    matches!(wanted(ctx, request), Wanted::Page)
}

fn wanted(ctx: &Ctx, request: &Request) -> Wanted {
    let accept = request.header(header::ACCEPT).unwrap_or("");
    if ctx.htmx {
        Wanted::Fragment
    } else if accept.contains("application/json") && !accept.contains("text/html") {
        Wanted::Json
    } else {
        Wanted::Page
    }
}

/// What an error says. Poem's own errors (no such route, a body that is no form) are told by their status; a path
/// that is no text once it is decoded (`/chat/room/%ff`) names nothing that exists.
fn answer(error: &poem::Error) -> Answer {
    let status = if error.is::<ParsePathError>() {
        StatusCode::NOT_FOUND
    } else {
        error.status()
    };
    let (code, sentence, retry_after) = match error.downcast_ref::<Error>() {
        Some(Error::Unauthenticated) => ("unauthenticated", None, None),
        Some(Error::BadToken) => ("invalid_token", Some(BAD_TOKEN.to_owned()), None),
        Some(Error::Malformed(sentence)) => ("malformed", Some(sentence.clone()), None),
        Some(Error::Undecryptable) => ("undecryptable", Some(UNDECRYPTABLE.to_owned()), None),
        Some(Error::UnsupportedType(sentence)) => ("unsupported_type", Some((*sentence).to_owned()), None),
        Some(Error::Forbidden(sentence)) => ("forbidden", Some((*sentence).to_owned()), None),
        Some(Error::NotFound) => ("not_found", None, None),
        Some(Error::Invalid(fields)) => ("invalid", Some(fields.summary()), None),
        Some(Error::TooLarge(sentence)) => ("too_large", Some(sentence.clone()), None),
        Some(Error::Conflict(sentence)) => ("conflict", Some(sentence.clone()), None),
        Some(Error::TooMany { retry_after }) => ("too_many", Some(too_many(*retry_after)), Some(*retry_after)),
        Some(Error::Unavailable(_)) => ("unavailable", None, Some(UNAVAILABLE)),
        Some(Error::NotSetUp) => ("not_set_up", Some(NOT_SET_UP.to_owned()), Some(UNAVAILABLE)),
        Some(Error::Internal(_)) => ("internal", None, None),
        None => match status {
            StatusCode::NOT_FOUND => ("not_found", None, None),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", None, None),
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", None, None),
            status if status.is_client_error() => ("bad_request", None, None),
            _ => ("internal", None, None),
        },
    };
    Answer {
        status,
        code,
        sentence,
        retry_after,
    }
}

/// The error and what caused it, in one line.
fn chain(error: &poem::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error).and_then(std::error::Error::source);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_said_in_words() {
        assert_eq!(
            too_many(Duration::from_millis(300)),
            "That was too often. Try again in a second."
        );
        assert_eq!(
            too_many(Duration::from_millis(2_900)),
            "That was too often. Try again in 3 seconds."
        );
        assert_eq!(
            too_many(Duration::from_secs(90)),
            "That was too often. Try again in 2 minutes."
        );
    }

    #[test]
    fn only_a_page_of_ours_is_tried_again() {
        let ask = |method: Method, uri: &'static str| {
            let request = Request::builder().method(method).uri(uri.parse().unwrap()).finish();
            let back = way_back(&Ctx::default(), &request);
            error_page(&Ctx::default(), StatusCode::SERVICE_UNAVAILABLE, None, &back).into_string()
        };
        assert!(ask(Method::GET, "/chat/room/a?before=7").contains(r#"href="/chat/room/a?before=7""#));
        for page in [
            ask(Method::POST, "/chat/room/a/join"),
            ask(Method::GET, "//evil.example/x"),
        ] {
            assert!(!page.contains("Try again</a>") && !page.contains("evil") && !page.contains("/join"));
        }
    }

    #[test]
    fn the_detail_of_a_fault_is_not_told() {
        let answer = answer(&Error::internal("secret detail").into());
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.sentence, None);
    }
}
