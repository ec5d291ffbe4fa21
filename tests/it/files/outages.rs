//! Files while what they are kept in is away.

use image::ImageFormat;
use reqwest::StatusCode;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use umbrachat::config::{Bucket, Config, FileStore, Secret};
use umbrachat::database;

use super::{begin_upload, bytes, kept, noise, number, own_folder, rest, rows, send_file, until, upload, write_with};
use crate::outages::Line;
use crate::pictures::picture;
use crate::services::new_bucket;
use crate::subscriptions::with_keys_of;
use crate::support::{Cast, config, spawn_with};

#[sqlx::test]
async fn while_the_store_is_away_only_files_are(pool: PgPool) {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bucket = Bucket {
        name: "nobody".into(),
        endpoint: Some(format!("http://{free}").parse().unwrap()),
        region: "eu-central-1".into(),
        access_key: "a".into(),
        secret_key: Secret::new("b"),
    };
    let config = Config {
        file_store: FileStore::S3(bucket),
        ..config()
    };
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    for content in [noise(1_000), picture(ImageFormat::Png)] {
        let answer = send_file(&alice, "General", "a.bin", &content).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(rows(&server.pool).await, 0);
    alice.write("General", "words still go").await;
    assert!(bob.page("/chat/room/General").await.contains("words still go"));
}

/// Sends what is left of an upload, which is answered that it cannot be taken right now.
async fn is_told_to_come_again((mut stream, left): (TcpStream, Vec<u8>)) {
    stream.write_all(&left).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with('}') {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert_ne!(read, 0, "ended after {answer}");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\"code\":\"unavailable\""), "{answer}");
}

#[sqlx::test]
async fn a_store_that_goes_away_while_a_file_comes_leaves_nothing_of_it(pool: PgPool) {
    let bucket = new_bucket().await;
    let store = bucket.endpoint.clone().unwrap();
    let line = Line::to(store.host_str().unwrap().to_owned(), store.port().unwrap()).await;
    let address = format!("{store}{}", bucket.name);
    let listed = async |list| {
        reqwest::get(format!("{address}?{list}"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let config = Config {
        file_store: FileStore::S3(Bucket {
            endpoint: Some(format!("http://{}", line.address).parse().unwrap()),
            ..bucket
        }),
        ..config()
    };
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let content = noise(12_000_000);
    let begun = begin_upload(&alice, "General", &content, 11_000_000).await;
    until("some of it is in the store", async || {
        listed("uploads").await.contains("<Key>")
    })
    .await;
    line.cut();
    is_told_to_come_again(begun).await;
    until("it is noted nowhere", async || rows(&server.pool).await == 0).await;
    line.mend();
    let again = upload(&alice, "General", "half.bin", &content).await;
    number(&write_with(&alice, "General", "", &[&again]).await);
    assert!(bytes(&bob, &format!("/files/{again}/half.bin")).await == content);
    let objects = listed("list-type=2").await;
    assert_eq!(objects.matches("<Key>").count(), 1, "{objects}");
}

#[sqlx::test]
async fn a_file_that_comes_while_the_database_stands_still_is_refused(_: PgPoolOptions, options: PgConnectOptions) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let content = noise(3_000_000);
    let begun = begin_upload(&alice, "General", &content, 2_000_000).await;
    until("something of it has come", async || kept(&folder).1 == 1).await;
    line.freeze();
    is_told_to_come_again(begun).await;
    line.thaw();
    // Its turn is given back, and another one comes whole.
    for _ in 0..3 {
        let again = upload(&alice, "General", "half.bin", &content).await;
        number(&write_with(&alice, "General", "", &[&again]).await);
        assert!(bytes(&bob, &format!("/files/{again}/half.bin")).await == content);
    }
}

#[sqlx::test]
async fn a_file_that_comes_while_the_database_goes_away_is_refused_and_comes_anew(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let direct = database::pool(options.clone());
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let content = noise(3_000_000);
    // As many as somebody has on their way at once: each of them gives its turn back.
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(begin_upload(&alice, "General", &content, 2_000_000).await);
    }
    until("something of each has come", async || kept(&folder).1 == 3).await;
    line.cut();
    for upload in streams {
        is_told_to_come_again(upload).await;
    }
    line.mend();
    let again = upload(&alice, "General", "half.bin", &content).await;
    number(&write_with(&alice, "General", "", &[&again]).await);
    assert!(bytes(&bob, &format!("/files/{again}/half.bin")).await == content);
    // What was noted of the others nobody can send, and it goes with what nobody sends.
    let unsent: Vec<String> = sqlx::query_scalar("SELECT id::text FROM attachments WHERE seq IS NULL")
        .fetch_all(&direct)
        .await
        .unwrap();
    for id in &unsent {
        let answer = write_with(&alice, "General", "", &[id]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    sqlx::query("UPDATE attachments SET created_at = created_at - interval '61 minutes' WHERE seq IS NULL")
        .execute(&direct)
        .await
        .unwrap();
    // A node that starts looks at once.
    let config = Config {
        data_dir: config.data_dir,
        ..with_keys_of(&server)
    };
    let mut second = spawn_with(direct.clone(), config).await;
    let is_one_left = async || rows(&direct).await == 1 && kept(&folder).1 == 1;
    until("one file is left", is_one_left).await;
    assert!(bytes(&bob, &format!("/files/{again}/half.bin")).await == content);
    second.stop().await;
    direct.close().await;
}

#[sqlx::test]
async fn a_download_that_has_begun_needs_no_database(_: PgPoolOptions, options: PgConnectOptions) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let (config, _) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    // Much more than is on its way at once.
    let content = noise(24_000_000);
    let id = upload(&alice, "General", "large.bin", &content).await;
    number(&write_with(&alice, "General", "", &[&id]).await);
    let path = format!("/files/{id}/large.bin");
    let mut answer = bob.get(&path).await;
    let begin = answer.chunk().await.unwrap().unwrap();
    line.cut();
    assert_eq!(bob.get(&path).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let (came, is_whole) = rest(answer).await;
    assert!(is_whole && [&begin[..], &came].concat() == content);
    line.mend();
    assert!(bytes(&bob, &path).await == content);
}

#[sqlx::test]
async fn a_download_whose_end_cannot_be_read_is_seen_to_be_cut(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let content = noise(3_000_000);
    let id = upload(&alice, "General", "broken.bin", &content).await;
    number(&write_with(&alice, "General", "", &[&id]).await);
    let path = format!("/files/{id}/broken.bin");
    let object = folder.join(&id[id.len() - 2..]).join(&id);
    let sealed = std::fs::read(&object).unwrap();
    let mut altered = sealed.clone();
    altered[2_900_000] ^= 1;
    // Cut between two chunks, in one, and altered.
    for broken in [&sealed[..40 * (65_536 + 16)], &sealed[..2_900_000], &altered] {
        std::fs::write(&object, broken).unwrap();
        for range in ["bytes=0-", "bytes=100000-2999999"] {
            let request = bob.client.get(format!("{}{path}", bob.address));
            let answer = request.header("Range", range).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
            let (came, is_whole) = rest(answer).await;
            let begin = if range == "bytes=0-" { 0 } else { 100_000 };
            assert!(!is_whole && content[begin..].starts_with(&came), "{range}");
        }
    }
    std::fs::write(&object, &sealed).unwrap();
    assert!(bytes(&bob, &path).await == content);
}
