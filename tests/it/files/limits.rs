//! How large files may be, what they cost the server, and how many may be on their way.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, Response, StatusCode};
use sqlx::PgPool;
use tokio::time::sleep;
use umbrachat::config::Config;

use super::{begin_upload, emptied, noise, own_folder, peak, program, rows, send_file, until, upload, write_with};
use crate::api::Program;
use crate::program::Folder;
use crate::support::{BOUNDARY, Cast, multipart, spawn, spawn_with};

#[sqlx::test]
async fn what_is_too_large_or_too_much_leaves_nothing(pool: PgPool) {
    let (config, folder) = own_folder();
    let config = Config {
        max_upload: 100_000,
        upload_quota: 158_192,
        ..config
    };
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let message = async |answer: Response| {
        let status = answer.status();
        let body: serde_json::Value = answer.json().await.unwrap();
        (status, body["error"]["message"].as_str().unwrap().to_owned())
    };
    // Much more than is on its way at once, so that the answer has to wait for the rest.
    let answer = send_file(&alice, "General", "large", &noise(20_000_000)).await;
    let sentence = "This file is too large: a file has at most 100 KB.".to_owned();
    assert_eq!(message(answer).await, (StatusCode::PAYLOAD_TOO_LARGE, sentence));
    emptied(&folder).await;
    upload(&alice, "General", "fits", &noise(100_000)).await;
    // Two at once do not both fit into what is left.
    let half = noise(40_000);
    let both = join_all((0..2).map(|_| send_file(&alice, "General", "half", &half))).await;
    let mut statuses: Vec<_> = both.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let answer = send_file(&alice, "General", "more", &noise(40_000)).await;
    let (status, sentence) = message(answer).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(sentence.contains("space for files, 158.2 KB"), "{sentence}");
    upload(&bob, "General", "bob's", &noise(40_000)).await;
}

async fn length(response: Response) -> usize {
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.unwrap().len()
}

#[tokio::test]
async fn large_files_on_their_way_do_not_fill_the_memory() {
    let folder = Folder::new();
    let (server, ada) = program(&folder, &[("MESSAGE_RATE", "1000")]).await;
    let content = noise(16_000_000);
    // What is made ready with the first file.
    upload(&ada, "General", "first", &content[..1_000_000]).await;
    let before = peak(&server);
    let names = ["a", "b", "c"];
    let files = join_all(names.map(|name| upload(&ada, "General", name, &content))).await;
    let uploaded = peak(&server) - before;
    let ids: Vec<_> = files.iter().map(String::as_str).collect();
    assert_eq!(
        write_with(&ada, "General", "", &ids).await.status(),
        StatusCode::SEE_OTHER
    );
    let paths = ids.iter().map(|id| format!("/files/{id}/a"));
    let downloads = join_all(paths.map(async |path| length(ada.get(&path).await).await)).await;
    assert_eq!(downloads, [16_000_000; 3]);
    let downloaded = peak(&server) - before;
    server.stop();
    // 48 million bytes came and went at once.
    for (what, grown) in [("uploads", uploaded), ("downloads", downloaded)] {
        assert!(grown < 28_000_000, "{what} took {grown} bytes");
    }
}

#[sqlx::test]
async fn a_person_has_three_files_on_their_way_at_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let program = Program::of(&server, "alice").await;
    let upload_path = format!("/api/rooms/{}/upload/", program.room("General").await);
    let mut streams = Vec::new();
    for count in 1..=3 {
        streams.push(begin_upload(&alice, "General", &noise(300_000), 200_000).await);
        while rows(&server.pool).await < count {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let refused = send_file(&alice, "General", "fourth", b"content").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    // Her program sends in her name.
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = program.request(Method::POST, &upload_path).header("Content-Type", form);
    let refused = request.body(multipart(&[], &[("file", "fourth", b"content")]));
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    upload(&bob, "General", "bob's", b"content").await;
    streams.pop();
    while send_file(&alice, "General", "next", b"content").await.status() != StatusCode::CREATED {
        sleep(Duration::from_millis(20)).await;
    }
    // Those that break off give their turns back, each one of them.
    let sent = 2;
    drop(streams);
    until("they are gone", async || rows(&server.pool).await == sent).await;
    let mut streams = Vec::new();
    while rows(&server.pool).await < sent + 3 {
        streams.push(begin_upload(&alice, "General", &noise(300_000), 200_000).await);
        sleep(Duration::from_millis(20)).await;
    }
    let refused = send_file(&alice, "General", "fourth", b"content").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}
