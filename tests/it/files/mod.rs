//! Files that go with messages.

mod limits;
mod outages;
mod pictures;
mod races;
mod removing;
mod sealing;
mod sending;
mod serving;
mod slow;

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use sqlx::PgPool;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use umbrachat::config::Config;
use uuid::Uuid;

use crate::program::{Folder, Server, command};
use crate::support::{BOUNDARY, PATIENCE, Person, account, attributes, config, multipart};

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

/// Sends a file as the page does, but only so many bytes of its form: the connection, and the bytes that are left.
async fn begin_upload(person: &Person, room: &str, content: &[u8], sent: usize) -> (TcpStream, Vec<u8>) {
    let mut body = multipart(&[], &[("file", "half.bin", content)]);
    let address = person.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /chat/room/{room}/files HTTP/1.1\r\nHost: a\r\nOrigin: {}\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\
         Accept: application/json\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
        person.address,
        person.cookies(),
        person.csrf_token().await,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let left = body.split_off(sent);
    stream.write_all(&body).await.unwrap();
    (stream, left)
}

/// Reads a download to its end, which may not be that of the file: what came, and whether it was said to be all.
async fn rest(mut answer: Response) -> (Vec<u8>, bool) {
    let mut came = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => came.extend_from_slice(&chunk),
            Ok(None) => return (came, true),
            Err(_) => return (came, false),
        }
    }
}

/// Waits until it holds, as it must.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let holding = async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = timeout(PATIENCE, holding).await;
    in_time.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// How many files there are in the database.
async fn rows(pool: &PgPool) -> i64 {
    let query = sqlx::query_scalar("SELECT count(*) FROM attachments");
    query.fetch_one(pool).await.unwrap()
}
