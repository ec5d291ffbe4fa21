//! When files are gone, and that nothing is left of them.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use umbrachat::config::Config;
use uuid::Uuid;

use super::{addresses, begin_upload, bytes, emptied, kept, noise, number, own_folder, rows, upload, write_with};
use crate::own_rooms::make_room;
use crate::support::{Cast, PASSWORD, done, spawn_with};

#[sqlx::test]
async fn an_upload_that_breaks_off_leaves_nothing(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, .. } = server.cast().await;
    let (stream, _) = begin_upload(&alice, "General", &noise(3_000_000), 2_000_000).await;
    while rows(&server.pool).await == 0 || kept(&folder).1 == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    drop(stream);
    while rows(&server.pool).await > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    emptied(&folder).await;
}

#[sqlx::test]
async fn what_nobody_sends_within_an_hour_is_removed(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, .. } = server.cast().await;
    let sent = upload(&alice, "General", "sent.txt", b"sent").await;
    number(&write_with(&alice, "General", "", &[&sent]).await);
    let late = upload(&alice, "General", "late.txt", b"late").await;
    let early = upload(&alice, "General", "early.txt", b"early").await;
    for (file, minutes) in [(&late, 61), (&early, 58)] {
        sqlx::query("UPDATE attachments SET created_at = now() - $2 * interval '1 minute' WHERE id = $1")
            .bind(Uuid::parse_str(file).unwrap())
            .bind(minutes)
            .execute(&server.pool)
            .await
            .unwrap();
    }
    // A node that starts looks at once.
    let config = Config {
        data_dir: folder.parent().unwrap().to_owned(),
        ..crate::subscriptions::with_keys_of(&server)
    };
    let mut second = spawn_with(server.pool.clone(), config).await;
    let unsent = async || {
        let query = "SELECT id::text FROM attachments WHERE seq IS NULL";
        sqlx::query_scalar::<_, String>(query)
            .fetch_all(&server.pool)
            .await
            .unwrap()
    };
    while unsent().await.contains(&late) {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(unsent().await, [early.as_str()]);
    let answer = write_with(&alice, "General", "too late", &[&late]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    while kept(&folder).1 > 2 {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(bytes(&alice, &format!("/files/{sent}/sent.txt")).await, b"sent");
    second.stop().await;
}

#[sqlx::test]
async fn files_go_with_their_room_and_their_author(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    let own = make_room(&bob, "Own", &[]).await;
    for (person, room) in [(&alice, "General"), (&bob, own.as_str())] {
        let sent = upload(person, room, "sent.txt", b"sent").await;
        number(&write_with(person, room, "", &[&sent]).await);
        upload(person, room, "unsent.txt", b"unsent").await;
    }
    assert_eq!(kept(&folder).1, 4);
    done(bob.post(&format!("/chat/room/{own}/delete"), &[("title", "Own")]).await).await;
    let fields = [("password", PASSWORD), ("username", "alice")];
    done(alice.post("/settings/delete", &fields).await).await;
    emptied(&folder).await;
    let page = admin.get("/chat/room/General").await;
    assert_eq!(addresses(&page.text().await.unwrap()), Vec::<String>::new());
}

#[sqlx::test]
async fn a_room_that_is_deleted_while_a_file_comes_leaves_nothing(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { bob, .. } = server.cast().await;
    let own = make_room(&bob, "Own", &[]).await;
    let (mut stream, left) = begin_upload(&bob, &own, &noise(3_000_000), 2_000_000).await;
    while kept(&folder).1 == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    done(bob.post(&format!("/chat/room/{own}/delete"), &[("title", "Own")]).await).await;
    while rows(&server.pool).await > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    stream.write_all(&left).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    emptied(&folder).await;
}
