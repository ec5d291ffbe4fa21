//! The bare reference server: what is left of a chat when everything is left out that can be.
//!
//! It groups sockets, stores messages unencrypted with one durable insert per batch, and writes frames that were
//! encoded once straight to every socket; whoever comes back gets what was stored meanwhile; and it serves a page of
//! history from the same table. No log-ins, membership, keys, duplicates, nodes or limits: an upper bound for any chat
//! that stores before it delivers, on the same runtime and driver.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::rc::Rc;

use bytes::{BufMut, Bytes, BytesMut};
use chrono::Utc;
use memchr::memmem;
use serde::Deserialize;
use sqlx::PgPool;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tungstenite::handshake::derive_accept_key;
use uuid::Uuid;

use crate::cluster::Error;
use crate::frames::{CLOSE, TEXT};

/// Messages stored with one insert at most.
const BATCH: usize = 500;
/// Connections that may wait to be accepted. With the library's 128, some of 200 that come at once wait a second for
/// their next try.
const BACKLOG: u32 = 4096;

/// A room: who is in it, the number of its newest message, and that of the newest delivered.
#[derive(Default)]
struct Room {
    peers: Vec<Rc<Peer>>,
    newest: i64,
    delivered: i64,
}

/// A socket.
struct Peer {
    stream: TcpStream,
    /// What the socket did not take at once; a task of its own writes it then.
    backlog: RefCell<BytesMut>,
}

struct Job {
    room: Rc<str>,
    body: String,
    client_id: Uuid,
}

#[derive(Deserialize)]
struct Incoming {
    body: String,
    client_id: Uuid,
}

type Rooms = Rc<RefCell<HashMap<Rc<str>, Room>>>;

/// Runs until the process is ended.
pub fn run(database: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(database))
}

async fn serve(database: &str) -> Result<(), Error> {
    let pool = PgPool::connect(database).await?;
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    let rooms = Rooms::default();
    let (jobs, inbox) = mpsc::channel(5_000);
    spawn_local(store(pool.clone(), rooms.clone(), inbox));
    writeln!(
        std::io::stdout(),
        "The reference is ready: http://{}",
        listener.local_addr()?
    )?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        spawn_local(attend(stream, pool.clone(), rooms.clone(), jobs.clone()));
    }
}

/// Takes what waits, stores it, and delivers it after the commit.
async fn store(pool: PgPool, rooms: Rooms, mut inbox: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        let jobs = std::mem::take(&mut batch);
        let now = Utc::now();
        let seqs: Vec<i64> = jobs.iter().map(|job| next_number(&rooms, &job.room)).collect();
        let names: Vec<&str> = jobs.iter().map(|job| &*job.room).collect();
        let clients: Vec<Uuid> = jobs.iter().map(|job| job.client_id).collect();
        let bodies: Vec<&str> = jobs.iter().map(|job| job.body.as_str()).collect();
        let times = vec![now; jobs.len()];
        let stored = sqlx::query(
            "INSERT INTO messages SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[])",
        )
        .bind(&names)
        .bind(&seqs)
        .bind(&clients)
        .bind(&bodies)
        .bind(&times)
        .execute(&pool)
        .await;
        if let Err(error) = stored {
            let _ = writeln!(std::io::stderr(), "the reference could not store: {error}");
            return;
        }
        deliver(&rooms, &jobs, &seqs);
    }
}

fn next_number(rooms: &Rooms, name: &Rc<str>) -> i64 {
    let mut rooms = rooms.borrow_mut();
    let room = rooms.entry(name.clone()).or_default();
    room.newest += 1;
    room.newest
}

