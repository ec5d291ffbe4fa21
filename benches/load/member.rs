//! One socket of the crowd: its handshake, its frames, and the check of every message in them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use memchr::memmem;
use mio::net::TcpStream;
use umbrachat::ids::RoomId;

use crate::frames::{self, CLOSE, PING, PONG, Stamp, TEXT};
use crate::posting::Posting;
use crate::tally::Tally;

/// Where a member goes, and as whom.
#[derive(Debug, Clone)]
pub struct Door {
    /// The node.
    pub address: SocketAddr,
    /// Which socket: of a room, by its place in addresses, or the one of pages without a room.
    pub socket: String,
    /// The session cookie, as a browser sends it.
    pub cookie: String,
    /// The room's number in this crowd.
    pub room: u16,
    /// The room that it subscribes to, if it is a program.
    pub subscribes: Option<RoomId>,
}

/// How far a member's connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the request is out.
    Connecting,
    /// Before the answer is in.
    Shaking,
    /// Before the first frame.
    Open,
    /// The first frame came.
    Ready,
    /// Ended by the server, or away.
    Closed,
}

/// Somebody with a socket.
pub struct Member {
    /// Where they are.
    pub door: Door,
    /// Their connection, unless they are away.
    pub stream: Option<TcpStream>,
    /// How far it is.
    pub phase: Phase,
    /// When they began to connect.
    pub since: Instant,
    /// Bytes of a frame that is not complete yet.
    pub partial: Vec<u8>,
    /// Bytes that the socket did not take yet.
    pub outgoing: Vec<u8>,
    /// The highest number received.
    pub newest: i64,
    /// Numbers below that which were not.
    pub missing: BTreeSet<i64>,
    /// The change that the last frame reached.
    cursor: i64,
    /// Messages that may wait for their echo; 0 for somebody who does not send by themselves.
    pub window: u32,
    /// Messages that do.
    pub waiting: u32,
    /// Messages sent so far.
    pub sent: u64,
    /// Where it sends them, unless by its socket.
    pub posting: Option<Posting>,
}

/// What became of somebody's own messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echoes {
    /// Came back.
    pub stored: u32,
    /// Were not taken.
    pub refused: u32,
}

impl Member {
    /// Somebody who has not connected yet.
    pub fn at(door: Door) -> Self {
        Self {
            door,
            stream: None,
            phase: Phase::Closed,
            since: Instant::now(),
            partial: Vec::new(),
            outgoing: Vec::new(),
            newest: 0,
            missing: BTreeSet::new(),
            cursor: 0,
            window: 0,
            waiting: 0,
            sent: 0,
            posting: None,
        }
    }

    /// Somebody whose bytes come from elsewhere.
    pub fn listening(door: Door) -> Self {
        Self {
            phase: Phase::Ready,
            ..Self::at(door)
        }
    }

    /// The handshake; after a pause it asks for what was missed.
    pub fn request(&self) -> Vec<u8> {
        let Door {
            address,
            socket,
            cookie,
            ..
        } = &self.door;
        format!(
            "GET /ws/{socket}?after={}&seq={} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
             Cookie: {cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.cursor, self.newest
        )
        .into_bytes()
    }

    /// Hands the socket as much as it takes.
    pub fn write(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        while !self.outgoing.is_empty() {
            match stream.write(&self.outgoing) {
                Ok(length) => drop(self.outgoing.drain(..length)),
                // Not connected yet, full, or broken, which reading tells.
                Err(_) => return,
            }
        }
        if self.phase == Phase::Connecting {
            self.phase = Phase::Shaking;
        }
    }

    /// Deals with bytes that came in at `now`, as the member of that index.
    pub fn take(&mut self, index: usize, bytes: &[u8], now: u64, tally: &mut Tally) -> Echoes {
        let mut joined = std::mem::take(&mut self.partial);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        let mut echoes = Echoes::default();
        if self.phase == Phase::Shaking {
            match memmem::find(rest, b"\r\n\r\n") {
                Some(end) if rest.starts_with(b"HTTP/1.1 101 ") => {
                    rest = &rest[end + 4..];
                    self.phase = Phase::Open;
                    if let Some(room) = self.door.subscribes {
                        let subscribe = format!(r#"{{"action":"subscribe","room_id":"{room}"}}"#);
                        frames::push_client_frame(&mut self.outgoing, TEXT, subscribe.as_bytes());
                    }
                }
                Some(_) => {
                    *tally.closed.entry(0).or_default() += 1;
                    self.phase = Phase::Closed;
                    return echoes;
                }
                None => {}
            }
        }
        if self.phase != Phase::Shaking {
            while let Some(frame) = frames::first_frame(rest) {
                match frame.opcode {
                    TEXT => self.hear(index, frame.payload, now, tally, &mut echoes),
                    PING => frames::push_client_frame(&mut self.outgoing, PONG, frame.payload),
                    CLOSE => {
                        let code = frame.payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                        *tally.closed.entry(code).or_default() += 1;
                        self.phase = Phase::Closed;
                    }
                    _ => {}
                }
                rest = &rest[frame.length..];
            }
        }
        self.partial = rest.to_vec();
        echoes
    }

    fn hear(&mut self, index: usize, text: &[u8], now: u64, tally: &mut Tally, echoes: &mut Echoes) {
        if self.phase == Phase::Open {
            self.phase = Phase::Ready;
            tally
                .opening
                .add(u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        if text.starts_with(br#"{"error""#) {
            echoes.refused += 1;
            *tally.refused.entry(code(text)).or_default() += 1;
            return;
        }
        if text.starts_with(br##"<hx-partial hx-target="#online""##) {
            tally.counted += 1;
            return;
        }
        if text.starts_with(br#"{"reload""#) {
            tally.reloads += 1;
            return;
        }
        if self.door.subscribes.is_some() {
            if let Some((seq, stamp)) = frames::message_for_programs(text) {
                self.judge(index, (seq, stamp), now, tally, echoes);
            }
            return;
        }
        frames::each_message(text, |seq, stamp| self.judge(index, (seq, stamp), now, tally, echoes));
        if let Some(reached) = frames::reached(text) {
            self.cursor = self.cursor.max(reached);
        }
    }

    /// Looks whether a message came once, in order, and to its own room.
    fn judge(&mut self, index: usize, (seq, stamp): (i64, Stamp), now: u64, tally: &mut Tally, echoes: &mut Echoes) {
        tally.deliveries += 1;
        tally.latency.add(now.saturating_sub(stamp.nanos));
        if stamp.room != self.door.room {
            tally.crossed += 1;
            return;
        }
        // What was sent over HTTP is answered there.
        if self.posting.is_none() && usize::try_from(stamp.sender).is_ok_and(|sender| sender == index) {
            echoes.stored += 1;
        }
        // A room has one sender, so its numbers run as the sender's do.
        if (seq - 1) & 0xffff != i64::from(stamp.number) {
            tally.disordered += 1;
        }
        if seq > self.newest {
            self.missing.extend(self.newest + 1..seq);
            self.newest = seq;
        } else if self.missing.remove(&seq) {
            tally.disordered += 1;
        } else {
            tally.doubled += 1;
        }
    }
}

/// The code in an answer that refuses a message.
fn code(text: &[u8]) -> String {
    let error: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    let code = error.as_ref().and_then(|error| error["error"]["code"].as_str());
    code.unwrap_or("unknown").to_owned()
}
