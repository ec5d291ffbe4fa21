//! A pooler like PgBouncer in its mode `transaction`, with one connection to PostgreSQL: everybody's transactions, one
//! after the other.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// Asks for TLS instead of naming a user.
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
const TERMINATE: u8 = b'X';
const READY_FOR_QUERY: u8 = b'Z';
/// The transaction status of a session that is in none.
const IDLE: u8 = b'I';

pub struct Pooler(u16);

/// The one connection to PostgreSQL.
struct Session {
    stream: TcpStream,
    /// What PostgreSQL said to the first client, for the others.
    greeting: Vec<u8>,
}

impl Pooler {
    /// Passes on what comes to the PostgreSQL of these options, which asks for no password.
    pub async fn start(options: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let session = Arc::new(Mutex::new(None));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let postgresql = (options.get_host().to_owned(), options.get_port());
                tokio::spawn(serve(client, postgresql, Arc::clone(&session)));
            }
        });
        Self(port)
    }

    pub fn port(&self) -> u16 {
        self.0
    }
}

async fn serve(
    mut client: TcpStream,
    postgresql: (String, u16),
    session: Arc<Mutex<Option<Session>>>,
) -> std::io::Result<()> {
    let mut startup = read_rest(&mut client).await?;
    if startup[4..] == SSL_REQUEST {
        client.write_all(b"N").await?;
        startup = read_rest(&mut client).await?;
    }
    let mut turn = session.lock().await;
    if turn.is_none() {
        let mut stream = TcpStream::connect(postgresql).await?;
        stream.write_all(&startup).await?;
        let (greeting, _) = read_until_ready(&mut stream).await?;
        *turn = Some(Session { stream, greeting });
    }
    client.write_all(&turn.as_ref().unwrap().greeting).await?;
    drop(turn);
    loop {
        let mut kind = client.read_u8().await?;
        let mut turn = session.lock().await;
        let stream = &mut turn.as_mut().unwrap().stream;
        // Simple queries, until the transaction is over.
        loop {
            let rest = read_rest(&mut client).await?;
            if kind == TERMINATE {
                return Ok(());
            }
            stream.write_all(&[&[kind], &rest[..]].concat()).await?;
            let (answer, status) = read_until_ready(stream).await?;
            client.write_all(&answer).await?;
            if status == IDLE {
                break;
            }
            kind = client.read_u8().await?;
        }
    }
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
