//! Files that go with messages: who may send them, what is kept of them, who gets them, and when they are gone.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::{Response, StatusCode};
use serde_json::json;
use sqlx::PgPool;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use umbrachat::app;
use umbrachat::config::{Bucket, Config, FileStore, Secret};
use umbrachat::state::Clock;
use uuid::Uuid;

use crate::encryption::{dump, program, python};
use crate::nodes::{at, two_with};
use crate::own_rooms::make_room;
use crate::pictures::picture;
use crate::services::{new_bucket, shared_redis};
use crate::support::{
    BOUNDARY, Cast, PASSWORD, PATIENCE, Person, attributes, config, done, multipart, spawn, spawn_with,
};

const CANARY: &str = "canary-file-51 the tide turns at noon";

/// A configuration whose files are in a folder of their own.
fn own_folder() -> (Config, PathBuf) {
    let data_dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{}", Uuid::new_v4()));
    let folder = data_dir.join("files");
    let config = Config { data_dir, ..config() };
    (config, folder)
}

/// How many bytes are kept in the folder, and how many files.
fn kept(folder: &PathBuf) -> (u64, usize) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return (0, 0);
    };
    entries
        .map(|entry| entry.unwrap())
        .fold((0, 0), |(bytes, files), entry| {
            // What is removed meanwhile is not there.
            let (more, others) = match entry.metadata() {
                Ok(found) if found.is_dir() => kept(&entry.path()),
                Ok(found) => (found.len(), 1),
                Err(_) => (0, 0),
            };
            (bytes + more, files + others)
        })
}

/// Waits until nothing is kept in the folder.
async fn emptied(folder: &PathBuf) {
    while kept(folder).1 > 0 {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends a file as the page does; the answer.
pub async fn send_file(person: &Person, room: &str, name: &str, content: &[u8]) -> Response {
    let request = person.client.post(format!("{}/chat/room/{room}/files", person.address));
    let request = request
        .header("Origin", &person.address)
        .header("Accept", "application/json")
        .header("X-CSRF-Token", person.csrf_token().await)
        .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
    request
        // Large ones take a while without optimisation.
        .timeout(PATIENCE)
        .body(multipart(&[], &[("file", name, content)]))
        .send()
        .await
        .unwrap()
}

/// The id of a file that is taken.
pub async fn upload(person: &Person, room: &str, name: &str, content: &[u8]) -> String {
    let answer = send_file(person, room, name, content).await;
    let status = answer.status();
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// Writes a message with files; the answer.
pub async fn write_with(person: &Person, room: &str, body: &str, files: &[&str]) -> Response {
    let id = Uuid::new_v4().to_string();
    let mut fields = vec![("body", body), ("client_id", id.as_str())];
    fields.extend(files.iter().map(|file| ("files", *file)));
    person.post(&format!("/chat/room/{room}/messages"), &fields).await
}

/// The number of the message that the answer leads to.
fn number(answer: &Response) -> i64 {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()["location"].to_str().unwrap();
    location.rsplit_once("#m-").unwrap().1.parse().unwrap()
}

async fn bytes(person: &Person, path: &str) -> Vec<u8> {
    let answer = person.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// The addresses of files on a page or in a frame.
fn addresses(html: &str) -> Vec<String> {
    let links = attributes(html, "href").into_iter();
    links.filter(|link| link.starts_with("/files/")).collect()
}

/// Bytes of which no part looks like another.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[1]
    };
    (0..length).map(step).collect()
}

async fn part(person: &Person, path: &str, header: &str, value: &str) -> Response {
    let request = person.client.get(format!("{}{path}", person.address));
    request.header(header, value).send().await.unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
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

#[sqlx::test]
async fn an_upload_that_breaks_off_leaves_nothing(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, .. } = server.cast().await;
    let body = multipart(&[], &[("file", "half.bin", &noise(3_000_000))]);
    let mut stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "POST /chat/room/General/files HTTP/1.1\r\nHost: a\r\nOrigin: {}\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
        server.address,
        alice.cookies(),
        alice.csrf_token().await,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..2_000_000]).await.unwrap();
    let rows = async || {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM attachments")
            .fetch_one(&server.pool)
            .await
            .unwrap()
    };
    while rows().await == 0 || kept(&folder).1 == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    drop(stream);
    while rows().await > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    emptied(&folder).await;
}

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
    let rows = "SELECT count(*) FROM attachments";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(rows)
            .fetch_one(&server.pool)
            .await
            .unwrap(),
        0
    );
    alice.write("General", "words still go").await;
    assert!(bob.page("/chat/room/General").await.contains("words still go"));
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
    let body = multipart(&[], &[("file", "slow.bin", &noise(3_000_000))]);
    let mut stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "POST /chat/room/{own}/files HTTP/1.1\r\nHost: a\r\nOrigin: {}\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
        server.address,
        bob.cookies(),
        bob.csrf_token().await,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..2_000_000]).await.unwrap();
    while kept(&folder).1 == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    done(bob.post(&format!("/chat/room/{own}/delete"), &[("title", "Own")]).await).await;
    let rows = async || {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM attachments")
            .fetch_one(&server.pool)
            .await
            .unwrap()
    };
    while rows().await > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    stream.write_all(&body[2_000_000..]).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer)
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    emptied(&folder).await;
}

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

