//! One socket after its handshake: reading, pings and closing.
//!
//! Reading and control frames are the library's work (`tungstenite`); what it writes goes through the connection's
//! [`Queue`], like every frame.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode as Code;
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes};

use super::frame::{CloseCode, Frame};
use super::queue::{Disconnected, Queue, Slot, Wake};

/// How often a ping goes out.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// A connection that was silent for this long (not even a pong) is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// How long the other side has to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// What the library accepts in one message. Larger than what the program accepts, so that a message a little too
/// long gets an answer instead of a closed connection.
const MAX_MESSAGE: usize = 64 << 10;
/// Bytes that are read in one go: room that every idle connection holds ready.
const READ_BUFFER: usize = 512;
/// A connection that was quiet may be read this much faster than its rate, for so long.
const BURST: Duration = Duration::from_secs(4);
/// Reads before other work gets a turn: whoever sends without a pause must not keep others waiting, nor let the answers
/// to their pings pile up.
const READS_PER_TURN: u32 = 16;

/// What the other side sent.
#[derive(Debug)]
pub enum Incoming {
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
    /// Frames are missing between what this subscription's reader has and what was pushed: load them.
    Behind(Slot),
    /// This subscription was ended, for this reason.
    Ended(Slot, CloseCode),
    /// The other side sent something.
    Received(Incoming),
    /// Time for a heartbeat (a ping has just been sent).
    Tick,
    /// The server wants to close it.
    Close(CloseCode),
    /// The other side is gone.
    Disconnected,
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
    /// When bytes last came.
    last_read: Instant,
    /// Reads that are left in this turn.
    reads: u32,
    /// How long a read takes at the rate that is permitted, however little it brings.
    read_time: Duration,
    /// When all that was read would have come at that rate (the generic cell rate algorithm of ITU-T I.371).
    paid_until: Instant,
    /// The answer to the newest ping of this turn, which stands for those before it (RFC 6455, 5.5.3): whoever sends
    /// pings without a pause must not cost a write each.
    pong: Option<Vec<u8>>,
}

impl Wire {
    fn new(queue: Arc<Queue>, bytes_per_second: u64) -> Self {
        let now = Instant::now();
        let reads_per_second = (bytes_per_second / READ_BUFFER as u64).max(1);
        Self {
            queue,
            last_read: now,
            reads: READS_PER_TURN,
            read_time: Duration::from_nanos(1_000_000_000 / reads_per_second),
            paid_until: now,
            pong: None,
        }
    }

    /// How long to read no more, because too much came too fast.
    fn pause(&self) -> Option<Duration> {
        self.paid_until.checked_duration_since(Instant::now() + BURST)
    }

    /// Begins the next turn of reading.
    fn next_turn(&mut self) -> io::Result<()> {
        self.reads = READS_PER_TURN;
        self.pong.take().map_or(Ok(()), |pong| self.queue.control(&pong))
    }
}

