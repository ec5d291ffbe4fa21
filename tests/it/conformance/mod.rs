//! The socket byte by byte: what RFC 6455 asks of a server, from a client that keeps no rule. After every test a
//! well-behaved page still works.

mod frames;
mod handshake;
mod silence;

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, Person, Server, numbers};

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FIN: u8 = 0x80;

/// The example key of RFC 6455 and the answer to it (section 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPTED: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A socket without a library.
struct Raw(TcpStream);

/// The handshake of a browser, with a line more or less.
fn handshake(person: &Person, without: &str, with: &str) -> String {
    let host = person.address.strip_prefix("http://").unwrap();
    let lines = [
        format!("Host: {host}"),
        format!("Origin: {}", person.address),
        format!("Cookie: {}", person.cookies()),
        "Connection: keep-alive, Upgrade".into(),
        "Upgrade: WebSocket".into(),
        "Sec-WebSocket-Version: 13".into(),
        format!("Sec-WebSocket-Key: {KEY}"),
    ];
    let mut request = "GET /ws/chatroom/General HTTP/1.1\r\n".to_owned();
    for line in lines
        .iter()
        .filter(|line| without.is_empty() || !line.starts_with(without))
    {
        request.extend([line, "\r\n"]);
    }
    request + with + "\r\n"
}

/// Sends these bytes as a request; gives the status line and headers of the answer (empty when there is none).
async fn ask(person: &Person, request: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(person.address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    // The server may have refused, and closed, before everything is out.
    stream.write_all(request.as_bytes()).await.ok();
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
    };
    timeout(PATIENCE, reading).await.expect("an answer or the end");
    (stream, String::from_utf8(head).unwrap())
}

impl Raw {
    async fn of(person: &Person) -> Self {
        let (stream, head) = ask(person, &handshake(person, "", "")).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let head = head.to_ascii_lowercase();
        for line in ["upgrade: websocket", "connection: upgrade"] {
            assert!(head.contains(line), "{head}");
        }
        assert!(head.contains(&format!("sec-websocket-accept: {}", ACCEPTED.to_ascii_lowercase())));
        // Nothing was offered, so nothing may be chosen.
        assert!(!head.contains("sec-websocket-extensions") && !head.contains("sec-websocket-protocol"));
        Self(stream)
    }

    /// Sends bytes as they are. The other side may be gone before the last of them.
    async fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.ok();
    }

    /// A masked frame with the shortest length; `first` is FIN, reserved bits and opcode.
    async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.bytes(&frame(first, payload)).await;
    }

    /// The next frame.
    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, self.read())
            .await
            .expect("a frame or the end in time")
    }

    /// The next frame, which must be final and not masked; None at the end, which must be orderly: a reset could
    /// overtake what was said before it.
    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = match self.0.read_u8().await {
            Ok(first) => first,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(error) => panic!("no orderly end: {error}"),
        };
        assert_eq!(first & 0xF0, FIN, "servers send whole frames without reserved bits");
        let length = match self.0.read_u8().await.ok()? {
            126 => u64::from(self.0.read_u16().await.ok()?),
            127 => self.0.read_u64().await.ok()?,
            length @ 0..126 => u64::from(length),
            _ => panic!("servers do not mask"),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((first & 0x0F, payload))
    }

    /// The next frame that is not text.
    async fn control(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let frame = self.next().await;
            if !matches!(frame, Some((TEXT, _))) {
                return frame;
            }
        }
    }

    /// The next text frame that holds this.
    async fn until(&mut self, wanted: &str) -> String {
        loop {
            let (opcode, payload) = self.next().await.expect("the socket is open");
            let text = String::from_utf8(payload).unwrap();
            assert_eq!(opcode, TEXT, "{text}");
            if text.contains(wanted) {
                return text;
            }
        }
    }

    /// The code with which the server closes, and then nothing more; None for a close without one.
    async fn closed(&mut self) -> Option<u16> {
        let (opcode, payload) = self.control().await.expect("a close frame comes before the end");
        assert_eq!(opcode, CLOSE, "{payload:?}");
        assert!(self.next().await.is_none(), "nothing follows a close");
        let code = payload.first_chunk().copied().map(u16::from_be_bytes);
        assert!(std::str::from_utf8(payload.get(2..).unwrap_or_default()).is_ok());
        code
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xFFFF => {
            bytes.push(0x80 | 0x7E);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 0x7F);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A member of the room General.
async fn member(server: &Server) -> Person {
    let admin = server.admin().await;
    admin.make_room("General").await;
    admin.join("General").await;
    admin
}

/// The server takes a message from a page that keeps the rules.
async fn still_works(person: &Person) {
    let mut socket = person.socket("General").await;
    let id = socket.say("all is well").await;
    let frame = socket.until(&id).await;
    assert_eq!(numbers(&frame).len(), 1);
}
