//! Answers to forms that htmx sends: what changed on the page, and a short notice. Everybody else is led to a page.

use std::future::Future;

use maud::Markup;
use poem::http::HeaderValue;
use poem::{IntoResponse, Request, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Ctx, see_other};
use crate::Result;

/// After a change: for htmx the fragment that shows it, with a notice; for everybody else the page at `path`.
pub async fn changed(
    ctx: &Ctx,
    path: &str,
    notice: &str,
    fragment: impl Future<Output = Result<Markup>>,
) -> Result<Response> {
    if !ctx.htmx {
        return Ok(see_other(path));
    }
    Ok(with_event(fragment.await?, "toast", notice))
}

/// A fragment that makes the page dispatch an event with this value. The value is ASCII, as a header must be.
pub fn with_event(fragment: Markup, event: &str, value: &str) -> Response {
    let mut response = fragment.into_response();
    if let Ok(trigger) = HeaderValue::try_from(json!({ event: value }).to_string()) {
        response.headers_mut().insert("HX-Trigger", trigger);
    }
    response
}

/// Leads to another page, with htmx too.
pub fn lead_to(ctx: &Ctx, path: &str) -> Response {
    if !ctx.htmx {
        return see_other(path);
    }
    Response::builder().header("HX-Redirect", path).finish()
}

/// The query of the page that htmx asks from; the default when there is none that fits.
pub fn query_of_page<T: DeserializeOwned + Default>(request: &Request) -> T {
    let page = request
        .header("hx-current-url")
        .and_then(|url| url::Url::parse(url).ok());
    page.and_then(|url| serde_urlencoded::from_str(url.query().unwrap_or_default()).ok())
        .unwrap_or_default()
}
