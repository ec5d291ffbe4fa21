//! The outermost layer: a request id for the log and the error pages, and the headers that tell a browser what
//! our pages may do, on every answer, error pages too.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use crate::App;
use crate::web::normalise::loggable;
use crate::web::session::random_bytes;

/// Nothing inline, nothing from another host: text of a user that slipped through as markup could still do nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; media-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; manifest-src 'self'; worker-src 'self'; object-src 'none'";

const PERMISSIONS_POLICY: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Sent with every answer that does not set the header itself. Pages are not stored, because they hold a person's
/// messages and tokens; the built assets say otherwise for themselves. The referrer stays on this site (not
/// `no-referrer`, which would make browsers send `Origin: null` with our own forms).
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// A year, for browsers that have seen the site over TLS once.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=31536000";

/// Names a request in the log, on error pages and in the `X-Request-Id` header.
#[derive(Debug, Clone, Default)]
pub struct RequestId(pub String);

/// Names the request, logs its end (never a token, nor the query, which may hold a code) and adds the headers.
pub async fn add_security_headers<E: Endpoint>(inner: Arc<E>, mut request: Request) -> Result<Response> {
    let id = u64::from_be_bytes(random_bytes()?);
    let id = format!("{id:016x}");
    let https = request.data::<App>().is_some_and(|app| app.config.is_https());
    let (method, path, start) = (
        request.method().clone(),
        request.uri().path().to_owned(),
        Instant::now(),
    );
    request.set_data(RequestId(id.clone()));

    // The layer of errors stands inside and turns each into an answer; what still fails has no page to show.
    let mut response = inner
        .call(request)
        .await
        .map_or_else(poem::Error::into_response, IntoResponse::into_response);

    let path = loggable(&path);
    tracing::debug!(request = id, %method, path, status = response.status().as_u16(), took = ?start.elapsed(), "answered");
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(STRICT_TRANSPORT_SECURITY),
        );
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", value);
    }
    Ok(response)
}
