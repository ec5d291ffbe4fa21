//! A pooler like PgBouncer in its mode `transaction`: its connections to PostgreSQL carry everybody's transactions,
//! each in turn (`server_round_robin`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// Asks for TLS instead of naming a user.
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
/// Version 3.0 of the protocol.
const PROTOCOL: [u8; 4] = 0x0003_0000_u32.to_be_bytes();
const TERMINATE: u8 = b'X';
const READY_FOR_QUERY: u8 = b'Z';
/// The transaction status of a session that is in none.
const IDLE: u8 = b'I';

pub struct Pooler(u16);

/// The connections to PostgreSQL.
struct Sessions {
    streams: Vec<Mutex<TcpStream>>,
    next: AtomicUsize,
    /// What PostgreSQL said first, for every client.
    greeting: Vec<u8>,
}

impl Pooler {
    /// Passes on what comes to the PostgreSQL of these options, which asks for no password, by that many sessions.
    pub async fn start(options: PgConnectOptions, sessions: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sessions = Arc::new(Sessions::open(&options, sessions).await.unwrap());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&sessions)));
            }
        });
        Self(port)
    }

    pub fn port(&self) -> u16 {
        self.0
    }
}

impl Sessions {
    async fn open(options: &PgConnectOptions, count: usize) -> std::io::Result<Self> {
        let names = [
            "user",
            options.get_username(),
            "database",
            options.get_database().unwrap(),
        ];
        let startup = [&PROTOCOL[..], names.join("\0").as_bytes(), b"\0\0"].concat();
        let (mut streams, mut greeting) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let mut stream = TcpStream::connect((options.get_host(), options.get_port())).await?;
            stream.write_u32(u32::try_from(startup.len() + 4).unwrap()).await?;
            stream.write_all(&startup).await?;
            (greeting, _) = read_until_ready(&mut stream).await?;
            streams.push(Mutex::new(stream));
        }
        Ok(Self {
            streams,
            next: AtomicUsize::new(0),
            greeting,
        })
    }
}

async fn serve(mut client: TcpStream, sessions: Arc<Sessions>) -> std::io::Result<()> {
    let startup = read_rest(&mut client).await?;
    if startup[4..] == SSL_REQUEST {
        client.write_all(b"N").await?;
        read_rest(&mut client).await?;
    }
    client.write_all(&sessions.greeting).await?;
    loop {
        let mut kind = client.read_u8().await?;
        if kind == TERMINATE {
            return Ok(());
        }
        let turn = sessions.next.fetch_add(1, Ordering::Relaxed) % sessions.streams.len();
        let mut stream = sessions.streams[turn].lock().await;
        // Simple queries, until the transaction is over.
        loop {
            let rest = read_rest(&mut client).await?;
            stream.write_all(&[&[kind], &rest[..]].concat()).await?;
            let (answer, status) = read_until_ready(&mut stream).await?;
            client.write_all(&answer).await?;
            if status == IDLE {
                break;
            }
            kind = client.read_u8().await?;
        }
    }
}

/// Says to every client that it is PostgreSQL 14.
pub async fn start_old_postgres() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve_old(client));
        }
    });
    port
}

async fn serve_old(mut client: TcpStream) -> std::io::Result<()> {
    let startup = read_rest(&mut client).await?;
    if startup[4..] == SSL_REQUEST {
        client.write_all(b"N").await?;
        read_rest(&mut client).await?;
    }
    let ready = message(READY_FOR_QUERY, &[IDLE]);
    client
        .write_all(&[message(b'R', &[0; 4]), ready.clone()].concat())
        .await?;
    while client.read_u8().await? != TERMINATE {
        let query = read_rest(&mut client).await?;
        let value: &[u8] = match &query[4..] {
            b"SHOW server_version_num\0" => b"140019",
            b"SHOW server_version\0" => b"14.19",
            _ => b"",
        };
        // One column of type `text`, one row.
        let column = b"\0\x01name\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
        let row = [&[0, 1, 0, 0, 0, u8::try_from(value.len()).unwrap()], value].concat();
        let answer = [
            message(b'T', column),
            message(b'D', &row),
            message(b'C', b"SHOW\0"),
            ready.clone(),
        ];
        client.write_all(&answer.concat()).await?;
    }
    Ok(())
}

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], content].concat()
}

/// A message without its kind: its length and what it holds.
async fn read_rest(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(length as usize, 0);
    stream.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// PostgreSQL's messages until it is ready for the next query, and the status of the transaction then.
async fn read_until_ready(stream: &mut TcpStream) -> std::io::Result<(Vec<u8>, u8)> {
    let mut messages = Vec::new();
    loop {
        let kind = stream.read_u8().await?;
        let rest = read_rest(stream).await?;
        messages.push(kind);
        messages.extend_from_slice(&rest);
        if kind == READY_FOR_QUERY {
            return Ok((messages, rest[4]));
        }
    }
}
