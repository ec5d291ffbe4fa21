//! Files do not exist for whoever may not see the message that they go with.

use image::ImageFormat;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::api::Program;
use crate::files::{send_file, upload, write_with};
use crate::own_rooms::make_room;
use crate::pictures::picture;
use crate::support::{BOUNDARY, Cast, Person, Server, multipart, spawn};

/// Sends a request with the token of this person's pages; its status.
async fn status(person: &Person, method: Method, path: &str) -> StatusCode {
    let request = person.client.request(method, format!("{}{path}", person.address));
    let request = request
        .header("Origin", &person.address)
        .header("X-CSRF-Token", person.csrf_token().await)
        .header("Content-Type", "application/x-www-form-urlencoded");
    request.send().await.unwrap().status()
}

/// What is asked for of files that somebody sent to a room, and has not sent yet.
struct Asked<'a> {
    slug: &'a str,
    sent: &'a str,
    unsent: &'a str,
}

impl Asked<'_> {
    /// Every address of files is nowhere for this person.
    async fn is_nothing_for(&self, server: &Server, person: &Person) {
        let Self { slug, sent, unsent } = self;
        let room = format!("/chat/room/{slug}");
        let name = &person.name;
        for (method, path) in [
            (Method::GET, format!("{room}/files")),
            (Method::DELETE, format!("{room}/files/{unsent}")),
            (Method::POST, format!("{room}/files/{unsent}/delete")),
            (Method::DELETE, format!("{room}/files/{sent}")),
            (Method::POST, format!("{room}/files/{sent}/delete")),
            (Method::GET, format!("/files/{sent}/beach.png")),
            (Method::HEAD, format!("/files/{sent}/beach.png")),
            (Method::GET, format!("/files/{sent}/thumbnail")),
            (Method::GET, format!("/files/{unsent}/beach.png")),
            (Method::GET, format!("/files/{unsent}/thumbnail")),
        ] {
            let status = status(person, method.clone(), &path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{name}: {method} {path}");
        }
        let answer = send_file(person, slug, "a.txt", b"a").await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name} sends a file");
        let answer = write_with(person, slug, "", &[unsent]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name} sends a message with it");
        let program = Program::of(server, name).await;
        for path in [format!("/files/{sent}/beach.png"), format!("/files/{sent}/thumbnail")] {
            let answer = program.send(Method::GET, &path, None).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}'s program: {path}");
        }
    }
}

async fn rows(server: &Server) -> Vec<(String, bool)> {
    sqlx::query_as("SELECT id::text, seq IS NOT NULL FROM attachments ORDER BY id")
        .fetch_all(&server.pool)
        .await
        .unwrap()
}

#[sqlx::test]
async fn row_18_files_do_not_exist_for_strangers(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let shown = picture(ImageFormat::Png);
    for slug in ["General".to_owned(), make_room(&alice, "Den", &[]).await] {
        let sent = upload(&alice, &slug, "beach.png", &shown).await;
        let answer = write_with(&alice, &slug, "", &[&sent]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let unsent = upload(&alice, &slug, "beach.png", &shown).await;
        let before = rows(&server).await;
        let asked = Asked {
            slug: &slug,
            sent: &sent,
            unsent: &unsent,
        };
        asked.is_nothing_for(&server, &charlie).await;
        // Bob belongs to the one room, until he leaves it.
        if slug == "General" {
            let path = format!("/files/{sent}/beach.png");
            assert_eq!(bob.get(&path).await.status(), StatusCode::OK);
            bob.post("/chat/room/General/leave", &[]).await;
        }
        asked.is_nothing_for(&server, &bob).await;
        let room = Program::of(&server, "alice")
            .await
            .room(if slug == "General" { "General" } else { "Den" })
            .await;
        let program = Program::of(&server, "charlie").await;
        for (room, why) in [(room, "a stranger's"), (Uuid::new_v4().to_string(), "nobody's")] {
            let request = program.request(Method::POST, &format!("/api/rooms/{room}/upload/"));
            let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
            let answer = request
                .body(multipart(&[], &[("file", "a.txt", b"a")]))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{why}");
        }
        assert_eq!(rows(&server).await, before, "nothing was taken, sent or removed");
    }
}

/// A member sees what was sent, and can do nothing with what another one has not sent.
#[sqlx::test]
async fn row_18_what_is_not_sent_is_its_senders_alone(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let unsent = upload(&alice, "General", "beach.png", &picture(ImageFormat::Png)).await;
    let before = rows(&server).await;
    for (method, path) in [
        (Method::GET, format!("/files/{unsent}/beach.png")),
        (Method::GET, format!("/files/{unsent}/thumbnail")),
        (Method::DELETE, format!("/chat/room/General/files/{unsent}")),
        (Method::POST, format!("/chat/room/General/files/{unsent}/delete")),
    ] {
        let status = status(&bob, method.clone(), &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let answer = write_with(&bob, "General", "", &[&unsent]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let mut socket = bob.socket("General").await;
    let frame = json!({"body": "mine now", "files": [unsent], "client_id": Uuid::new_v4()});
    socket.send(frame.to_string()).await;
    assert_eq!(socket.refusal().await["code"], Value::from("unknown_file"));
    // Nor does anybody take it back for its sender: the address wants the token of her pages.
    let request = alice
        .client
        .delete(format!("{}/chat/room/General/files/{unsent}", alice.address));
    let answer = request.header("Origin", &alice.address).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(rows(&server).await, before);
    let path = format!("/chat/room/General/files/{unsent}");
    assert_eq!(status(&alice, Method::DELETE, &path).await, StatusCode::NO_CONTENT);
}