/// A JPEG file of 400 by 200 pixels that says where it was taken, and that it lies on its side.
fn photograph() -> Vec<u8> {
    let plain = picture(ImageFormat::Jpeg);
    // Exif (CIPA DC-008): one directory with the orientation "turn right", and the canary behind it.
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.extend(CANARY.bytes());
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xFF, 0xE1], &length, &exif, &plain[2..]].concat()
}

#[sqlx::test]
async fn pictures_stand_upright_and_tell_nothing_but_what_is_seen(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let answer = send_file(&alice, "General", "beach.jpg", &photograph()).await;
    let told: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (told["name"].as_str(), told["type"].as_str()),
        (Some("beach.jpg"), Some("image/jpeg"))
    );
    let id = told["id"].as_str().unwrap();
    number(&write_with(&alice, "General", "look", &[id]).await);
    let page = bob.page("/chat/room/General").await;
    // The space that it takes is there before it is.
    assert!(
        page.contains("data-picture data-name=\"beach.jpg\" data-width=\"200\" data-height=\"400\""),
        "{page}"
    );
    assert!(
        page.contains("width=\"160\" height=\"320\" alt=\"beach.jpg\""),
        "{page}"
    );
    for path in [format!("/files/{id}/beach.jpg"), format!("/files/{id}/thumbnail")] {
        let answer = bob.get(&path).await;
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        let served = answer.bytes().await.unwrap();
        assert!(!served.windows(6).any(|part| part == &CANARY.as_bytes()[..6]), "{path}");
        let seen = image::load_from_memory(&served).unwrap().to_rgb8();
        assert_eq!(seen.dimensions(), (200, 400), "{path}");
        // The left half, which is red, is above now.
        assert!(
            seen.get_pixel(100, 50)[0] > 200 && seen.get_pixel(100, 350)[0] < 50,
            "{path}"
        );
        assert_eq!(charlie.get(&path).await.status(), StatusCode::NOT_FOUND);
    }
    // What came is not kept beside it.
    assert_eq!(kept(&folder).1, 2);
    let disposition = bob.get(&format!("/files/{id}/x")).await.headers()["content-disposition"].clone();
    assert_eq!(disposition, "inline; filename*=UTF-8''beach.jpg");
}

