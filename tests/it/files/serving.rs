//! Who gets files, whole and in part, wherever they are kept.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::json;
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use umbrachat::app;
use umbrachat::config::{Bucket, Config, FileStore};
use umbrachat::state::Clock;
use uuid::Uuid;

use super::{addresses, bytes, kept, noise, own_folder, upload};
use crate::nodes::{at, two_with};
use crate::services::{new_bucket, shared_redis};
use crate::support::{Cast, Person, attributes, config, done};

fn header(answer: &Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

async fn part(person: &Person, path: &str, header: &str, value: &str) -> Response {
    let request = person.client.get(format!("{}{path}", person.address));
    request.header(header, value).send().await.unwrap()
}

/// Whatever is asked for of a file of 12,500,000 bytes, that is what comes.
async fn parts_are_served(bob: &Person, path: &str, content: &[u8]) {
    for (range, begin, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=1048570-1048580", 1_048_570, 1_048_581),
        ("bytes=12499999-99999999", 12_499_999, 12_500_000),
        ("bytes=-100", 12_499_900, 12_500_000),
        ("bytes=100000-", 100_000, 12_500_000),
    ] {
        let answer = part(bob, path, "Range", range).await;
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(
            header(&answer, "content-range"),
            format!("bytes {begin}-{}/12500000", end - 1)
        );
        assert!(answer.bytes().await.unwrap() == content[begin..end], "{range}");
    }
    let outside = part(bob, path, "Range", "bytes=12500000-").await;
    assert_eq!(
        (outside.status(), header(&outside, "content-range")),
        (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */12500000".into())
    );
    for several in ["bytes=0-1,5-6", "lines=1-2", "bytes=abc", "bytes=-99999999"] {
        assert_eq!(
            part(bob, path, "Range", several).await.status(),
            StatusCode::OK,
            "{several}"
        );
    }
    let tag = header(&bob.get(path).await, "etag");
    assert_eq!(
        part(bob, path, "If-None-Match", &tag).await.status(),
        StatusCode::NOT_MODIFIED
    );
}

/// What holds wherever files are kept.
async fn files_are_sent_and_served(pool: PgPool, config: Config) {
    let url = shared_redis();
    let (first, second) = two_with(pool, [url.clone(), url], config).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let bob = at(bob, &second);
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    let content = noise(12_500_000);
    let id = upload(&alice, "General", "tide tables.bin", &content).await;
    let text = upload(&alice, "General", "note.txt", b"").await;
    let frame = json!({"body": "see these", "client_id": Uuid::new_v4(), "files": [id, text]});
    at_alice.send(frame.to_string()).await;
    let frame = at_bob.until("see these").await;
    let found = addresses(&frame);
    assert_eq!(
        found,
        [
            format!("/files/{id}/tide%20tables.bin"),
            format!("/files/{text}/note.txt")
        ]
    );
    assert!(
        frame.contains("12.5 MB") && frame.contains("BIN") && frame.contains("0 bytes"),
        "{frame}"
    );
    assert_eq!(addresses(&bob.page("/chat/room/General").await), found);

    let whole = bob.get(&found[0]).await;
    assert_eq!(
        header(&whole, "content-disposition"),
        "attachment; filename*=UTF-8''tide%20tables.bin"
    );
    assert_eq!(header(&whole, "content-type"), "application/octet-stream");
    assert_eq!(header(&whole, "x-content-type-options"), "nosniff");
    assert_eq!(header(&whole, "cache-control"), "private, no-cache");
    assert!(header(&whole, "content-security-policy").starts_with("sandbox; default-src 'none'"));
    let tag = header(&whole, "etag");
    assert_eq!(whole.content_length(), Some(12_500_000));
    assert!(whole.bytes().await.unwrap() == content);
    assert!(bytes(&bob, &found[1]).await.is_empty());
    parts_are_served(&bob, &found[0], &content).await;
    // Whoever has kept it asks again, and may not see it any more.
    assert_eq!(
        part(&charlie, &found[0], "If-None-Match", &tag).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(charlie.get(&found[0]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        charlie.get(&format!("/files/{id}/thumbnail")).await.status(),
        StatusCode::NOT_FOUND
    );
    let visitor = first.visitor();
    let answer = visitor.get(&found[0]).await;
    assert_eq!(
        answer.headers()["location"].to_str().unwrap().split('?').next(),
        Some("/accounts/login")
    );
    let message = attributes(&frame, "data-seq")[0].clone();
    done(
        alice
            .post(&format!("/chat/room/General/messages/{message}/delete"), &[])
            .await,
    )
    .await;
    at_bob.until("Message deleted").await;
    assert_eq!(bob.get(&found[0]).await.status(), StatusCode::NOT_FOUND);
    let rows = async || {
        let query = "SELECT (SELECT count(*) FROM attachments), (SELECT count(*) FROM removed_objects)";
        sqlx::query_as::<_, (i64, i64)>(query)
            .fetch_one(&first.pool)
            .await
            .unwrap()
    };
    while rows().await != (0, 0) {
        sleep(Duration::from_millis(50)).await;
    }
}

#[sqlx::test]
async fn files_in_a_folder_are_sent_and_served_on_every_node(pool: PgPool) {
    let (config, folder) = own_folder();
    files_are_sent_and_served(pool, config).await;
    assert_eq!(kept(&folder).1, 0);
}

#[sqlx::test]
async fn files_in_a_bucket_are_sent_and_served_on_every_node(pool: PgPool) {
    let bucket = new_bucket().await;
    let config = Config {
        file_store: FileStore::S3(bucket.clone()),
        ..config()
    };
    files_are_sent_and_served(pool, config).await;
    // What is deleted is gone there too, and nothing of what is half there is left.
    for list in ["?list-type=2", "?uploads"] {
        let address = format!("{}{}{list}", bucket.endpoint.as_ref().unwrap(), bucket.name);
        let listed = reqwest::get(address).await.unwrap().text().await.unwrap();
        assert!(listed.contains("<Bucket") || listed.contains("<Name"), "{listed}");
        assert!(!listed.contains("<Key>"), "{listed}");
    }
}

#[sqlx::test]
async fn a_bucket_that_is_not_there_is_told_at_the_start(pool: PgPool) {
    let bucket = Bucket {
        name: "no-such-bucket".into(),
        ..new_bucket().await
    };
    let config = Config {
        file_store: FileStore::S3(bucket),
        ..config()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let served = app::serve(
        config,
        pool,
        Clock::default(),
        listener,
        CancellationToken::new(),
        |_| {},
    )
    .await;
    let told = served.unwrap_err().to_string();
    assert!(
        told.contains("files cannot be kept in S3_BUCKET") && told.contains("NoSuchBucket"),
        "{told}"
    );
}
