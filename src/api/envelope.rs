//! Answers in an envelope, for clients that expect one.

use poem::http::header;
use poem::{Request, Response, Result};

use crate::middleware::Next;

/// What asks for it, in `Accept`.
const PARAMETER: &str = "envelope=data";

/// Wraps an answer in JSON as `{"data": …}` where `Accept: application/json; envelope=data` asks for it. Problems stay bare.
pub async fn wrap_in_envelope(next: Next, request: Box<Request>) -> Result<Response> {
    let accept = request.header(header::ACCEPT).unwrap_or_default().to_ascii_lowercase();
    let is_asked_for = accept
        .split(',')
        .any(|range| range.split(';').skip(1).any(|parameter| parameter.trim() == PARAMETER));
    let mut response = next.call(request).await?;
    let is_json = response.content_type() == Some("application/json");
    if is_asked_for && is_json && response.status().is_success() {
        let body = response.take_body().into_bytes().await?;
        response.set_body([b"{\"data\":", body.as_ref(), b"}"].concat());
    }
    Ok(response)
}
