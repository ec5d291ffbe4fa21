//! The WebSocket handshake, and taking the connection over from HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use poem::{Request, Response, Upgraded};
use tokio::io::AsyncReadExt;
use tungstenite::handshake::derive_accept_key;

use super::connection::Connection;
use super::tcp::Sockets;

/// Bytes that are taken over from HTTP at most: more than it reads ahead. What came after them waits in the socket.
const MAX_EARLY: usize = 512 << 10;

/// What is wrong when handshakes come without their `Upgrade`, in nginx's words.
const NOT_PASSED: &str = "WebSocket handshakes arrive without `Upgrade`: the proxy in front does not pass it, so pages ask \
    for what is new every few seconds instead. In nginx these lines are missing: proxy_http_version 1.1; \
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";";

/// Answers a WebSocket handshake (RFC 6455, section 4.2): the response to return, and what becomes the connection
/// once that response is out, which is read at no more than that rate. Origin and session are the caller's to check. One
/// that a proxy has made an ordinary request is logged, with what helps.
pub fn accept(
    request: &Request,
    sockets: &Sockets,
    bytes_per_second: u64,
) -> Result<(Response, impl Future<Output = Option<Connection>> + Send + 'static), StatusCode> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(StatusCode::BAD_REQUEST);
    }
    // Whatever asks for an upgrade in HTTP/1.0 is to be ignored (RFC 9110, section 7.8).
    let is_upgrade = request.version() != Version::HTTP_10
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket");
    if !is_upgrade {
        if sockets.handshake_warnings.may_warn() {
            tracing::warn!("{NOT_PASSED}");
        }
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|key| is_nonce(key.as_bytes()))
        .ok_or(StatusCode::BAD_REQUEST)?;
    let stream = sockets.find(request.local_addr()).ok_or(StatusCode::BAD_REQUEST)?;
    let upgrade = request.take_upgrade().map_err(|_| StatusCode::BAD_REQUEST)?;
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
        .finish();
    let connection = async move {
        let early = take_early(upgrade.await.ok()?)?;
        Some(Connection::new(stream, early, bytes_per_second))
    };
    Ok((response, connection))
}

/// What has come in already, possibly before HTTP let go of the connection; None when it is broken.
fn take_early(mut upgraded: Upgraded) -> Option<Vec<u8>> {
    let mut early = Vec::new();
    while early.len() < MAX_EARLY
        && let Some(read) = upgraded.read_buf(&mut early).now_or_never()
    {
        // An end is seen again by whoever reads next.
        if read.ok()? == 0 {
            break;
        }
    }
    Some(early)
}

/// Whether this is 16 bytes in base64, as a key must be.
fn is_nonce(key: &[u8]) -> bool {
    STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

/// Whether a comma-separated header holds the token, without regard to case.
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value: &HeaderValue| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}
