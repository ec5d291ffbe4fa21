//! What a connection may cost before a request has been read from it.

use std::time::Duration;

use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Server, spawn};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address.strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

/// All that comes until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(Duration::from_secs(60), stream.read_to_end(&mut answer))
        .await
        .expect("an end")
        .ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer, whose body is as long as it says.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with("\r\n\r\nok") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "ended after {answer}");
        answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    answer
}

#[sqlx::test]
async fn http_2_is_refused_however_its_first_bytes_come(pool: PgPool) {
    let server = spawn(pool).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for first in [0, 1, 3] {
        let mut stream = connect(&server).await;
        for part in [&preface[..first], &preface[first..]] {
            stream.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 505 "), "{answer}");
    }
    // Other methods begin with a P too.
    let mut stream = connect(&server).await;
    stream.write_all(b"P").await.unwrap();
    stream
        .write_all(b"ROPFIND /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 405 "));
}

#[sqlx::test]
async fn a_head_may_have_32_kib_and_no_more(pool: PgPool) {
    let server = spawn(pool).await;
    let mut stream = connect(&server).await;
    // Each request of a connection may.
    for _ in 0..3 {
        let head = format!(
            "GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(31 << 10)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
    }
    let (mut reader, mut writer) = stream.into_split();
    let endless = tokio::spawn(async move {
        let mut sent = 0;
        writer.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ").await?;
        while sent < 64 << 20 {
            writer.write_all(&[b'x'; 1024]).await?;
            sent += 1024;
        }
        Ok::<_, std::io::Error>(sent)
    });
    let mut answer = Vec::new();
    reader.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(endless.await.unwrap().is_err(), "the server ended it");
}

#[sqlx::test]
async fn a_head_that_never_ends_is_given_up_and_others_are_served_meanwhile(pool: PgPool) {
    let server = spawn(pool).await;
    let mut slow = connect(&server).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let (mut reader, mut writer) = slow.into_split();
    let trickle = tokio::spawn(async move {
        // Well before the connection would be idle.
        while writer.write_all(b"X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = Vec::new();
    timeout(Duration::from_secs(50), reader.read_to_end(&mut answer))
        .await
        .expect("an end before it is idle")
        .ok();
    trickle.await.unwrap();
    let health = format!("{}/healthz", server.address);
    assert_eq!(reqwest::get(health).await.unwrap().status(), 200);
}