/// One frame per room, with all of the batch's messages, to every socket of the room.
fn deliver(rooms: &Rooms, jobs: &[Job], seqs: &[i64]) {
    let mut fragments: HashMap<&str, (i64, i64, String)> = HashMap::new();
    for (job, &seq) in jobs.iter().zip(seqs) {
        let (_, to, fragment) = fragments.entry(&job.room).or_insert((seq - 1, seq, String::new()));
        *to = seq;
        draw(fragment, &job.room, seq, job.client_id, &job.body);
    }
    let mut rooms = rooms.borrow_mut();
    for (name, (from, to, fragment)) in fragments {
        let frame = envelope(from, to, &fragment);
        let Some(room) = rooms.get_mut(name) else { continue };
        room.delivered = to;
        for peer in &room.peers {
            push(peer, &frame);
        }
    }
}

fn envelope(from: i64, to: i64, fragment: &str) -> Bytes {
    encode(&format!(
        r##"<hx-partial hx-target="#messages" hx-swap="beforeend" data-from="{from}" data-to="{to}">{fragment}</hx-partial>"##
    ))
}

/// A message about as long as the program's own, so that as many bytes travel.
fn draw(page: &mut String, room: &str, seq: i64, id: Uuid, body: &str) {
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        r#"<li id="m-{seq}" class="message continued" data-seq="{seq}" data-change="{seq}" data-author="{id}" data-client="{id}"><b class="author"><bdi>Load {room}</bdi> <span class="username">@{room}</span></b><time datetime="2026-01-01T00:00:00Z">00:00</time><p class="body" dir="auto">{body}</p></li>"#,
    );
}

fn encode(text: &str) -> Bytes {
    let mut frame = BytesMut::with_capacity(text.len() + 10);
    frame.put_u8(0x80 | TEXT);
    match u16::try_from(text.len()) {
        Ok(length @ 126..) => {
            frame.put_u8(126);
            frame.put_u16(length);
        }
        Ok(length) => frame.put_u8(u8::try_from(length).unwrap_or_default()),
        Err(_) => {
            frame.put_u8(127);
            frame.put_u64(text.len() as u64);
        }
    }
    frame.put_slice(text.as_bytes());
    frame.freeze()
}

/// Writes at once what the socket takes; the rest waits for it.
fn push(peer: &Rc<Peer>, frame: &Bytes) {
    let mut backlog = peer.backlog.borrow_mut();
    if backlog.is_empty() {
        let written = peer.stream.try_write(frame).unwrap_or(0);
        if written < frame.len() {
            backlog.extend_from_slice(&frame[written..]);
            spawn_local(flush(peer.clone()));
        }
    } else {
        backlog.extend_from_slice(frame);
    }
}

