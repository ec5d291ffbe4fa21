//! The bounded queue of frames on their way to one connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::frame::{CloseCode, Frame};

/// Frames that may wait for a slow reader.
const MAX_FRAMES: usize = 512;
/// Bytes of frames that may wait for a slow reader.
const MAX_BYTES: usize = 1 << 20;

/// Pushes never wait: a queue that overflows is cleared and says "you are behind" instead.
#[derive(Debug, Default)]
pub struct Queue {
    // A std mutex: it is held for a few instructions and never across an await.
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    closing: Option<CloseCode>,
}

/// What waited in a queue.
#[derive(Debug)]
pub enum Taken {
    /// Frames, oldest first.
    Frames(VecDeque<Frame>),
    /// The connection is to be closed.
    Close(CloseCode),
}

impl Queue {
    /// Adds a frame; a full queue is cleared and will close with 1013.
    pub fn push(&self, frame: &Frame) {
        let mut state = self.lock();
        if state.closing.is_some() {
            return;
        }
        let is_full = state.frames.len() >= MAX_FRAMES || state.bytes + frame.encoded().len() > MAX_BYTES;
        // An empty queue takes any frame: its reader is not behind.
        if is_full && !state.frames.is_empty() {
            state.frames = VecDeque::new();
            state.closing = Some(CloseCode::TryAgain);
        } else {
            state.bytes += frame.encoded().len();
            state.frames.push_back(frame.clone());
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Closes the connection; the first reason stays. What waits is dropped, because the reader may not hear it any
    /// more, unless only the server restarts.
    pub fn close(&self, code: CloseCode) {
        let mut state = self.lock();
        if code != CloseCode::Restart {
            state.frames = VecDeque::new();
        }
        state.closing.get_or_insert(code);
        drop(state);
        self.filled.notify_one();
    }

    /// Everything that waits, as soon as something does. Nothing is lost if the future is dropped.
    pub async fn take(&self) -> Taken {
        loop {
            if let Some(taken) = self.take_now() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    fn take_now(&self) -> Option<Taken> {
        let mut state = self.lock();
        if state.frames.is_empty() {
            return state.closing.map(Taken::Close);
        }
        state.bytes = 0;
        Some(Taken::Frames(std::mem::take(&mut state.frames)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame::ephemeral(&"x".repeat(bytes))
    }

    #[tokio::test]
    async fn frames_come_out_in_order() {
        let queue = Queue::default();
        queue.push(&frame(1));
        queue.push(&frame(2));
        let Taken::Frames(frames) = queue.take().await else {
            panic!("closed")
        };
        assert_eq!(
            frames.iter().map(|frame| frame.encoded().len()).collect::<Vec<_>>(),
            [1 + 2, 2 + 2]
        );
    }

    #[tokio::test]
    async fn a_full_queue_is_cleared_and_closes_as_behind() {
        for (size, count) in [(1, MAX_FRAMES + 1), (MAX_BYTES / 2, 3)] {
            let queue = Queue::default();
            for _ in 0..count {
                queue.push(&frame(size));
            }
            assert!(matches!(queue.take().await, Taken::Close(CloseCode::TryAgain)));
            assert_eq!(queue.lock().frames.capacity(), 0, "memory is given back");
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_not_behind_gets_a_frame_of_any_size() {
        let queue = Queue::default();
        queue.push(&frame(MAX_BYTES + 1));
        assert!(matches!(queue.take().await, Taken::Frames(_)));
    }

    #[tokio::test]
    async fn what_waits_goes_out_before_a_restart_and_never_to_strangers() {
        let (restart, stranger) = (Queue::default(), Queue::default());
        restart.push(&frame(1));
        restart.close(CloseCode::Restart);
        assert!(matches!(restart.take().await, Taken::Frames(_)));
        assert!(matches!(restart.take().await, Taken::Close(CloseCode::Restart)));
        stranger.push(&frame(1));
        stranger.close(CloseCode::NotOpen);
        assert!(matches!(stranger.take().await, Taken::Close(CloseCode::NotOpen)));
    }

    #[tokio::test]
    async fn the_first_reason_to_close_stays() {
        let queue = Queue::default();
        queue.close(CloseCode::SignedOut);
        queue.close(CloseCode::Restart);
        queue.push(&frame(1));
        assert!(matches!(queue.take().await, Taken::Close(CloseCode::SignedOut)));
    }
}
