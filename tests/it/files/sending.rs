//! Who may send files with a message, how they are called, and what may become of the text beside them.

use futures_util::future::join_all;
use image::ImageFormat;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{addresses, bytes, number, rows, send_file, upload, write_with};
use crate::own_rooms::make_room;
use crate::pictures::picture;
use crate::support::{BOUNDARY, Cast, done, multipart, spawn};

#[sqlx::test]
async fn only_members_send_files_and_only_their_own_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    assert_eq!(
        send_file(&charlie, "General", "a", b"a").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        send_file(&alice, "Nowhere", "a", b"a").await.status(),
        StatusCode::NOT_FOUND
    );
    let elsewhere = make_room(&alice, "Elsewhere", &[]).await;
    let own = upload(&alice, "General", "own.txt", b"own").await;
    let other = upload(&alice, &elsewhere, "other.txt", b"other").await;
    let bobs = upload(&bob, "General", "bobs.txt", b"bob's").await;
    let unknown = Uuid::new_v4().to_string();
    for (files, why) in [
        (vec![own.as_str(), other.as_str()], "another room's"),
        (vec![bobs.as_str()], "somebody else's"),
        (vec![unknown.as_str()], "nobody's"),
        (vec!["no id"], "no id"),
    ] {
        let answer = write_with(&alice, "General", "text that stays", &files).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        assert!(answer.text().await.unwrap().contains("text that stays"), "{why}");
    }
    // Nobody reads what is not sent but its author.
    assert_eq!(
        bob.get(&format!("/files/{own}/own.txt")).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(bytes(&alice, &format!("/files/{own}/own.txt")).await, b"own");
    // Of many messages at once, one gets it.
    let files = [own.as_str()];
    let sent = join_all((0..8).map(|_| write_with(&alice, "General", "", &files))).await;
    let stored = sent
        .iter()
        .filter(|answer| answer.status() == StatusCode::SEE_OTHER)
        .count();
    assert_eq!(stored, 1);
    assert_eq!(addresses(&bob.page("/chat/room/General").await).len(), 1);

    let mut socket = alice.socket("General").await;
    for files in [json!([unknown]), json!(["x"])] {
        socket
            .send(json!({"body": "hi", "files": files, "client_id": Uuid::new_v4()}).to_string())
            .await;
        assert_eq!(socket.refusal().await["code"], "unknown_file");
    }
    let many: Vec<_> = (0..11).map(|_| Uuid::new_v4()).collect();
    socket.send(json!({"body": "hi", "files": many}).to_string()).await;
    assert_eq!(socket.refusal().await["code"], "invalid_json");

    for address in [
        format!("/chat/room/General/files/{bobs}/delete"),
        format!("/chat/room/General/files/{own}/delete"),
        format!("/chat/room/General/files/{other}/delete"),
        format!("/chat/room/General/files/{unknown}/delete"),
    ] {
        assert_eq!(
            alice.post(&address, &[]).await.status(),
            StatusCode::NOT_FOUND,
            "{address}"
        );
    }
    let address = format!("/chat/room/{elsewhere}/files/{other}/delete");
    assert_eq!(alice.post(&address, &[]).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        alice.get(&format!("/files/{other}/other.txt")).await.status(),
        StatusCode::NOT_FOUND
    );
    let request = bob.client.delete(format!("{}/files/{bobs}", bob.address));
    let request = request
        .header("Origin", &bob.address)
        .header("X-CSRF-Token", bob.csrf_token().await);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[sqlx::test]
async fn hostile_names_are_text_and_lead_nowhere(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    for name in [
        "<img src=x onerror=alert(1)>.txt",
        "%22><script>alert(1)</script>.pdf",
        "../../../etc/passwd",
        "..\\\\..\\\\boot.ini",
        "x' hx-get='/x.txt",
        "javascript:alert(1)",
        "a%0D%0ASet-Cookie: b=c.txt",
        "\u{202E}gpj.exe",
    ] {
        let id = upload(&alice, "General", name, b"text").await;
        number(&write_with(&alice, "General", "", &[&id]).await);
        let page = bob.page("/chat/room/General").await;
        let address = addresses(&page).pop().unwrap();
        assert!(
            !page.contains("<img src=x") && !page.contains("<script>alert") && !page.contains("' hx-get='"),
            "{name}"
        );
        let plain = address.strip_prefix(&format!("/files/{id}/")).unwrap();
        assert!(
            plain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte)),
            "{address}"
        );
        let answer = bob.get(&address).await;
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        let disposition = answer.headers()["content-disposition"].to_str().unwrap();
        assert!(
            disposition.starts_with("attachment; filename*=UTF-8''"),
            "{disposition}"
        );
        assert!(answer.headers().get("set-cookie").is_none());
    }
}