async fn flush(peer: Rc<Peer>) {
    while !peer.backlog.borrow().is_empty() {
        if peer.stream.writable().await.is_err() {
            return;
        }
        let mut backlog = peer.backlog.borrow_mut();
        match peer.stream.try_write(&backlog) {
            Ok(written) => drop(backlog.split_to(written)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// Serves pages or shakes hands, then reads messages until the other side goes.
async fn attend(stream: TcpStream, pool: PgPool, rooms: Rooms, jobs: mpsc::Sender<Job>) {
    let peer = Rc::new(Peer {
        stream,
        backlog: RefCell::default(),
    });
    let mut bytes = Vec::new();
    let Some((name, seen)) = shake_hands(&peer, &pool, &mut bytes).await else {
        return;
    };
    let name: Rc<str> = name.into();
    if come(&peer, &pool, &rooms, &name, seen).await.is_none() {
        return;
    }
    push(&peer, &encode("<hx-partial hx-target=\"#online\"></hx-partial>"));
    while let Some((opcode, payload, length)) = next_frame(&peer, &mut bytes).await {
        bytes.drain(..length);
        if opcode == CLOSE {
            break;
        }
        if opcode != TEXT {
            continue;
        }
        let Ok(Incoming { body, client_id }) = serde_json::from_slice(&payload) else {
            break;
        };
        let room = name.clone();
        if jobs.send(Job { room, body, client_id }).await.is_err() {
            break;
        }
    }
    if let Some(room) = rooms.borrow_mut().get_mut(&name) {
        room.peers.retain(|other| !Rc::ptr_eq(other, &peer));
    }
}

/// Sends what was stored after the message that the socket has seen, and lets it into the room.
async fn come(peer: &Rc<Peer>, pool: &PgPool, rooms: &Rooms, name: &Rc<str>, mut seen: i64) -> Option<()> {
    loop {
        // What is delivered by now is stored, so that the query finds it; what is not comes with its delivery.
        let delivered = {
            let mut rooms = rooms.borrow_mut();
            let room = rooms.entry(name.clone()).or_default();
            if seen >= room.delivered {
                room.peers.push(peer.clone());
                return Some(());
            }
            room.delivered
        };
        let rows: Vec<(i64, Uuid, String)> =
            sqlx::query_as("SELECT seq, client_id, body FROM messages WHERE room = $1 AND seq > $2 ORDER BY seq")
                .bind(&**name)
                .bind(seen)
                .fetch_all(pool)
                .await
                .ok()?;
        let mut fragment = String::new();
        for (seq, id, body) in rows.iter().filter(|(seq, ..)| *seq <= delivered) {
            draw(&mut fragment, name, *seq, *id, body);
        }
        push(peer, &envelope(seen, delivered, &fragment));
        seen = delivered;
    }
}

/// Answers requests for pages until one is a handshake; gives its room's name and the newest message it has seen.
async fn shake_hands(peer: &Rc<Peer>, pool: &PgPool, bytes: &mut Vec<u8>) -> Option<(String, i64)> {
    loop {
        let end = loop {
            if let Some(end) = memmem::find(bytes, b"\r\n\r\n") {
                break end + 4;
            }
            read(peer, bytes).await?;
        };
        let head = String::from_utf8(bytes.drain(..end).collect()).ok()?;
        let (path, query) = head.split(' ').nth(1)?.split_once('?')?;
        let name = path.rsplit('/').next()?;
        let answer = if let Some(key) = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")) {
            let accepted = derive_accept_key(key.as_bytes());
            let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept:";
            push(
                peer,
                &Bytes::from(format!(
                    "HTTP/1.1 101 Switching Protocols\r\n{headers} {accepted}\r\n\r\n"
                )),
            );
            let seen = query.split(['=', '&', ' ']).nth(1)?.parse().ok()?;
            return Some((name.to_owned(), seen));
        } else {
            let page = history(pool, name, query.strip_prefix("before=")?.parse().ok()?).await?;
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len())
        };
        push(peer, &Bytes::from(answer));
    }
}

/// Fifty messages before one.
async fn history(pool: &PgPool, room: &str, before: i64) -> Option<String> {
    let rows: Vec<(i64, Uuid, String)> = sqlx::query_as(
        "SELECT seq, client_id, body FROM messages WHERE room = $1 AND seq < $2 ORDER BY seq DESC LIMIT 50",
    )
    .bind(room)
    .bind(before)
    .fetch_all(pool)
    .await
    .ok()?;
    let mut page = String::new();
    for (seq, id, body) in rows.iter().rev() {
        draw(&mut page, room, *seq, *id, body);
    }
    Some(page)
}

/// The next masked frame: opcode, payload, and how many of `bytes` it took.
async fn next_frame(peer: &Peer, bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>, usize)> {
    loop {
        if let Some(frame) = masked_frame(bytes) {
            return Some(frame);
        }
        read(peer, bytes).await?;
    }
}

fn masked_frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (&[start, short], rest) = bytes.split_first_chunk::<2>()?;
    let (header, length) = match short & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => return None,
        short => (2, usize::from(short)),
    };
    let mask = bytes.get(header..header + 4)?;
    let payload = bytes.get(header + 4..header + 4 + length)?;
    let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    Some((start & 0x0f, plain.collect(), header + 4 + length))
}

async fn read(peer: &Peer, bytes: &mut Vec<u8>) -> Option<()> {
    loop {
        peer.stream.readable().await.ok()?;
        let mut buffer = [0; 4096];
        match peer.stream.try_read(&mut buffer) {
            Ok(0) => return None,
            Ok(length) => {
                bytes.extend_from_slice(&buffer[..length]);
                return Some(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}
