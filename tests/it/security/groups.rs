//! The groups of addresses: what each lets in, how it answers errors, how large bodies may be and how long they may take.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::client;
use crate::support::{Person, Server, spawn};

/// A request of a program, which has no page to come from.
async fn program(server: &Server, path: &str, cookies: &str) -> (StatusCode, serde_json::Value) {
    let request = client()
        .get(format!("{}{path}", server.address))
        .header("cookie", cookies);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json", "{path}");
    (status, answer.json().await.unwrap())
}

#[sqlx::test]
async fn programs_are_told_of_errors_in_json_and_never_led_elsewhere(pool: PgPool) {
    let server = spawn(pool).await;
    let (status, problem) = program(&server, "/api/rooms/", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "there is a setup to be done");
    assert_eq!(problem["status"], 503);
    let ada = server.admin().await;
    for path in ["/api", "/api/", "/api/nowhere", "/api/nowhere/"] {
        // A cookie is no way in, and makes no difference.
        for cookies in [String::new(), ada.cookies()] {
            let (status, problem) = program(&server, path, &cookies).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(
                (&problem["status"], &problem["title"]),
                (&404.into(), &"Not Found".into())
            );
            assert_eq!(problem["error"], problem["title"], "older clients read this one");
            assert!(problem["detail"].as_str().unwrap().ends_with('.') && problem["errors"].is_object());
        }
    }
}

#[sqlx::test]
async fn what_is_the_same_for_everybody_is_there_before_the_setup(pool: PgPool) {
    let server = spawn(pool).await;
    let visitor = server.visitor();
    for path in ["/healthz", "/readyz", &asset(&visitor).await] {
        assert_eq!(visitor.get(path).await.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(visitor.get("/assets/nowhere.js").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(visitor.get("/files/nowhere").await.headers()["location"], "/setup");
}

async fn asset(visitor: &Person) -> String {
    let page = visitor.page("/setup").await;
    let (_, rest) = page.split_once(r#"<script src=""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Sends the head of a POST that announces `announced` bytes, and two of them; returns what comes back until the server
/// closes the connection, and how long that takes.
async fn unfinished(person: &Person, path: &str, announced: u64, more: &str) -> (String, Duration) {
    let host = person.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {}\r\nContent-Length: {announced}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{more}\r\nab",
        person.address,
        person.cookies()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (start, mut answer) = (Instant::now(), Vec::new());
    timeout(Duration::from_secs(40), stream.read_to_end(&mut answer))
        .await
        .expect("an end")
        .ok();
    (String::from_utf8_lossy(&answer).into_owned(), start.elapsed())
}

#[sqlx::test]
async fn a_body_that_is_never_finished_is_given_up_with_its_request(pool: PgPool) {
    let server = spawn(pool).await;
    let ada = server.admin().await;
    let (answer, time) = unfinished(&ada, "/appearance", 60_000, "").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer:.200}");
    assert!(time < Duration::from_secs(25), "{time:?}");
}

#[sqlx::test]
async fn a_form_that_is_too_large_is_refused(pool: PgPool) {
    let server = spawn(pool).await;
    let ada = server.admin().await;
    let large = "x".repeat(65 << 10);
    let answer = ada.post("/appearance", &[("theme", &large)]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// A transfer is judged by its head: whatever its body is, it is not waited for.
#[sqlx::test]
async fn transfers_are_not_read_before_they_are_let_in(pool: PgPool) {
    let server = spawn(pool).await;
    let ada = server.admin().await;
    let token = format!("X-CSRF-Token: {}\r\n", ada.csrf_token().await);
    for (more, status) in [("", "403"), (token.as_str(), "405")] {
        let more = format!("{more}Connection: close\r\n");
        let (answer, _) = unfinished(&ada, "/files/new", 25 << 20, &more).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer:.200}");
    }
    let foreign = client()
        .post(format!("{}/files/new", server.address))
        .header("origin", "https://evil.example")
        .header("x-csrf-token", ada.csrf_token().await)
        .header("cookie", ada.cookies());
    assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
}
