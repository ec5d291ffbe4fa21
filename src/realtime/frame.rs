//! What is pushed to sockets.

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::ids::Change;

/// One text frame, made once and shared by all its recipients.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The changes that the frame covers, as `(after, up to and including)`; None for what is only of the moment
    /// (an online count, a heartbeat).
    pub covers: Option<(Change, Change)>,
    text: Utf8Bytes,
}

impl Frame {
    /// A frame that covers no change.
    pub fn ephemeral(text: String) -> Self {
        Self {
            covers: None,
            text: text.into(),
        }
    }

    /// A frame that brings its reader from change `from` to change `to`.
    pub fn covering(from: Change, to: Change, text: String) -> Self {
        Self {
            covers: Some((from, to)),
            text: text.into(),
        }
    }

    /// Size of the text in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text, shared, not copied.
    pub(super) fn text(&self) -> Utf8Bytes {
        self.text.clone()
    }
}

/// Why the server ends a socket: the closing codes that pages understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// 4401: no session, or it ended.
    SignedOut,
    /// 4403: the room is not open to this person, or no longer.
    NotOpen,
    /// 1012: the server restarts; come back.
    Restart,
    /// 1013: the reader fell behind or has too many sockets; come back and catch up.
    TryAgain,
}

impl CloseCode {
    /// The number on the wire and its reason.
    pub fn wire(self) -> (u16, &'static str) {
        match self {
            Self::SignedOut => (4401, "signed out"),
            Self::NotOpen => (4403, "not open to you"),
            Self::Restart => (1012, "restart"),
            Self::TryAgain => (1013, "behind: reconnect"),
        }
    }
}
