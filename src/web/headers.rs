//! The outermost layer: a request id for the log and the error pages, and the headers that tell a browser what
//! our pages may do, on every answer, error pages too.

use std::fmt;
use std::time::Instant;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Request, Response, Result};

use crate::App;
use crate::middleware::Next;
use crate::web::normalise::loggable;

/// Nothing inline, nothing from another host: text of a user that slipped through as markup could still do nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; media-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; manifest-src 'self'; worker-src 'self'; object-src 'none'";

const PERMISSIONS_POLICY: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Sent with every answer that does not set the header itself. Pages are not stored, because they hold a person's
/// messages and tokens; the built assets say otherwise for themselves. The referrer stays on this site (not
/// `no-referrer`, which would make browsers send `Origin: null` with our own forms).
static HEADERS: [(HeaderName, HeaderValue); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(PERMISSIONS_POLICY),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A year, for browsers that have seen the site over TLS once.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=31536000";

/// Names a request in the log, on error pages and in the `X-Request-Id` header.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Names the request, logs its end (never a token, nor the query, which may hold a code) and adds the headers.
pub async fn add_security_headers(next: Next, mut request: Box<Request>) -> Result<Response> {
    let id = RequestId(rand::random());
    let https = request.data::<App>().is_some_and(|app| app.config.is_https());
    let (method, uri, start) = (request.method().clone(), request.uri().clone(), Instant::now());
    request.set_data(id);

    // The layer of errors stands inside and turns each into an answer; what still fails has no page to show.
    let mut response = next.call(request).await.unwrap_or_else(poem::Error::into_response);

    let path = loggable(uri.path());
    tracing::debug!(request = %id, %method, path, status = response.status().as_u16(), took = ?start.elapsed(), "answered");
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len() + 2);
    for (name, value) in &HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if https {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(STRICT_TRANSPORT_SECURITY),
        );
    }
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert("x-request-id", value);
    }
    Ok(response)
}
