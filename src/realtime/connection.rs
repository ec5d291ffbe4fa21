//! One socket: the handshake, reading, writing, pings and closing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response, Upgraded};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};

use super::frame::{CloseCode, Frame};
use super::queue::{Queue, Taken};

/// How often a ping goes out.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A connection that was silent for this long (not even a pong) is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// A write that is stuck for this long ends the connection.
const STUCK: Duration = Duration::from_secs(10);
/// What the library accepts in one message. Larger than what the program accepts, so that a message a little too
/// long gets an answer instead of a closed connection.
const MAX_MESSAGE: usize = 64 << 10;

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

/// One socket and the queue of frames on their way to it.
pub struct Connection {
    socket: WebSocketStream<Upgraded>,
    ping: Interval,
    heard: Instant,
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
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(StatusCode::BAD_REQUEST)?;
    let upgrade = request.take_upgrade().map_err(|_| StatusCode::BAD_REQUEST)?;
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
        .finish();
    let connection = async move {
        let stream = upgrade.await.ok()?;
        let config = WebSocketConfig::default()
            // The default of 128 KiB is taken for every connection, whether it speaks or not.
            .read_buffer_size(2 << 10)
            .write_buffer_size(64 << 10)
            .max_write_buffer_size(4 << 20)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let now = Instant::now();
        let mut ping = interval_at(now + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Connection {
            socket,
            ping,
            heard: now,
        })
    };
    Ok((response, connection))
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
    /// Waits for the next thing to do. Nothing is lost if the future is dropped.
    pub async fn next(&mut self, queue: &Arc<Queue>) -> Step {
        loop {
            tokio::select! {
                taken = queue.take() => return match taken {
                    Taken::Frames(frames) => Step::Pushed(frames.into()),
                    Taken::Close(code) => Step::Close(code),
                },
                message = self.socket.next() => {
                    self.heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => return Step::Said(Said::Text(text)),
                        // A frame that is no text is answered, and the next good one works.
                        Some(Ok(Message::Binary(_)) | Err(SocketError::Utf8(_))) => return Step::Said(Said::NotText),
                        // The library answers pings and closes by itself.
                        Some(Ok(_)) => {}
                        Some(Err(SocketError::Capacity(CapacityError::MessageTooLong { .. }))) => {
                            self.finish(1009, "too long").await;
                            return Step::Gone;
                        }
                        Some(Err(_)) | None => return Step::Gone,
                    }
                },
                _ = self.ping.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        return Step::Gone;
                    }
                    let ping = self.socket.send(Message::Ping(bytes::Bytes::new()));
                    return match timeout(STUCK, ping).await {
                        Ok(Ok(())) => Step::Tick,
                        _ => Step::Gone,
                    };
                }
            }
        }
    }

    /// Sends frames in order, written together.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Gone> {
        let writing = async {
            for frame in frames {
                self.socket.feed(Message::Text(frame.text())).await?;
            }
            self.socket.flush().await
        };
        match timeout(STUCK, writing).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    /// Says why, and ends the connection.
    pub async fn close(mut self, code: CloseCode) {
        let (number, reason) = code.wire();
        self.finish(number, reason).await;
    }

    async fn finish(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        // Reading on until the other side has closed too lets the code arrive before the connection ends.
        let closing = async {
            self.socket.close(Some(frame)).await.ok();
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        timeout(Duration::from_secs(2), closing).await.ok();
    }
}
