//! Files, as programs send and open them.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::PgPool;
use umbrachat::config::Config;

use super::{Program, problem};
use crate::support::{BOUNDARY, config, multipart, spawn_with};

/// A field and its value.
type Field<'a> = (&'a str, &'a str);
/// A field, what the file in it is called, and its content.
type Sent<'a> = (&'a str, &'a str, &'a [u8]);

pub async fn upload(program: &Program, path: &str, fields: &[Field<'_>], files: &[Sent<'_>]) -> Response {
    let request = program.request(Method::POST, path);
    let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
    request.body(multipart(fields, files)).send().await.unwrap()
}

#[sqlx::test]
async fn a_file_is_sent_with_a_message_and_opens_with_a_token(pool: PgPool) {
    let limits = Config {
        max_upload: 100_000,
        ..config()
    };
    let server = spawn_with(pool, limits).await;
    let cast = server.cast().await;
    let [alice, bob, charlie] = [
        Program::of(&server, "alice").await,
        Program::of(&server, "bob").await,
        Program::of(&server, "charlie").await,
    ];
    let room = format!("/api/rooms/{}", alice.room("General").await);
    let path = format!("{room}/upload/");
    let mut socket = cast.bob.socket("General").await;
    let client_id = uuid::Uuid::new_v4().to_string();
    let fields = [("plaintext", "the minutes"), ("client_id", client_id.as_str())];
    let content = b"%PDF-1.4 minutes".as_slice();
    let response = upload(&alice, &path, &fields, &[("file", "minutes.pdf", content)]).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let message: Value = response.json().await.unwrap();
    assert_eq!(alice.get(&location).await, message);
    assert_eq!(message["plaintext"], "the minutes");
    let attachment = &message["attachment"];
    assert_eq!(
        (&attachment["file_size"], &attachment["file_name"]),
        (&json!(16), &json!("minutes.pdf"))
    );
    assert_eq!(attachment["content_type"], "application/pdf");
    socket.until("minutes.pdf").await;
    let url = attachment["file_url"].as_str().unwrap();
    let opened = bob.send(Method::GET, url, None).await;
    assert_eq!(opened.bytes().await.unwrap(), content);
    assert_eq!(charlie.send(Method::GET, url, None).await.status(), 404);
    let stranger = Program::stranger(&server).send(Method::GET, url, None).await;
    assert!(!stranger.status().is_success());
    // The same again is the same, and its files are not kept twice.
    let again = upload(&alice, &path, &fields, &[("file", "minutes.pdf", content)]).await;
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().await.unwrap(), message);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM attachments")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(kept, 1);

    let file: (&str, &str, &[u8]) = ("file", "a.txt", b"a");
    let large = vec![b'x'; 100_001];
    let many = vec![file; 11];
    let wrong: [(&[Field], &[Sent], u16, &str); 6] = [
        (&[("plaintext", "a")], &[], 422, "file"),
        (&[("title", "a")], &[file], 422, "title"),
        (&[("client_id", "a")], &[file], 422, "client_id"),
        (&[("reply_to", "99")], &[file], 422, "reply_to"),
        (&[], &[("file", "large", &large)], 413, ""),
        (&[], &many, 422, "file"),
    ];
    for (fields, files, status, field) in wrong {
        let problem = problem(upload(&alice, &path, fields, files).await, status).await;
        assert!(
            field.is_empty() || problem["errors"][field].is_array(),
            "{field}: {problem}"
        );
    }
    let no_form = alice
        .problem(Method::POST, &path, Some(json!({"file": "a"})), 415)
        .await;
    assert!(no_form["detail"].as_str().unwrap().contains("multipart/form-data"));
    problem(upload(&charlie, &path, &[], &[file]).await, 404).await;
    problem(upload(&Program::stranger(&server), &path, &[], &[file]).await, 401).await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM attachments")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(kept, 1, "what was refused is not kept");
}