#[sqlx::test]
async fn a_form_without_script_sends_files_and_text_at_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let page = alice.page("/chat/room/General/files").await;
    assert!(page.contains("enctype=\"multipart/form-data\"") && page.contains("name=\"file\" multiple"));
    assert_eq!(
        charlie.get("/chat/room/General/files").await.status(),
        StatusCode::NOT_FOUND
    );
    let token = alice.csrf_token().await;
    let send = async |fields: &[(&str, &str)], files: &[(&str, &str, &[u8])]| {
        let request = alice.client.post(format!("{}/chat/room/General/files", alice.address));
        let request = request
            .header("Origin", &alice.address)
            .header("Accept", "text/html")
            .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
        request.body(multipart(fields, files)).send().await.unwrap()
    };
    let id = Uuid::new_v4().to_string();
    let fields = [
        ("csrf_token", token.as_str()),
        ("client_id", &id),
        ("body", "both of them"),
        ("send", "on"),
    ];
    let files: [(&str, &str, &[u8]); 2] = [("file", "one.txt", b"1"), ("file", "two.txt", b"2")];
    let seq = number(&send(&fields, &files).await);
    let shown = bob.page("/chat/room/General").await;
    assert!(shown.contains("both of them"));
    assert_eq!(addresses(&shown).len(), 2);
    // Sent twice, it is stored once, and the second files are not kept.
    assert_eq!(number(&send(&fields, &files).await), seq);
    assert_eq!(rows(&server.pool).await, 2);
    // No file was chosen: what was typed stays.
    let answer = send(&fields, &[("file", "", b"")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Choose a file.") && page.contains("both of them") && page.contains(&id));
    let broken = picture(ImageFormat::Jpeg)[..800].to_vec();
    let answer = send(&fields, &[("file", "one.txt", b"1"), ("file", "a.jpg", &broken)]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("both of them"));
    assert_eq!(rows(&server.pool).await, 2);
    let long = "x".repeat(70_000);
    let answer = send(&[fields[0], ("send", "on"), ("more", &long)], &files).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for (fields, why) in [
        (&fields[1..], "without the token"),
        (&[("csrf_token", "x"), ("send", "on")][..], "with another one"),
    ] {
        assert_eq!(send(fields, &files).await.status(), StatusCode::FORBIDDEN, "{why}");
    }
    // The button is the last part in some pages: an answer in JSON without it.
    let answer = send(&fields[..1], &files[..1]).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}

#[sqlx::test]
async fn the_text_beside_files_may_be_changed_and_taken_away(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let id = upload(&alice, "General", "kept.txt", b"kept").await;
    let seq = number(&write_with(&alice, "General", "with words", &[&id]).await);
    let mut at_bob = bob.socket("General").await;
    let address = format!("/chat/room/General/messages/{seq}");
    done(alice.post(&address, &[("body", "other words")]).await).await;
    let frame = at_bob.until("other words").await;
    assert_eq!(addresses(&frame).len(), 1);
    done(alice.post(&address, &[("body", " ")]).await).await;
    at_bob.until("kept.txt").await;
    let page = bob.page("/chat/room/General").await;
    assert!(!page.contains("other words") && addresses(&page).len() == 1);
    let plain = alice.write("General", "only words").await;
    let answer = alice
        .post(&format!("/chat/room/General/messages/{plain}"), &[("body", " ")])
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // Of an answer to it, something is quoted.
    let fields = [
        ("body", "nice"),
        ("client_id", &Uuid::new_v4().to_string()),
        ("reply_to", &seq.to_string()),
    ];
    number(&bob.post("/chat/room/General/messages", &fields).await);
    assert!(alice.page("/chat/room/General").await.contains("Attachment"));
}
