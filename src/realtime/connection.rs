//! One socket after its handshake: reading, pings and closing.
//!
//! Reading and control frames are the library's work (`tungstenite`); what it writes goes the way of all frames,
//! through the connection's [`Queue`].

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode as Code;
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes};

use super::frame::{CloseCode, Frame};
use super::queue::{Queue, Stirred};

/// How often a ping goes out.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A connection that was silent for this long (not even a pong) is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// How long the other side has to answer a close.
const GOODBYE: Duration = Duration::from_secs(2);
/// What the library accepts in one message. Larger than what the program accepts, so that a message a little too
/// long gets an answer instead of a closed connection.
const MAX_MESSAGE: usize = 64 << 10;
/// Bytes that are read in one go: room that every idle connection holds ready.
const READ_AT_ONCE: usize = 512;
/// Reads before everything else gets a turn: whoever sends without a pause is answered, but holds nobody up, and the
/// answers to their pings do not pile up.
const READS_A_TURN: u32 = 16;

/// The other side is gone: nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What the other side sent.
#[derive(Debug)]
pub enum Said {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message: pages send none.
    Binary,
    /// Text, or the reason of a close, that is not UTF-8. The connection ends with 1007 once what is pushed in answer
    /// is out.
    NotUtf8,
}

/// What happens next on a connection.
#[derive(Debug)]
pub enum Step {
    /// Frames are missing between what the reader has and what was pushed: load them.
    Behind,
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
    socket: WebSocket<Wire>,
    queue: Arc<Queue>,
    /// When to ping, and to look whether the other side is silent.
    ping: Pin<Box<Sleep>>,
    /// Nothing more is read: what came is against the protocol, or the other side has closed.
    failed: bool,
}