/// Whether these bytes are a whole pong, not masked (RFC 6455, 5.2).
fn is_pong(bytes: &[u8]) -> bool {
    const PONG: u8 = 0x8a;
    matches!(bytes, [PONG, length, payload @ ..] if payload.len() == usize::from(*length))
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads = self.reads.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
        let length = self.queue.stream().try_read(buffer)?;
        self.last_read = Instant::now();
        self.paid_until = self.paid_until.max(self.last_read) + self.read_time;
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if is_pong(bytes) {
            self.pong = Some(bytes.to_vec());
        } else {
            self.queue.control(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection {
    /// The connection over this socket, from which `early` has been read already and the rest is read at that rate.
    pub(super) fn new(stream: Arc<TcpStream>, early: Vec<u8>, bytes_per_second: u64) -> Self {
        let queue = Arc::new(Queue::new(stream));
        let wire = Wire::new(queue.clone(), bytes_per_second);
        let ping = Box::pin(sleep_until(wire.last_read + PING_INTERVAL));
        Self {
            socket: library(wire, early),
            queue,
            ping,
            failed: false,
        }
    }

    /// Where frames for this connection are pushed.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Lets pushed frames out and waits for the next thing to do. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Step {
        loop {
            // Whoever sends without a pause must not keep other tasks waiting.
            consume_budget().await;
            let more = match self.queue.resume().await {
                Ok(None) => false,
                Ok(Some(Wake::More)) => true,
                Ok(Some(Wake::Behind(slot))) => return Step::Behind(slot),
                Ok(Some(Wake::Ended(slot, code))) => return Step::Ended(slot, code),
                Ok(Some(Wake::Close(code))) => return Step::Close(code),
                Err(Disconnected) => return Step::Disconnected,
            };
            if self.failed {
                // This does nothing where a close frame is on its way already, or nobody there to read it.
                send_close(&mut self.socket, Code::Invalid, "not UTF-8");
                if self.queue.flush().await.is_ok() {
                    self.hang_up().boxed().await;
                }
                return Step::Disconnected;
            }
            match read(&mut self.socket) {
                Ok(Some(received)) => {
                    self.failed = matches!(received, Incoming::NotUtf8);
                    return Step::Received(received);
                }
                Ok(None) => {
                    if self.socket.get_mut().next_turn().is_err() {
                        return Step::Disconnected;
                    }
                    // What is pushed meanwhile goes out all the same; what comes waits at the other side.
                    if let Some(pause) = self.socket.get_ref().pause() {
                        sleep(pause).boxed().await;
                    }
                    if more {
                        continue;
                    }
                }
                Err(Disconnected) => {
                    self.failed = true;
                    continue;
                }
            }
            tokio::select! {
                () = self.queue.woken() => {}
                ready = self.queue.stream().readable() => if ready.is_err() {
                    return Step::Disconnected;
                },
                () = self.ping.as_mut() => {
                    let last_read = self.socket.get_ref().last_read;
                    if last_read.elapsed() >= SILENCE_LIMIT || self.socket.send(Message::Ping(Bytes::new())).is_err() {
                        return Step::Disconnected;
                    }
                    let next = (Instant::now() + PING_INTERVAL).min(last_read + SILENCE_LIMIT);
                    self.ping.as_mut().reset(next);
                    return Step::Tick;
                }
            }
        }
    }

    /// Sends frames before everything that is pushed. Only before the first [`Connection::next`], after
    /// [`Step::Behind`] and after [`Queue::pause`]: then pushes wait.
    pub async fn send(&self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Disconnected> {
        for frame in frames {
            self.queue.send(&frame).await?;
        }
        Ok(())
    }

    /// Says why, and ends the connection.
    pub async fn close(&mut self, code: CloseCode) {
        let (number, reason) = code.wire();
        send_close(&mut self.socket, number.into(), reason);
        // Reading on until the other side has closed too lets the code arrive before the connection ends.
        let closing = async {
            while self.queue.flush().await.is_ok() && !matches!(read(&mut self.socket), Err(Disconnected)) {
                // Whoever sends without a pause must not keep other tasks waiting.
                consume_budget().await;
                if self.socket.get_mut().next_turn().is_err() {
                    return;
                }
                if self.queue.stream().readable().await.is_err() {
                    return;
                }
            }
        };
        timeout(CLOSE_TIMEOUT, closing).await.ok();
        // The socket itself ends when nobody holds the queue any more; the other side need not wait for that.
        shutdown(self.queue.stream(), Shutdown::Write).ok();
    }

    /// Ends the connection after a close frame. What still comes is read and dropped: ending with bytes unread would
    /// reset the connection, and the other side might never see the reason.
    async fn hang_up(&self) {
        let stream = self.queue.stream();
        let mut rest = [0; READ_BUFFER];
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
        timeout(CLOSE_TIMEOUT, ending).await.ok();
    }
}

/// The library at the server's end of a stream from which `early` has been read already.
fn library<S: Read + Write>(stream: S, early: Vec<u8>) -> WebSocket<S> {
    let config = WebSocketConfig::default()
        // The default of 128 KiB is taken for every connection, whether it speaks or not.
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    WebSocket::from_partially_read(stream, early, Role::Server, Some(config))
}

/// The next message in what has come in; None when more has to come first. Pings and closes are answered by the
/// library: the answers are on their way out afterwards.
fn read<S: Read + Write>(socket: &mut WebSocket<S>) -> Result<Option<Incoming>, Disconnected> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(Some(Incoming::Text(text))),
            Ok(Message::Binary(_)) => return Ok(Some(Incoming::Binary)),
            Err(Error::Utf8(_)) => return Ok(Some(Incoming::NotUtf8)),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                send_close(socket, Code::Size, "too long");
                return Err(Disconnected);
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Err(Disconnected),
            Err(Error::Protocol(_)) => {
                send_close(socket, Code::Protocol, "not as RFC 6455 says");
                return Err(Disconnected);
            }
            Err(_) => return Err(Disconnected),
        }
    }
}

fn send_close<S: Read + Write>(socket: &mut WebSocket<S>, code: Code, reason: &'static str) {
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
pub fn read_bytes(bytes: &[u8]) -> (Vec<Incoming>, Vec<u8>) {
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
    let mut received = Vec::new();
    while let Ok(Some(message)) = read(&mut socket) {
        received.push(message);
        if matches!(received.last(), Some(Incoming::NotUtf8)) {
            send_close(&mut socket, Code::Invalid, "not UTF-8");
            break;
        }
    }
    socket.flush().ok();
    (received, std::mem::take(&mut socket.get_mut().1))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_comes_faster_than_permitted_is_read_later() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let queue = Arc::new(Queue::new(Arc::new(accepted.unwrap().0)));
        client.unwrap().write_all(&[0; 100]).await.unwrap();
        queue.stream().readable().await.unwrap();
        // One read a second, and four at once; a thousand.
        let mut slow = Wire::new(queue.clone(), 1);
        let mut fast = Wire::new(queue, 1000 * READ_BUFFER as u64);
        for wire in [&mut slow, &mut fast] {
            for _ in 0..50 {
                wire.next_turn().unwrap();
                assert_eq!(Read::read(wire, &mut [0]).unwrap(), 1);
            }
        }
        assert!(slow.pause().is_some() && fast.pause().is_none());
    }
}
