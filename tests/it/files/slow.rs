//! Whoever sends or reads slowly, or not at all any more.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::{begin_upload, bytes, kept, noise, number, own_folder, peak, program, rows, until, upload, write_with};
use crate::program::Folder;
use crate::support::{Cast, Person, spawn_with};

/// Within this time it must be noticed that somebody has stood still for a minute.
const NOTICED: Duration = Duration::from_secs(120);

/// The connection by which somebody asks for a file. Little of it fits between the server and them.
async fn begin_download(person: &Person, path: &str) -> TcpStream {
    let address = person.address.strip_prefix("http://").unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n", person.cookies());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The server's end of a connection, as the system knows it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// All that the server has written has arrived.
    Open,
    /// What the server writes waits until the other side reads.
    Stuck,
    /// The server has ended it.
    Ended,
}

fn end(stream: &TcpStream) -> End {
    let hex = |address: SocketAddr| match address {
        SocketAddr::V4(address) => {
            format!(
                "{:08X}:{:04X}",
                u32::from_le_bytes(address.ip().octets()),
                address.port()
            )
        }
        SocketAddr::V6(_) => unreachable!("the tests listen on IPv4"),
    };
    let (near, far) = (hex(stream.peer_addr().unwrap()), hex(stream.local_addr().unwrap()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // The addresses, the state (01 while it stands), and how much waits to be sent and to be read.
    let found = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|fields| fields[1] == near && fields[2] == far);
    match found {
        Some(fields) if fields[3] == "01" && fields[4].starts_with("00000000:") => End::Open,
        Some(fields) if fields[3] == "01" => End::Stuck,
        _ => End::Ended,
    }
}

/// More of them than there are connections to the database.
#[tokio::test]
async fn readers_who_stop_hold_little_memory_and_nobody_up() {
    const READERS: usize = 24;
    let folder = Folder::new();
    let (server, ada) = program(&folder, &[("MESSAGE_RATE", "1000")]).await;
    let content = noise(12_000_000);
    let id = upload(&ada, "General", "large", &content).await;
    number(&write_with(&ada, "General", "", &[&id]).await);
    let path = format!("/files/{id}/large");
    assert!(bytes(&ada, &path).await == content);
    let before = peak(&server);
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(begin_download(&ada, &path).await);
    }
    let are_stuck = async || readers.iter().all(|reader| end(reader) == End::Stuck);
    until("nothing more fits between the server and them", are_stuck).await;
    // The others go on: who reads pages, and who writes, sends and fetches.
    for n in 0..30 {
        let page = ada.get("/chat/room/General").await;
        assert_eq!(page.status(), StatusCode::OK, "page {n}");
    }
    let note = upload(&ada, "General", "note.txt", b"note").await;
    number(&write_with(&ada, "General", "", &[&note]).await);
    assert_eq!(bytes(&ada, &format!("/files/{note}/note.txt")).await, b"note");
    let grown = peak(&server) - before;
    assert!(readers.iter().all(|reader| end(reader) == End::Stuck));
    assert!(grown < 120_000_000, "{READERS} readers hold {grown} bytes");
    // Whoever goes on reading gets all of it.
    let mut came = Vec::new();
    let reader = readers.pop().unwrap();
    let length = u64::try_from(content.len()).unwrap();
    let head = b"content-length: 12000000";
    reader.take(length).read_to_end(&mut came).await.unwrap();
    assert!(came.windows(head.len()).any(|part| part == head));
    let begin = came.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    assert!(came[begin..] == content[..came.len() - begin]);
    server.stop();
}

#[sqlx::test]
async fn whoever_stands_still_for_a_minute_is_ended_and_leaves_nothing(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let content = noise(12_000_000);
    let id = upload(&bob, "General", "large", &content).await;
    number(&write_with(&bob, "General", "", &[&id]).await);
    let mut unread = begin_download(&bob, &format!("/files/{id}/large")).await;
    // One sends nothing more, another one a byte now and then.
    let (mut silent, _) = begin_upload(&alice, "General", &noise(3_000_000), 2_000_000).await;
    let (slow, _) = begin_upload(&alice, "General", &noise(300_000), 20_000).await;
    let have_begun = async || rows(&server.pool).await == 3 && kept(&folder).1 == 2;
    until("both uploads have begun", have_begun).await;
    let (mut slow, mut writer) = slow.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    let mut answer = String::new();
    let told = async {
        while !answer.contains("The file did not arrive whole.") {
            let mut part = [0; 1024];
            let read = slow.read(&mut part).await.unwrap();
            assert_ne!(read, 0, "ended after {answer}");
            answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
    };
    timeout(NOTICED, told).await.expect("the slow one is told");
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    drop(slow);
    trickle.await.unwrap();
    let mut nothing = Vec::new();
    let ended = timeout(NOTICED, silent.read_to_end(&mut nothing)).await;
    // The end may come as a reset.
    ended.expect("the silent one is ended").ok();
    let ended = async {
        while end(&unread) != End::Ended {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(NOTICED, ended)
        .await
        .expect("the one who does not read is ended");
    let mut came = Vec::new();
    unread.read_to_end(&mut came).await.ok();
    assert!(came.len() < content.len(), "cut");
    let is_one_left = async || rows(&server.pool).await == 1 && kept(&folder).1 == 1;
    until("nothing is left of them", is_one_left).await;
    assert!(bytes(&bob, &format!("/files/{id}/large")).await == content);
}