/// The library's end of the connection: it reads from the socket, and writes through the queue.
#[derive(Debug)]
struct Wire {
    queue: Arc<Queue>,
    heard: Instant,
    /// Reads that are left in this turn.
    reads: u32,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads = self.reads.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
        let length = self.queue.stream().try_read(buffer)?;
        self.heard = Instant::now();
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.queue.control(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection {
    /// The connection over this socket, from which `early` has been read already.
    pub(super) fn new(stream: Arc<TcpStream>, early: Vec<u8>) -> Self {
        let queue = Arc::new(Queue::new(stream));
        let heard = Instant::now();
        let wire = Wire {
            queue: queue.clone(),
            heard,
            reads: READS_A_TURN,
        };
        Self {
            socket: library(wire, early),
            queue,
            ping: Box::pin(sleep_until(heard + PING_EVERY)),
            failed: false,
        }
    }

    /// The way of frames to this connection.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Lets pushed frames out and waits for the next thing to do. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Step {
        loop {
            // Whoever sends without a pause must not keep the others waiting.
            consume_budget().await;
            let more = match self.queue.resume().await {
                Ok(None) => false,
                Ok(Some(Stirred::More)) => true,
                Ok(Some(Stirred::Behind)) => return Step::Behind,
                Ok(Some(Stirred::Close(code))) => return Step::Close(code),
                Err(Gone) => return Step::Gone,
            };
            if self.failed {
                // This does nothing where a close frame is on its way already, or nobody there to read it.
                say_close(&mut self.socket, Code::Invalid, "not UTF-8");
                if self.queue.flush().await.is_ok() {
                    self.hang_up().boxed().await;
                }
                return Step::Gone;
            }
            match read(&mut self.socket) {
                Ok(Some(said)) => {
                    self.failed = matches!(said, Said::NotUtf8);
                    return Step::Said(said);
                }
                Ok(None) if more => {
                    self.socket.get_mut().reads = READS_A_TURN;
                    continue;
                }
                Ok(None) => {}
                Err(Gone) => {
                    self.failed = true;
                    continue;
                }
            }
            tokio::select! {
                () = self.queue.stirred() => {}
                ready = self.queue.stream().readable() => if ready.is_err() {
                    return Step::Gone;
                },
                () = self.ping.as_mut() => {
                    let heard = self.socket.get_ref().heard;
                    if heard.elapsed() >= SILENCE || self.socket.send(Message::Ping(Bytes::new())).is_err() {
                        return Step::Gone;
                    }
                    let next = (Instant::now() + PING_EVERY).min(heard + SILENCE);
                    self.ping.as_mut().reset(next);
                    return Step::Tick;
                }
            }
            self.socket.get_mut().reads = READS_A_TURN;
        }
    }

    /// Sends frames at once, before all that is pushed. Only before the first [`Connection::next`] and after
    /// [`Step::Behind`]: then pushes are held.
    pub async fn send(&self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Gone> {
        for frame in frames {
            self.queue.send(&frame).await?;
        }
        Ok(())
    }

    /// Says why, and ends the connection.
    pub async fn close(&mut self, code: CloseCode) {
        let (number, reason) = code.wire();
        say_close(&mut self.socket, number.into(), reason);
        // Reading on until the other side has closed too lets the code arrive before the connection ends.
        let closing = async {
            while self.queue.flush().await.is_ok() && !matches!(read(&mut self.socket), Err(Gone)) {
                // Whoever sends without a pause must not keep the others waiting.
                consume_budget().await;
                self.socket.get_mut().reads = READS_A_TURN;
                if self.queue.stream().readable().await.is_err() {
                    return;
                }
            }
        };
        timeout(GOODBYE, closing).await.ok();
        // The socket itself ends when nobody holds the queue any more; the other side need not wait for that.
        shutdown(self.queue.stream(), Shutdown::Write).ok();
    }

    /// Ends the connection after a close frame. What still comes is read and dropped: ending with bytes unread would
    /// reset the connection, and the other side might never see the reason.
    async fn hang_up(&self) {
        let stream = self.queue.stream();
        let mut rest = [0; READ_AT_ONCE];
        let ending = async {
            shutdown(stream, Shutdown::Write)?;
            loop {
                consume_budget().await;
                stream.readable().await?;
                match stream.try_read(&mut rest) {
                    Ok(0) => return io::Result::Ok(()),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
            }
        };
        timeout(GOODBYE, ending).await.ok();
    }
}

/// The library at the server's end of a stream from which `early` has been read already.
fn library<S: Read + Write>(stream: S, early: Vec<u8>) -> WebSocket<S> {
    let config = WebSocketConfig::default()
        // The default of 128 KiB is taken for every connection, whether it speaks or not.
        .read_buffer_size(READ_AT_ONCE)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    WebSocket::from_partially_read(stream, early, Role::Server, Some(config))
}

/// The next message in what has come in; None when more has to come first. Pings and closes are answered by the
/// library: the answers are on their way out afterwards.
fn read<S: Read + Write>(socket: &mut WebSocket<S>) -> Result<Option<Said>, Gone> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(Some(Said::Text(text))),
            Ok(Message::Binary(_)) => return Ok(Some(Said::Binary)),
            Err(Error::Utf8(_)) => return Ok(Some(Said::NotUtf8)),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                say_close(socket, Code::Size, "too long");
                return Err(Gone);
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Err(Gone),
            Err(Error::Protocol(_)) => {
                say_close(socket, Code::Protocol, "not as RFC 6455 says");
                return Err(Gone);
            }
            Err(_) => return Err(Gone),
        }
    }
}

fn say_close<S: Read + Write>(socket: &mut WebSocket<S>, code: Code, reason: &'static str) {
    let close = CloseFrame {
        code,
        reason: reason.into(),
    };
    // An error means that the connection is closing already.
    socket.close(Some(close)).ok();
    socket.flush().ok();
}

/// What a connection makes of these bytes: its messages in order, and what goes back. For tests and fuzzing.
#[doc(hidden)]
pub fn read_bytes(bytes: &[u8]) -> (Vec<Said>, Vec<u8>) {
    struct Memory<'a>(&'a [u8], Vec<u8>);
    impl Read for Memory<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match Read::read(&mut self.0, buffer)? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                length => Ok(length),
            }
        }
    }
    impl Write for Memory<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut socket = library(Memory(bytes, Vec::new()), Vec::new());
    let mut said = Vec::new();
    while let Ok(Some(message)) = read(&mut socket) {
        said.push(message);
        if matches!(said.last(), Some(Said::NotUtf8)) {
            say_close(&mut socket, Code::Invalid, "not UTF-8");
            break;
        }
    }
    socket.flush().ok();
    (said, std::mem::take(&mut socket.get_mut().1))
}
