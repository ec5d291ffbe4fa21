//! The bounded way of frames to one connection, which carries any number of subscriptions.
//!
//! While the reader keeps up, whoever pushes a frame writes it to the socket at once: no task wakes and nothing is
//! copied. What the socket does not take waits here, within bounds, for the connection's own task. Each subscription
//! has its own position, so that every change reaches the reader once and in order.

mod state;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustix::net::{SendFlags, send};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use self::state::{Follows, Progress, State};
use super::frame::{CloseCode, Frame};
use crate::ids::Position;

/// A write that gets on with nothing for this long ends the connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The other side is gone: nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnected;

/// Which of a connection's subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

/// Pushes never wait: a queue that overflows is cleared, and its connection is closed with 1013, so that the page comes
/// back for what it missed.
#[derive(Debug)]
pub struct Queue {
    stream: Arc<TcpStream>,
    // A std mutex: it is held for a few instructions or one write that does not block, and never across an await.
    state: Mutex<State>,
    wake: Notify,
}

/// Why a connection's own task has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Something went out; look again.
    More,
    /// The subscription's next frame does not follow on what its reader has: what is between has to be loaded.
    Behind(Slot),
    /// The subscription was ended, for this reason.
    Ended(Slot, CloseCode),
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
            wake: Notify::new(),
        }
    }

    /// Adds a subscription whose reader may see what comes after `begins`, and has nothing of it yet.
    pub(super) fn add(&self, begins: Position) -> Slot {
        let mut state = self.lock();
        let slot = Slot(u32::try_from(state.subscriptions.len()).unwrap_or(u32::MAX));
        // Room for just this one: there are many connections, and most have two.
        state.subscriptions.reserve_exact(1);
        let position = begins;
        state.subscriptions.push(Some(Progress { begins, position }));
        slot
    }

    /// Sends a frame to the reader of a subscription, each change once: what the reader has is left out. A full queue
    /// is cleared and will close with 1013.
    pub fn push(&self, slot: Slot, frame: &Frame) {
        let mut state = self.lock();
        if state.closing.is_some() || state.close_sent {
            return;
        }
        if !state.direct {
            // The task looks at what waits before it lets pushes go straight to the socket again.
            return state.hold(slot, frame);
        }
        match state.follows(slot, frame) {
            Follows::Known => return,
            Follows::Unseen => return state.advance(slot, frame),
            Follows::AfterGap => state.hold(slot, frame),
            Follows::Next => {
                state.advance(slot, frame);
                match self.write(&mut state, frame.encoded()) {
                    Ok(Wrote::All) => return,
                    Ok(Wrote::Part) => {}
                    // The task finds out for itself when it writes.
                    Err(Disconnected) => state.unsent.extend_from_slice(frame.encoded()),
                }
            }
        }
        self.wake_task(state);
    }

    /// Ends one subscription: nothing more of it goes out, and the connection's task is told why.
    pub fn end(&self, slot: Slot, code: CloseCode) {
        let mut state = self.lock();
        if state.remove(slot) {
            state.ended.push((slot, code));
            self.wake_task(state);
        }
    }

    /// Ends one subscription, as its reader wants it: pushes that are under way find nobody.
    pub fn remove(&self, slot: Slot) {
        self.lock().remove(slot);
    }

    /// Lets pushes wait until the connection's task looks at the queue, which it has to do then. So a subscription can be
    /// caught up with before its first push goes out.
    pub fn pause(&self) {
        self.lock().direct = false;
    }

    /// Closes the connection; the first reason stays. Frames that wait are dropped, because the reader may not hear them
    /// any more, unless only the server restarts.
    pub fn close(&self, code: CloseCode) {
        let mut state = self.lock();
        if code != CloseCode::Restart {
            state.clear();
        }
        state.closing.get_or_insert(code);
        self.wake_task(state);
    }

    /// How far the reader of a subscription is; None once it has ended.
    pub fn position(&self, slot: Slot) -> Option<Position> {
        self.lock().progress(slot).map(|progress| progress.position)
    }

    /// Where the membership of a subscription's reader begins, as it was when they subscribed.
    pub(super) fn begins(&self, slot: Slot) -> Option<Position> {
        self.lock().progress(slot).map(|progress| progress.begins)
    }

    /// Notes that the reader of a subscription has been given everything up to here, by [`Queue::send`] or by a page.
    pub fn set_position(&self, slot: Slot, position: Position) {
        if let Some(progress) = self.lock().progress_mut(slot) {
            progress.position = position;
        }
    }

    /// The connection that it leads to.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Returns when something has to be done: call [`Queue::resume`] then. May return once too often.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Writes some of what waits, as long as the reader gets on. Returns None when nothing waits: from then on pushes go
    /// straight to the socket. Nothing is lost if the future is dropped.
    pub async fn resume(&self) -> Result<Option<Wake>, Disconnected> {
        {
            let mut state = self.lock();
            if state.direct || state.close_sent {
                return Ok(None);
            }
            if let Some((slot, code)) = state.ended.pop() {
                return Ok(Some(Wake::Ended(slot, code)));
            }
            if state.unsent.is_empty() {
                let next = state.fill();
                if next.is_some() {
                    return Ok(next);
                }
                if state.unsent.is_empty() {
                    state.direct = true;
                    return Ok(None);
                }
            }
        }
        self.flush().await?;
        Ok(Some(Wake::More))
    }

    /// Writes a frame before all that waits. Only while pushes wait: before the first [`Queue::resume`], after it
    /// returned [`Wake::Behind`], and after [`Queue::pause`].
    pub(super) async fn send(&self, frame: &Frame) -> Result<(), Disconnected> {
        self.lock().unsent.extend_from_slice(frame.encoded());
        self.flush().await
    }

    /// Writes control frames: they may pass whole frames that wait.
    pub(super) fn control(&self, bytes: &[u8]) -> io::Result<()> {
        const OPCODE: u8 = 0x0f;
        const CLOSE: u8 = 0x08;
        let mut state = self.lock();
        if state.close_sent {
            return Ok(());
        }
        state.close_sent = bytes.first().is_some_and(|first| first & OPCODE == CLOSE);
        match self.write(&mut state, bytes) {
            Ok(Wrote::All) => Ok(()),
            Ok(Wrote::Part) => {
                self.wake_task(state);
                Ok(())
            }
            Err(Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Writes what is unsent, as long as the reader takes something now and then.
    pub(super) async fn flush(&self) -> Result<(), Disconnected> {
        loop {
            let until = {
                let mut state = self.lock();
                match self.write(&mut state, &[])? {
                    Wrote::All => return Ok(()),
                    // The limit is for each write: a slow reader that gets on is not stuck.
                    Wrote::Part => *state.blocked_since.get_or_insert_with(Instant::now) + WRITE_TIMEOUT,
                }
            };
            match timeout_at(until, self.stream.writable()).await {
                Ok(Ok(())) => {}
                _ => return Err(Disconnected),
            }
        }
    }

    /// Writes what is unsent and then these bytes, as far as the socket takes them now.
    fn write(&self, state: &mut State, bytes: &[u8]) -> Result<Wrote, Disconnected> {
        if state.unsent.is_empty() {
            let taken = self.try_write(bytes)?;
            if taken < bytes.len() {
                state.unsent.extend_from_slice(&bytes[taken..]);
            }
        } else {
            state.unsent.extend_from_slice(bytes);
            while !state.unsent.is_empty() {
                let taken = self.try_write(&state.unsent)?;
                if taken == 0 {
                    break;
                }
                state.unsent.advance(taken);
                state.blocked_since = None;
            }
        }
        if state.unsent.is_empty() {
            state.blocked_since = None;
            // Memory that only slow readers need.
            state.unsent = BytesMut::new();
            Ok(Wrote::All)
        } else {
            Ok(Wrote::Part)
        }
    }

    /// How many bytes the socket took: none when it is full.
    fn try_write(&self, bytes: &[u8]) -> Result<usize, Disconnected> {
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
            Err(_) => Err(Disconnected),
        }
    }

    /// Lets pushes wait until the connection's task has looked at the queue.
    fn wake_task(&self, mut state: MutexGuard<'_, State>) {
        state.direct = false;
        drop(state);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests;
