//! Files while what they are kept in is away.

use image::ImageFormat;
use reqwest::StatusCode;
use sqlx::PgPool;
use umbrachat::config::{Bucket, Config, FileStore, Secret};

use super::{noise, rows, send_file};
use crate::pictures::picture;
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
