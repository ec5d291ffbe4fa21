//! The bounded way of frames to one connection.
//!
//! While the reader keeps up, whoever pushes a frame writes it to the socket at once: no task wakes and nothing is
//! copied. What the socket does not take waits here, within bounds, for the connection's own task.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustix::net::{SendFlags, send};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::connection::Gone;
use super::frame::{CloseCode, Frame};
use crate::ids::Change;

/// Frames that may wait for a slow reader.
const MAX_FRAMES: usize = 512;
/// Bytes of frames that may wait for a slow reader.
const MAX_BYTES: usize = 1 << 20;
/// Bytes of waiting frames that are put together for one write.
const WRITE_AT_ONCE: usize = 64 << 10;
/// A write that is stuck for this long ends the connection.
const STUCK: Duration = Duration::from_secs(10);

/// Pushes never wait: a queue that overflows is cleared and says "you are behind" instead.
#[derive(Debug)]
pub struct Queue {
    stream: Arc<TcpStream>,
    // A std mutex: it is held for a few instructions or one write that does not block, and never across an await.
    state: Mutex<State>,
    stirred: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Whether pushes go straight to the socket: then nothing waits.
    live: bool,
    /// The reader has been given every change up to this one.
    cursor: Change,
    /// Bytes that the socket did not take yet; they begin or go on within a frame, so they go out before all else.
    rest: BytesMut,
    /// Since when the socket takes nothing.
    blocked: Option<Instant>,
    frames: VecDeque<Frame>,
    bytes: usize,
    closing: Option<CloseCode>,
    /// A close frame is on its way: nothing may follow it.
    ended: bool,
}

/// Why a connection's own task has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stirred {
    /// Something went out; look again.
    More,
    /// The next frame does not follow on what the reader has: what is between has to be loaded.
    Behind,
    /// The connection is to be closed.
    Close(CloseCode),
}

/// What became of bytes that were to be written at once.
enum Wrote {
    All,
    /// The socket is full.
    Part,
}

impl Queue {
    /// A queue that holds what is pushed until [`Queue::resume`].
    pub fn new(stream: Arc<TcpStream>) -> Self {
        Self {
            stream,
            state: Mutex::default(),
            stirred: Notify::new(),
        }
    }

    /// Sends a frame, each change once: what the reader has is left out. A full queue is cleared and will close with
    /// 1013.
    pub fn push(&self, frame: &Frame) {
        let mut state = self.lock();
        if state.closing.is_some() || state.ended {
            return;
        }
        if !state.live {
            // The task looks at what waits before it sets pushes free again.
            return state.wait(frame);
        }
        match state.follows(frame) {
            Follows::Known => return,
            Follows::AfterGap => state.wait(frame),
            Follows::Next => {
                state.pass(frame);
                match self.write(&mut state, frame.encoded()) {
                    Ok(Wrote::All) => return,
                    Ok(Wrote::Part) => {}
                    // The task finds out for itself when it writes.
                    Err(Gone) => state.rest.extend_from_slice(frame.encoded()),
                }
            }
        }
        state.live = false;
        drop(state);
        self.stirred.notify_one();
    }

    /// Closes the connection; the first reason stays. Frames that wait are dropped, because the reader may not hear them
    /// any more, unless only the server restarts.
    pub fn close(&self, code: CloseCode) {
        let mut state = self.lock();
        if code != CloseCode::Restart {
            state.clear();
        }
        state.closing.get_or_insert(code);
        state.live = false;
        drop(state);
        self.stirred.notify_one();
    }

    /// The reader has been given every change up to this one.
    pub fn cursor(&self) -> Change {
        self.lock().cursor
    }

    /// Notes that the reader has been given every change up to this one, by [`Queue::send`].
    pub fn advance(&self, to: Change) {
        self.lock().cursor = to;
    }

    /// The connection that it leads to.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Something has to be done: look with [`Queue::resume`]. May come once too often.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// Writes some of what waits, with patience. When nothing does, lets pushes go straight to the socket from then on,
    /// and gives None. Nothing is lost if the future is dropped.
    pub async fn resume(&self) -> Result<Option<Stirred>, Gone> {
        {
            let mut state = self.lock();
            if state.live || state.ended {
                return Ok(None);
            }
            if state.rest.is_empty() {
                let next = state.fill();
                if next.is_some() {
                    return Ok(next);
                }
                if state.rest.is_empty() {
                    state.live = true;
                    return Ok(None);
                }
            }
        }
        self.flush().await?;
        Ok(Some(Stirred::More))
    }

    /// Writes a frame before all that waits, with patience. Only while pushes are held: before the first
    /// [`Queue::resume`], and after it said [`Stirred::Behind`].
    pub(super) async fn send(&self, frame: &Frame) -> Result<(), Gone> {
        self.lock().rest.extend_from_slice(frame.encoded());
        self.flush().await
    }

