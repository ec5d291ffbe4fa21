//! One socket: the handshake, reading, writing, pings and closing.
//!
//! Reading and control frames are the library's work (`tungstenite`), fed from memory by [`Pipe`], so that this
//! module alone decides when bytes move: data frames, encoded once for all their recipients, go out as they are, many
//! in one write.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response, Upgraded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tungstenite::error::CapacityError;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode as Code;
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes};

use super::frame::{CloseCode, Frame};
use super::queue::{Queue, Taken};

/// How often a ping goes out.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A connection that was silent for this long (not even a pong) is gone; looked at with each ping.
const SILENCE: Duration = Duration::from_secs(45);
/// A write that is stuck for this long ends the connection.
const STUCK: Duration = Duration::from_secs(10);
/// How long the other side has to answer a close.
const GOODBYE: Duration = Duration::from_secs(2);
/// What the library accepts in one message. Larger than what the program accepts, so that a message a little too
/// long gets an answer instead of a closed connection.
const MAX_MESSAGE: usize = 64 << 10;
/// Bytes that are read in one go: room that every idle connection holds ready. Frames are written in larger parts.
const READ_AT_ONCE: usize = 512;
const WRITE_AT_ONCE: usize = 64 << 10;
/// Buffers that grew beyond this are given back when they are empty.
const KEPT: usize = 1 << 10;

/// The other side is gone: nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What the other side sent.
#[derive(Debug)]
pub enum Said {
    /// A text message.
    Text(Utf8Bytes),
    /// Something that is not text: a binary message, or text that is not UTF-8.
    NotText,
}

/// What happens next on a connection.
#[derive(Debug)]
pub enum Step {
    /// Frames came through the queue.
    Pushed(Vec<Frame>),
    /// The other side sent something.
    Said(Said),
    /// Time for a heartbeat (a ping has just been sent).
    Tick,
    /// The server wants to close it.
    Close(CloseCode),
    /// The other side is gone.
    Gone,
}

/// One socket.
pub struct Connection {
    stream: Upgraded,
    socket: WebSocket<Pipe>,
    ping: Interval,
    heard: Instant,
}