#[sqlx::test]
async fn what_looks_like_a_picture_is_one_or_is_refused(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    // 50,000 by 50,000 pixels, says its head.
    let mut huge = picture(ImageFormat::Png);
    huge[16..24].copy_from_slice(&[0, 0, 0xC3, 0x50, 0, 0, 0xC3, 0x50]);
    let broken = picture(ImageFormat::Jpeg)[..800].to_vec();
    for (name, content) in [
        ("huge.png", &huge),
        ("broken.jpg", &broken),
        ("empty.gif", &b"GIF89a".to_vec()),
    ] {
        let answer = send_file(&alice, "General", name, content).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    emptied(&folder).await;
    // A page in the clothes of a picture keeps nothing of the page.
    let polyglot = [&picture(ImageFormat::Png)[..], b"<script>alert(1)</script>"].concat();
    let id = upload(&alice, "General", "page.html", &polyglot).await;
    number(&write_with(&alice, "General", "", &[&id]).await);
    let answer = bob.get(&format!("/files/{id}/page.html")).await;
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert!(!answer.bytes().await.unwrap().windows(7).any(|part| part == b"<script"));
    for (name, content) in [
        (
            "a.svg",
            &b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"[..],
        ),
        ("a.html", b"<!doctype html><script>alert(1)</script>"),
        ("a.png", b"no picture at all"),
    ] {
        let id = upload(&alice, "General", name, content).await;
        number(&write_with(&alice, "General", "", &[&id]).await);
        let answer = bob.get(&format!("/files/{id}/{name}")).await;
        assert_eq!(answer.headers()["content-type"], "application/octet-stream", "{name}");
        assert!(
            answer.headers()["content-disposition"]
                .to_str()
                .unwrap()
                .starts_with("attachment"),
            "{name}"
        );
    }
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
    let rows = "SELECT count(*) FROM attachments";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(rows)
            .fetch_one(&server.pool)
            .await
            .unwrap(),
        2
    );
    // No file was chosen: what was typed stays.
    let answer = send(&fields, &[("file", "", b"")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Choose a file.") && page.contains("both of them") && page.contains(&id));
    let broken = picture(ImageFormat::Jpeg)[..800].to_vec();
    let answer = send(&fields, &[("file", "one.txt", b"1"), ("file", "a.jpg", &broken)]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("both of them"));
    assert_eq!(
        sqlx::query_scalar::<_, i64>(rows)
            .fetch_one(&server.pool)
            .await
            .unwrap(),
        2
    );
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

#[sqlx::test]
async fn an_animation_keeps_moving_without_what_else_was_in_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut file = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
        encoder.set_repeat(image::codecs::gif::Repeat::Infinite).unwrap();
        for red in [0, 120, 240] {
            let frame = DynamicImage::from(RgbImage::from_pixel(20, 10, image::Rgb([red, 0, 0]))).to_rgba8();
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    }
    // A comment before the end of the file.
    file.pop();
    file.extend([0x21, 0xFE, u8::try_from(CANARY.len()).unwrap()]);
    file.extend(CANARY.bytes());
    file.extend([0, 0x3B]);
    let id = upload(&alice, "General", "moon.gif", &file).await;
    number(&write_with(&alice, "General", "", &[&id]).await);
    let served = bytes(&bob, &format!("/files/{id}/moon.gif")).await;
    assert!(!served.windows(6).any(|part| part == &CANARY.as_bytes()[..6]));
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(served)).unwrap();
    let frames: Vec<_> = image::AnimationDecoder::into_frames(decoder)
        .map(|frame| frame.unwrap().into_buffer())
        .collect();
    assert_eq!(frames.len(), 3);
    assert!(frames[2].get_pixel(5, 5)[0] > 200 && frames[0].get_pixel(5, 5)[0] < 50);
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
            program(1),
            program(2)
        );
        let object = folder.join(&id[id.len() - 2..]).join(&id);
        let read = python(&call, &[&id, object.to_str().unwrap(), &keys.0, &keys.1, &server.keys]);
        assert!(read == content);
    }
}
