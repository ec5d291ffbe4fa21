//! Where files are kept, and in the log, nothing of them can be read; with the keys, all of it.

use reqwest::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use super::{CANARY, bytes, noise, number, own_folder, program, send_file, upload, write_with};
use crate::encryption::{dump, program as documented, python};
use crate::program::Folder;
use crate::support::{Cast, spawn_with};

#[sqlx::test]
async fn neither_names_nor_content_can_be_read_where_they_are_kept(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let id = upload(&alice, "General", "canary-name-52.txt", CANARY.as_bytes()).await;
    number(&write_with(&alice, "General", "with a file", &[&id]).await);
    assert_eq!(bytes(&bob, &format!("/files/{id}/x")).await, CANARY.as_bytes());
    let dump = dump(&server.pool).await;
    for secret in ["canary-file-51", "canary-name-52", "text/plain", "octet-stream"] {
        assert!(!dump.contains(secret), "{secret}");
    }
    let object = folder.join(&id[id.len() - 2..]).join(&id);
    let sealed = std::fs::read(&object).unwrap();
    assert_eq!(sealed.len(), CANARY.len() + 16);
    assert!(!sealed.windows(6).any(|part| part == &CANARY.as_bytes()[..6]));
    // What was altered is not served, nor is what was put in the place of another one.
    std::fs::write(&object, [&sealed[..10], &[!sealed[10]], &sealed[11..]].concat()).unwrap();
    assert_eq!(
        bob.get(&format!("/files/{id}/x")).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    std::fs::remove_file(&object).unwrap();
    assert_eq!(bob.get(&format!("/files/{id}/x")).await.status(), StatusCode::NOT_FOUND);
    assert!(bob.page("/chat/room/General").await.contains("canary-name-52.txt"));
}

#[sqlx::test]
async fn anybody_with_the_keys_reads_a_file_with_pythons_cryptography(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, .. } = server.cast().await;
    for content in [noise(200_000), Vec::new(), noise(65_536)] {
        let id = upload(&alice, "General", "noise.bin", &content).await;
        let keys: (String, String) = sqlx::query_as(
            "SELECT r.wrapped, a.wrapped FROM attachments f
             JOIN rooms ON rooms.id = f.room_id JOIN data_keys r ON r.id = rooms.data_key_id
             JOIN users ON users.id = f.author_id JOIN data_keys a ON a.id = users.data_key_id WHERE f.id = $1::uuid",
        )
        .bind(Uuid::parse_str(&id).unwrap())
        .fetch_one(&server.pool)
        .await
        .unwrap();
        let call = format!(
            "{}{}\nimport sys\nid, path, room, author, keys = sys.argv[1:]\n\
             sys.stdout.buffer.write(read_file(keys, room, author, id, open(path, 'rb').read()))",
            documented(1),
            documented(2)
        );
        let object = folder.join(&id[id.len() - 2..]).join(&id);
        let read = python(&call, &[&id, object.to_str().unwrap(), &keys.0, &keys.1, &server.keys]);
        assert!(read == content);
    }
}

#[tokio::test]
async fn names_of_files_do_not_stand_in_the_log() {
    let folder = Folder::new();
    let (server, ada) = program(&folder, &[("RUST_LOG", "trace"), ("MAX_UPLOAD", "1")]).await;
    let name = "canary-8d41.png";
    let id = upload(&ada, "General", name, b"content of it").await;
    write_with(&ada, "General", "", &[&id]).await;
    assert_eq!(ada.get(&format!("/files/{id}/{name}")).await.status(), StatusCode::OK);
    assert_eq!(
        ada.get(&format!("/files/{id}/{name}/more")).await.status(),
        StatusCode::NOT_FOUND
    );
    let large = send_file(&ada, "General", name, &noise(1_000_001)).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let picture = send_file(&ada, "General", name, b"\x89PNG\r\n\x1a\nno picture").await;
    assert_eq!(picture.status(), StatusCode::UNPROCESSABLE_ENTITY);
    server.stop();
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains(&format!("/files/{id}")), "requests are logged");
    let line = log.lines().find(|line| line.contains("canary-8d41"));
    assert_eq!(line, None);
}