/// The library's end of the stream, in memory: what came in and what is to go out.
#[derive(Debug, Default)]
struct Pipe {
    incoming: BytesMut,
    outgoing: BytesMut,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = buffer.len().min(self.incoming.len());
        self.incoming.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Answers a WebSocket handshake (RFC 6455, section 4.2): the response to return, and what becomes the connection
/// once that response is out. Origin and session are the caller's to check.
pub fn accept(
    request: &Request,
) -> Result<(Response, impl Future<Output = Option<Connection>> + Send + 'static), StatusCode> {
    let headers = request.headers();
    let wanted = request.method() == Method::GET
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket");
    if !wanted {
        return Err(StatusCode::BAD_REQUEST);
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|key| is_nonce(key.as_bytes()))
        .ok_or(StatusCode::BAD_REQUEST)?;
    let upgrade = request.take_upgrade().map_err(|_| StatusCode::BAD_REQUEST)?;
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
        .finish();
    let connection = async move { upgrade.await.ok().map(Connection::new) };
    Ok((response, connection))
}

/// Whether this is 16 bytes in base64, as a key must be.
fn is_nonce(key: &[u8]) -> bool {
    STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

/// Whether a comma-separated header holds the token, without regard to case.
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value: &HeaderValue| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

impl Connection {
    fn new(stream: Upgraded) -> Self {
        let socket = library();
        let heard = Instant::now();
        let mut ping = interval_at(heard + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            stream,
            socket,
            ping,
            heard,
        }
    }

    /// Waits for the next thing to do. No message or frame is lost if the future is dropped.
    pub async fn next(&mut self, queue: &Arc<Queue>) -> Step {
        loop {
            match read(&mut self.socket) {
                Ok(Some(said)) => return Step::Said(said),
                Ok(None) => {}
                Err(Gone) => {
                    // The library may have put an answer to a close, or a reason, on its way.
                    if self.write_out().await.is_ok() {
                        self.hang_up().await;
                    }
                    return Step::Gone;
                }
            }
            if self.write_out().await.is_err() {
                return Step::Gone;
            }
            let incoming = &mut self.socket.get_mut().incoming;
            incoming.reserve(READ_AT_ONCE);
            tokio::select! {
                taken = queue.take() => return match taken {
                    Taken::Frames(frames) => Step::Pushed(frames.into()),
                    Taken::Close(code) => Step::Close(code),
                },
                read = self.stream.read_buf(incoming) => match read {
                    Ok(1..) => self.heard = Instant::now(),
                    Ok(0) | Err(_) => return Step::Gone,
                },
                _ = self.ping.tick() => {
                    if self.heard.elapsed() > SILENCE || self.socket.send(Message::Ping(bytes::Bytes::new())).is_err() {
                        return Step::Gone;
                    }
                    return if self.write_out().await.is_ok() { Step::Tick } else { Step::Gone };
                }
            }
        }
    }

    /// Sends frames in order, many in one write.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Gone> {
        for frame in frames {
            let outgoing = &mut self.socket.get_mut().outgoing;
            outgoing.extend_from_slice(frame.encoded());
            if outgoing.len() >= WRITE_AT_ONCE {
                self.write_out().await?;
            }
        }
        self.write_out().await
    }

    /// Says why, and ends the connection.
    pub async fn close(mut self, code: CloseCode) {
        let (number, reason) = code.wire();
        say_close(&mut self.socket, number.into(), reason);
        // Reading on until the other side has closed too lets the code arrive before the connection ends.
        let closing = async {
            while self.write_out().await.is_ok() && !matches!(read(&mut self.socket), Err(Gone)) {
                let incoming = &mut self.socket.get_mut().incoming;
                if !matches!(self.stream.read_buf(incoming).await, Ok(1..)) {
                    return;
                }
            }
        };
        timeout(GOODBYE, closing).await.ok();
    }

    /// Ends the connection after a close frame. What still comes is read and dropped: ending with bytes unread would
    /// reset the connection, and the other side might never see the reason.
    async fn hang_up(&mut self) {
        let mut rest = BytesMut::with_capacity(READ_AT_ONCE);
        let ending = async {
            self.stream.shutdown().await?;
            while self.stream.read_buf(&mut rest).await? > 0 {
                rest.clear();
            }
            io::Result::Ok(())
        };
        timeout(GOODBYE, ending).await.ok();
    }

    /// Writes everything that is to go out. If the future is dropped, the rest goes out next time.
    async fn write_out(&mut self) -> Result<(), Gone> {
        // Answers that the library holds back until the next write.
        self.socket.flush().ok();
        let outgoing = &mut self.socket.get_mut().outgoing;
        if outgoing.is_empty() {
            return Ok(());
        }
        let mut written = Ok(());
        while outgoing.has_remaining() && written.is_ok() {
            // The patience is for each write: a slow reader that gets on is not stuck.
            written = match timeout(STUCK, self.stream.write_buf(outgoing)).await {
                Ok(Ok(1..)) => Ok(()),
                _ => Err(Gone),
            };
        }
        if outgoing.is_empty() && outgoing.capacity() > KEPT {
            *outgoing = BytesMut::new();
        }
        written
    }
}

/// The library at the server's end, between two buffers.
fn library() -> WebSocket<Pipe> {
    let config = WebSocketConfig::default()
        // The default of 128 KiB is taken for every connection, whether it speaks or not.
        .read_buffer_size(512)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    WebSocket::from_raw_socket(Pipe::default(), Role::Server, Some(config))
}

/// The next message in what has come in; None when more has to come first. Pings and closes are answered by the
/// library: the answers are on their way out afterwards.
fn read(socket: &mut WebSocket<Pipe>) -> Result<Option<Said>, Gone> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(Some(Said::Text(text))),
            // What is no text is answered, and the next good message works.
            Ok(Message::Binary(_)) | Err(Error::Utf8(_)) => return Ok(Some(Said::NotText)),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                let pipe = socket.get_mut();
                if pipe.incoming.is_empty() && pipe.incoming.capacity() > KEPT {
                    pipe.incoming = BytesMut::new();
                }
                return Ok(None);
            }
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                say_close(socket, Code::Size, "too long");
                return Err(Gone);
            }
            Err(Error::Protocol(_)) => {
                say_close(socket, Code::Protocol, "not as RFC 6455 says");
                return Err(Gone);
            }
            Err(_) => return Err(Gone),
        }
    }
}

fn say_close(socket: &mut WebSocket<Pipe>, code: Code, reason: &'static str) {
    // An error means that the connection is closing already.
    socket
        .close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }))
        .ok();
    socket.flush().ok();
}

/// What a connection makes of these bytes: its messages in order, and what goes back. For tests and fuzzing.
#[doc(hidden)]
pub fn read_bytes(bytes: &[u8]) -> (Vec<Said>, Vec<u8>) {
    let mut socket = library();
    socket.get_mut().incoming.extend_from_slice(bytes);
    let mut said = Vec::new();
    while let Ok(Some(message)) = read(&mut socket) {
        said.push(message);
    }
    socket.flush().ok();
    (said, socket.get_mut().outgoing.to_vec())
}
