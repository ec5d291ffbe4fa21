//! Messages that a program sends over HTTP, on a connection that is kept open.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use memchr::memmem;
use mio::net::TcpStream;
use umbrachat::ids::RoomId;

use crate::member::Echoes;
use crate::tally::Tally;

/// A program's connection, on which its messages and their answers go.
pub struct Posting {
    /// The connection.
    pub stream: TcpStream,
    /// What stands before the length of each request's body.
    head: String,
    /// Bytes that the connection did not take yet.
    outgoing: Vec<u8>,
    /// Bytes of an answer that is not complete yet.
    partial: Vec<u8>,
}

impl Posting {
    /// Connects, to send to that room with that access token.
    pub fn open(address: SocketAddr, room: RoomId, token: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        Ok(Self {
            stream,
            head: format!(
                "POST /api/rooms/{room}/messages/ HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: "
            ),
            outgoing: Vec::new(),
            partial: Vec::new(),
        })
    }

    /// Sends a message.
    pub fn send(&mut self, json: &str) {
        let request = format!("{}{}\r\n\r\n{json}", self.head, json.len());
        self.outgoing.extend_from_slice(request.as_bytes());
        self.write();
    }

    /// Hands the connection as much as it takes.
    pub fn write(&mut self) {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(length) => drop(self.outgoing.drain(..length)),
                // Not connected yet, full, or broken, which reading tells.
                Err(_) => return,
            }
        }
    }

    /// Reads the answers that came.
    pub fn read(&mut self, buffer: &mut [u8], tally: &mut Tally) -> Echoes {
        let mut echoes = Echoes::default();
        loop {
            match self.stream.read(buffer) {
                Ok(length @ 1..) => self.partial.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Ok(0) | Err(_) => {
                    *tally.closed.entry(0).or_default() += 1;
                    break;
                }
            }
        }
        while let Some((status, length)) = first_answer(&self.partial) {
            if status == b"201" {
                echoes.stored += 1;
            } else {
                echoes.refused += 1;
                let status = String::from_utf8_lossy(status).into_owned();
                *tally.refused.entry(status).or_default() += 1;
            }
            self.partial.drain(..length);
        }
        echoes
    }
}

/// The status of the answer at the beginning of these bytes, and how many it takes; None when more have to come first.
fn first_answer(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = &bytes[..end];
    let length = memmem::find(head, b"content-length: ").map_or(0, |at| {
        let digits = head[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
    });
    let whole = end + length;
    (bytes.len() >= whole).then_some((bytes.get(9..12)?, whole))
}