    /// Writes control frames: they may pass whole frames that wait.
    pub(super) fn control(&self, bytes: &[u8]) -> io::Result<()> {
        const OPCODE: u8 = 0x0f;
        const CLOSE: u8 = 0x08;
        let mut state = self.lock();
        if state.ended {
            return Ok(());
        }
        state.ended = bytes.first().is_some_and(|first| first & OPCODE == CLOSE);
        match self.write(&mut state, bytes) {
            Ok(Wrote::All) => Ok(()),
            Ok(Wrote::Part) => {
                state.live = false;
                drop(state);
                self.stirred.notify_one();
                Ok(())
            }
            Err(Gone) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Writes the rest, with patience.
    pub(super) async fn flush(&self) -> Result<(), Gone> {
        loop {
            let until = {
                let mut state = self.lock();
                match self.write(&mut state, &[])? {
                    Wrote::All => return Ok(()),
                    // The patience is for each write: a slow reader that gets on is not stuck.
                    Wrote::Part => *state.blocked.get_or_insert_with(Instant::now) + STUCK,
                }
            };
            match timeout_at(until, self.stream.writable()).await {
                Ok(Ok(())) => {}
                _ => return Err(Gone),
            }
        }
    }

    /// Writes the rest and then these bytes, as far as the socket takes them now.
    fn write(&self, state: &mut State, bytes: &[u8]) -> Result<Wrote, Gone> {
        if state.rest.is_empty() {
            let taken = self.try_write(bytes)?;
            if taken < bytes.len() {
                state.rest.extend_from_slice(&bytes[taken..]);
            }
        } else {
            state.rest.extend_from_slice(bytes);
            while !state.rest.is_empty() {
                let taken = self.try_write(&state.rest)?;
                if taken == 0 {
                    break;
                }
                state.rest.advance(taken);
                state.blocked = None;
            }
        }
        if state.rest.is_empty() {
            state.blocked = None;
            // Memory that only slow readers need.
            state.rest = BytesMut::new();
            Ok(Wrote::All)
        } else {
            Ok(Wrote::Part)
        }
    }

    /// How many bytes the socket took: none when it is full.
    fn try_write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // Nearly every write is taken: then it is the system call and nothing else.
        if let Ok(taken) = send(&*self.stream, bytes, SendFlags::NOSIGNAL) {
            return Ok(taken);
        }
        // The stream has to see for itself that it is full, so that it can tell when it is not any more.
        match self.stream.try_write(bytes) {
            Ok(taken) => Ok(taken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Gone),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a frame stands to what its reader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// The reader has it.
    Known,
    /// It is next, or of no change at all.
    Next,
    AfterGap,
}

impl State {
    fn follows(&self, frame: &Frame) -> Follows {
        match frame.covers {
            Some((_, to)) if to <= self.cursor => Follows::Known,
            Some((from, _)) if from != self.cursor => Follows::AfterGap,
            _ => Follows::Next,
        }
    }

    /// Notes that a frame has gone out.
    fn pass(&mut self, frame: &Frame) {
        if let Some((_, to)) = frame.covers {
            self.cursor = self.cursor.max(to);
        }
    }

    fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    /// Lets a frame wait, within bounds.
    fn wait(&mut self, frame: &Frame) {
        let is_full = self.frames.len() >= MAX_FRAMES || self.bytes + frame.encoded().len() > MAX_BYTES;
        // An empty queue takes any frame: its reader is not behind.
        if is_full && !self.frames.is_empty() {
            self.clear();
            self.closing = Some(CloseCode::TryAgain);
        } else {
            self.bytes += frame.encoded().len();
            self.frames.push_back(frame.clone());
        }
    }

    /// Puts waiting frames that follow on each other into the rest; says so when there is none, but something else.
    fn fill(&mut self) -> Option<Stirred> {
        while self.rest.len() < WRITE_AT_ONCE
            && let Some(frame) = self.frames.front()
        {
            let follows = self.follows(frame);
            if follows == Follows::AfterGap && !self.rest.is_empty() {
                return None;
            }
            let Some(frame) = self.frames.pop_front() else { break };
            self.bytes -= frame.encoded().len();
            match follows {
                // What is loaded then goes as far as this frame, and further.
                Follows::AfterGap => return Some(Stirred::Behind),
                Follows::Known => {}
                Follows::Next => {
                    self.rest.extend_from_slice(frame.encoded());
                    self.pass(&frame);
                }
            }
        }
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
        self.closing.filter(|_| self.rest.is_empty()).map(Stirred::Close)
    }
}

#[cfg(test)]
pub(super) mod tests;
