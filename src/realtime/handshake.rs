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

/// Answers a WebSocket handshake (RFC 6455, section 4.2): the response to return, and what becomes the connection once
/// that response is out, which is read at no more than that rate. With it comes HTTP's end: until that is dropped the
/// connection counts as one of its address, as it is to do while nobody has let it in. Origin and session are the
/// caller's to check. One that a proxy has made an ordinary request is logged, with what helps.
pub fn accept(
    request: &Request,
    sockets: &Sockets,
    bytes_per_second: u64,
) -> Result<
    (
        Response,
        impl Future<Output = Option<(Connection, Upgraded)>> + Send + 'static,
    ),
    StatusCode,
> {
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
        let mut upgraded = upgrade.await.ok()?;
        let early = take_early(&mut upgraded)?;
        Some((Connection::new(stream, early, bytes_per_second), upgraded))
    };
    Ok((response, connection))
}

/// What has come in already, possibly before HTTP let go of the connection; None when it is broken.
fn take_early(upgraded: &mut Upgraded) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use poem::Server;
    use poem::endpoint::make_sync;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::sync::mpsc;

    use super::super::tcp::{Acceptor, Limits};
    use super::*;

    /// How the answer to a handshake begins; empty where the connection is refused.
    async fn shake(address: SocketAddr) -> (TcpStream, Vec<u8>) {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        // A refused connection may be gone before.
        client.write_all(head.as_bytes()).await.ok();
        let mut answer = vec![0; 12];
        let read = client.read_exact(&mut answer).await;
        (client, read.map_or_else(|_| Vec::new(), |_| answer))
    }

    #[tokio::test]
    async fn a_socket_counts_for_its_address_until_it_is_let_in() {
        let sockets = Sockets::new();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            total: 100,
            per_address: 1,
            network: |address| address,
            proxies: Vec::new(),
        };
        let acceptor = Acceptor::new(listener, sockets.clone(), limits).unwrap();
        let (sender, mut accepted) = mpsc::unbounded_channel();
        let endpoint = make_sync(move |request: Request| {
            let (response, connection) = accept(&request, &sockets, 1).unwrap();
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(connection.await.unwrap()).ok() });
            response
        });
        let server = tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));

        let (_first, answer) = shake(address).await;
        assert_eq!(answer, b"HTTP/1.1 101");
        let (_connection, http) = accepted.recv().await.unwrap();
        assert_eq!(shake(address).await.1, b"");
        drop(http);
        let (_second, answer) = shake(address).await;
        assert_eq!(answer, b"HTTP/1.1 101");
        server.abort();
    }
}
