//! What may be sent, and why something is not taken.

use std::borrow::Cow;
use std::time::Duration;

use crate::files;
use crate::ids::FileId;
use crate::text::is_visible;

/// Characters that a body may have.
pub const MAX_CHARS: usize = 4000;

/// A message's text: 1 to 4,000 characters of any script, something of which can be seen, without NUL. White space at its
/// end goes; the first line keeps its indentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(String);

impl Body {
    /// Checks a typed text.
    pub fn parse(typed: &str) -> Result<Self, SendError> {
        let body = Self::beside_files(typed)?;
        if body.0.is_empty() {
            return Err(SendError::Empty);
        }
        Ok(body)
    }

    /// The same for a message with files, which may have no text.
    pub fn beside_files(typed: &str) -> Result<Self, SendError> {
        // Forms send line ends as CR LF, sockets as LF: one text is stored.
        let mut text = Cow::from(typed.trim_end());
        if text.contains('\r') {
            text = text.replace("\r\n", "\n").replace('\r', "\n").into();
        }
        if !text.chars().any(is_visible) {
            return Ok(Self(String::new()));
        }
        if text.contains('\0') {
            return Err(SendError::Malformed("A message cannot hold the NUL character."));
        }
        if text.chars().count() > MAX_CHARS {
            return Err(SendError::TooLong);
        }
        Ok(Self(text.into_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Why a message was not taken, or not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// It has not the form that is asked for; the sentence says what is wrong.
    Malformed(&'static str),
    /// There is nothing in it.
    Empty,
    /// It has more than [`MAX_CHARS`] characters, or more bytes than a frame may have.
    TooLong,
    /// Too many in a short time.
    TooFast(Duration),
    /// The sender does not belong to the room (or it was archived).
    NotAMember,
    /// The other person of a direct chat is no friend of theirs any more.
    NotFriends,
    /// The server has too much to do.
    Busy,
    /// One of its files is not there, was sent already, or is somebody else's.
    UnknownFile,
    /// There is no message that it could answer, as far as its sender may see the room.
    UnknownReply,
    /// The database did not confirm it in time: send it again with the same client id.
    Unavailable,
}

impl SendError {
    /// The code that programs read.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "invalid_json",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::TooFast(_) => "too_fast",
            Self::NotAMember => "not_a_member",
            Self::NotFriends => "not_friends",
            Self::UnknownReply => "unknown_reply",
            Self::UnknownFile => "unknown_file",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }

    /// The sentence that people read.
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed(sentence) => sentence,
            Self::Empty => "Write something first.",
            Self::TooLong => "This is too long. A message has at most 4,000 characters.",
            Self::TooFast(_) => "You are writing too fast. Wait a moment.",
            Self::NotAMember => "You cannot write in this room any more.",
            Self::NotFriends => "You are not friends any more. Once you are again, you can write to each other.",
            Self::UnknownReply => "The message that you answer is not there.",
            Self::UnknownFile => "A file of this message is not there any more. Write it again with the file.",
            Self::Busy => "The server is busy. Your message waits and is sent again.",
            Self::Unavailable => "The server could not confirm this message. It waits and is sent again.",
        }
    }

    /// The same for a page without script, on which nothing is sent again by itself.
    pub fn page_message(self) -> &'static str {
        match self {
            Self::Busy => "The server is busy. Press Send again in a moment; your message will not be sent twice.",
            Self::Unavailable => {
                "The server could not confirm this message. Press Send again; it will not be sent twice."
            }
            other => other.message(),
        }
    }

    /// When to try again, if that can help.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooFast(wait) => Some(wait),
            Self::Busy => Some(Duration::from_secs(1)),
            Self::Unavailable => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

/// Reads which files go with a message: each once, and not too many.
pub fn parse_files<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<Vec<FileId>, SendError> {
    let mut files = Vec::new();
    for id in ids {
        let id = FileId(id.parse().map_err(|_| SendError::UnknownFile)?);
        if !files.contains(&id) {
            files.push(id);
        }
        if files.len() > files::MOST {
            return Err(SendError::Malformed("A message has at most 10 files."));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_keep_their_indentation_and_are_counted_in_characters() {
        assert_eq!(Body::parse("  hi \r\n there \n").unwrap().as_str(), "  hi \n there");
        assert_eq!(Body::parse("\r\n\thi").unwrap().as_str(), "\n\thi");
        assert!(Body::parse(&"🌙".repeat(4000)).is_ok());
        assert_eq!(Body::parse(&"x".repeat(4001)), Err(SendError::TooLong));
        for empty in [
            "",
            " \n\t ",
            "\u{200B}",
            "\u{3164}\n\u{2800}",
            "\u{200D}\u{FE0F}",
            "\u{E0061}",
        ] {
            assert_eq!(Body::parse(empty), Err(SendError::Empty), "{empty:?}");
        }
        for kept in [
            "👨\u{200D}👩\u{200D}👧",
            "❤\u{FE0F}",
            "می\u{200C}خواهم",
            "\u{200F}سلام\u{200B}",
            "e\u{301}",
            "ิ",
        ] {
            assert_eq!(Body::parse(kept).unwrap().as_str(), kept);
        }
        assert!(matches!(Body::parse("a\0b"), Err(SendError::Malformed(_))));
    }
}
