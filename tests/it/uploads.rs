//! What files cost the server, how many may be on their way, and what the log says of them.

use std::fs::File;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use sqlx::PgPool;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::files::{noise, send_file, upload, write_with};
use crate::program::{Folder, Server, command};
use crate::support::{BOUNDARY, Cast, Person, account, multipart, spawn};

/// The program by itself, with an administrator in the room General.
async fn program(folder: &Folder, environment: &[(&str, &str)]) -> (Server, Person) {
    let log = File::create(folder.path("log")).unwrap();
    let mut command = command(folder, &[]);
    for (name, value) in environment {
        command.env(name, value);
    }
    let server = Server::spawn_logged(command.stderr(log), &folder.path("data"));
    let line = server.line();
    let code = line.rsplit_once("code=").expect("the setup address").1;
    let admin = Person::new(&server.address);
    admin.post("/setup", &account("ada", &[("code", code)])).await;
    admin.make_room("General").await;
    admin.join("General").await;
    (server, admin)
}

/// The most memory that the program has had since it was asked last, in bytes.
fn peak(server: &Server) -> i64 {
    let of = |name: &str| format!("/proc/{}/{name}", server.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(of("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: i64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    std::fs::write(of("clear_refs"), "5").unwrap();
    kilobytes * 1024
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

/// A file of which half has come, as long as the connection stands.
async fn half_sent(person: &Person, token: &str) -> TcpStream {
    let body = multipart(&[], &[("file", "half.bin", &noise(300_000))]);
    let address = person.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /chat/room/General/files HTTP/1.1\r\nHost: a\r\nOrigin: {}\r\nCookie: {}\r\nX-CSRF-Token: {token}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
        person.address,
        person.cookies(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..200_000]).await.unwrap();
    stream
}

#[sqlx::test]
async fn a_person_has_three_files_on_their_way_at_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let token = alice.csrf_token().await;
    let mut streams = Vec::new();
    for count in 1..=3 {
        streams.push(half_sent(&alice, &token).await);
        let begun = async || {
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM attachments")
                .fetch_one(&server.pool)
                .await
                .unwrap()
        };
        while begun().await < count {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let refused = send_file(&alice, "General", "fourth", b"content").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    upload(&bob, "General", "bob's", b"content").await;
    streams.pop();
    while send_file(&alice, "General", "next", b"content").await.status() != StatusCode::CREATED {
        sleep(Duration::from_millis(20)).await;
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
