//! What a queue holds: the frames and bytes that wait, and how far the reader of each subscription is. Nothing here
//! writes or waits.

use std::collections::VecDeque;

use bytes::BytesMut;
use tokio::time::Instant;

use super::{Frame, Slot, Wake};
use crate::ids::Position;
use crate::realtime::CloseCode;

/// Frames that may wait for a slow reader.
pub(super) const MAX_FRAMES: usize = 512;
/// Bytes of frames that may wait for a slow reader.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Bytes of waiting frames that are put together for one write.
const WRITE_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether pushes go straight to the socket: then nothing waits.
    pub(super) direct: bool,
    /// By their slots; None where a subscription has ended.
    pub(super) subscriptions: Vec<Option<Progress>>,
    /// Bytes that the socket did not take yet. They may begin within a frame, so they go out before all else.
    pub(super) unsent: BytesMut,
    /// Since when the socket takes nothing.
    pub(super) blocked_since: Option<Instant>,
    pub(super) waiting: VecDeque<(Slot, Frame)>,
    pub(super) waiting_bytes: usize,
    /// Subscriptions that were ended, until the connection's task has been told.
    pub(super) ended: Vec<(Slot, CloseCode)>,
    pub(super) closing: Option<CloseCode>,
    /// A close frame is on its way: nothing may follow it.
    pub(super) close_sent: bool,
}

/// What the reader of one subscription has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Where the reader's membership begins: earlier messages are not theirs to see.
    pub(super) begins: Position,
    /// The reader has been given everything up to here.
    pub(super) position: Position,
}

/// How a frame stands to what its reader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// The reader has it, or the subscription has ended.
    Known,
    /// It is next, or of no change at all.
    Next,
    /// It is next, and alters a message that the reader may not see.
    Unseen,
    /// Changes between it and what the reader has are missing.
    AfterGap,
}

impl State {
    pub(super) fn progress(&self, slot: Slot) -> Option<&Progress> {
        self.subscriptions.get(slot.0 as usize)?.as_ref()
    }

    pub(super) fn progress_mut(&mut self, slot: Slot) -> Option<&mut Progress> {
        self.subscriptions.get_mut(slot.0 as usize)?.as_mut()
    }

    pub(super) fn follows(&self, slot: Slot, frame: &Frame) -> Follows {
        let Some(progress) = self.progress(slot) else {
            return Follows::Known;
        };
        let Some(covers) = frame.covers else {
            return Follows::Next;
        };
        if covers.to.change <= progress.position.change {
            Follows::Known
        } else if covers.after != progress.position.change {
            Follows::AfterGap
        } else if covers.altered.is_some_and(|seq| seq <= progress.begins.seq) {
            Follows::Unseen
        } else {
            Follows::Next
        }
    }

    /// Notes that the reader has got as far as the frame goes.
    pub(super) fn advance(&mut self, slot: Slot, frame: &Frame) {
        if let (Some(progress), Some(covers)) = (self.progress_mut(slot), frame.covers) {
            progress.position = covers.to;
        }
    }

    pub(super) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.waiting_bytes = 0;
    }

    /// Ends a subscription and drops what waits of it. Returns whether there was one.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let subscription = self.subscriptions.get_mut(slot.0 as usize);
        let is_there = subscription.and_then(Option::take).is_some();
        if is_there {
            self.waiting.retain(|(other, _)| *other != slot);
            self.waiting_bytes = self.waiting.iter().map(|(_, frame)| frame.encoded().len()).sum();
        }
        is_there
    }

    /// Holds a frame back until the socket takes it, within bounds: past them the connection is to be closed.
    pub(super) fn hold(&mut self, slot: Slot, frame: &Frame) {
        if self.progress(slot).is_none() {
            return;
        }
        let is_full = self.waiting.len() >= MAX_FRAMES || self.waiting_bytes + frame.encoded().len() > MAX_BYTES;
        // An empty queue takes any frame: its reader is not behind.
        if is_full && !self.waiting.is_empty() {
            self.clear();
            self.closing = Some(CloseCode::TryAgain);
        } else {
            self.waiting_bytes += frame.encoded().len();
            self.waiting.push_back((slot, frame.clone()));
        }
    }

    /// Makes waiting frames that are next ready to be written. Returns what else there is to do, when there is none.
    pub(super) fn fill(&mut self) -> Option<Wake> {
        while self.unsent.len() < WRITE_BYTES
            && let Some((slot, frame)) = self.waiting.front()
        {
            let (slot, follows) = (*slot, self.follows(*slot, frame));
            if follows == Follows::AfterGap && !self.unsent.is_empty() {
                return None;
            }
            let Some((_, frame)) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= frame.encoded().len();
            match follows {
                // What is loaded then goes as far as this frame, and further.
                Follows::AfterGap => return Some(Wake::Behind(slot)),
                Follows::Known => {}
                Follows::Unseen => self.advance(slot, &frame),
                Follows::Next => {
                    self.unsent.extend_from_slice(frame.encoded());
                    self.advance(slot, &frame);
                }
            }
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        self.closing.filter(|_| self.unsent.is_empty()).map(Wake::Close)
    }
}
