//! The handshake: what is none is refused, what never ends harms nobody.

use std::time::Duration;

use sqlx::PgPool;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{FIN, Raw, TEXT, ask, frame, handshake, member, still_works};
use crate::support::spawn;

#[sqlx::test]
async fn handshakes_that_are_none_are_refused(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    for (without, with, status) in [
        ("Sec-WebSocket-Key", "", "400"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=\r\n", "400"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: !!!\r\n", "400"),
        ("Sec-WebSocket-Version", "", "426"),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n", "426"),
        ("Upgrade", "", "426"),
        ("Upgrade", "Upgrade: h2c\r\n", "426"),
        ("Connection", "", "426"),
        ("Connection", "Connection: close\r\n", "426"),
        ("Origin", "", "403"),
    ] {
        let (_, head) = ask(&person, &handshake(&person, without, with)).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "without {without:?}, with {with:?}: {head}"
        );
        if status == "426" {
            let head = head.to_ascii_lowercase();
            for line in ["upgrade: websocket", "sec-websocket-version: 13"] {
                assert!(head.contains(line), "{head}");
            }
        }
    }
    let post = handshake(&person, "", "Content-Length: 0\r\n").replacen("GET", "POST", 1);
    let (_, head) = ask(&person, &post).await;
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
    let old = handshake(&person, "", "").replacen("HTTP/1.1", "HTTP/1.0", 1);
    let (_, head) = ask(&person, &old).await;
    assert!(head.starts_with("HTTP/1.0 426 "), "{head}");
    still_works(&person).await;
}

#[sqlx::test]
async fn oversized_headers_are_refused_and_unfinished_ones_harm_nobody(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(1 << 20));
    let many = "X-Many: y\r\n".repeat(1000);
    for with in [long, many] {
        let (_, head) = ask(&person, &handshake(&person, "", &with)).await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 4"), "{head}");
    }
    // Handshakes that stop half way, frames that stop half way, and a page that works beside them.
    let whole = handshake(&person, "", "");
    let mut waiting = Vec::new();
    for cut in [1, 20, whole.len() / 2, whole.len() - 1] {
        let mut stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap())
            .await
            .unwrap();
        stream.write_all(&whole.as_bytes()[..cut]).await.unwrap();
        waiting.push(stream);
    }
    let mut raw = Raw::of(&person).await;
    raw.bytes(&frame(FIN | TEXT, &[b'x'; 200])[..50]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    still_works(&person).await;
    drop((waiting, raw));
    still_works(&person).await;
}
