//! What is pushed to sockets.

use bytes::{BufMut, Bytes, BytesMut};

use crate::ids::{Change, Position, Seq};

/// Bytes that stand before the text of a frame at most.
const HEADER_BYTES: usize = 10;

/// A WebSocket text frame, encoded once and shared by all its recipients: what a server sends is not masked, so the
/// same bytes serve everybody.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The changes that the frame covers; None for what is only of the moment (an online count, a heartbeat).
    pub covers: Option<Covers>,
    encoded: Bytes,
}

/// The changes of its audience that a frame covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covers {
    /// Readers must know everything up to this change.
    pub after: Change,
    /// Where the frame brings its readers.
    pub to: Position,
    /// The message that it alters, if it alters one. Who may not see that message is sent nothing, and only gets on.
    pub altered: Option<Seq>,
}

impl Frame {
    /// A frame of the moment: it covers no change.
    pub fn ephemeral(text: &str) -> Self {
        Self {
            covers: None,
            encoded: encode(text),
        }
    }

    /// A frame that covers these changes.
    pub fn covering(covers: Covers, text: &str) -> Self {
        Self {
            covers: Some(covers),
            encoded: encode(text),
        }
    }

    /// Frames that cover these changes together and go out as one: each of the texts is a message of its own. Without any,
    /// its readers are told nothing, and only get on.
    pub fn several(covers: Covers, texts: &[String]) -> Self {
        let bytes = texts.iter().map(|text| text.len() + HEADER_BYTES).sum();
        let mut encoded = BytesMut::with_capacity(bytes);
        for text in texts {
            encode_into(&mut encoded, text);
        }
        Self {
            covers: Some(covers),
            encoded: encoded.freeze(),
        }
    }

    /// The frame as it goes over the wire.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }
}

/// One final, unmasked text frame (RFC 6455, section 5.2).
fn encode(text: &str) -> Bytes {
    let mut frame = BytesMut::with_capacity(text.len() + HEADER_BYTES);
    encode_into(&mut frame, text);
    frame.freeze()
}

fn encode_into(frame: &mut BytesMut, text: &str) {
    const FINAL_TEXT: u8 = 0x81;
    frame.put_u8(FINAL_TEXT);
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length), _) if length < 126 => frame.put_u8(length),
        (_, Ok(length)) => {
            frame.put_u8(126);
            frame.put_u16(length);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(text.len() as u64);
        }
    }
    frame.put_slice(text.as_bytes());
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tungstenite::protocol::{Role, WebSocket};

    use super::*;

    #[test]
    fn frames_of_every_length_are_read_by_the_library() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let text = "x".repeat(length);
            let frame = Frame::ephemeral(&text);
            let wire = Cursor::new(frame.encoded().to_vec());
            let message = WebSocket::from_raw_socket(wire, Role::Client, None).read().unwrap();
            assert_eq!(message.into_text().unwrap().as_str(), text);
        }
    }

    #[test]
    fn several_frames_are_read_one_by_one() {
        let covers = Covers {
            after: Change(0),
            to: Position::default(),
            altered: None,
        };
        let texts = ["one".to_owned(), "x".repeat(300)];
        let wire = Cursor::new(Frame::several(covers, &texts).encoded().to_vec());
        let mut socket = WebSocket::from_raw_socket(wire, Role::Client, None);
        for text in texts {
            assert_eq!(socket.read().unwrap().into_text().unwrap().as_str(), text);
        }
        assert!(Frame::several(covers, &[]).encoded().is_empty());
    }
}
