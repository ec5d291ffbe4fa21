//! What a message is, and what may be sent.

mod quote;
mod reaction;

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::accounts::model::Author;
use crate::files::{self, File};
use crate::ids::{Change, ClientId, FileId, KeyId, MessageId, Position, RoomId, Seq, UserId};
use crate::rooms::model::RoomEvent;
use crate::text::is_visible;

pub use quote::{Quote, Quoted};
pub use reaction::{Emoji, Reaction};

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
        let text = typed.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end();
        if !text.chars().any(is_visible) {
            return Ok(Self(String::new()));
        }
        if text.contains('\0') {
            return Err(SendError::Malformed("A message cannot hold the NUL character."));
        }
        if text.chars().count() > MAX_CHARS {
            return Err(SendError::TooLong);
        }
        Ok(Self(text.to_owned()))
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

/// A message on its way into the database.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its id, already inside the sealed body.
    pub id: MessageId,
    /// Where.
    pub room: RoomId,
    /// By whom.
    pub author: UserId,
    /// The author's data key that it was sealed with.
    pub author_key: KeyId,
    /// The sender's id for it.
    pub client_id: ClientId,
    /// The text, for those who read it at once; only its sealed form is stored.
    pub body: Body,
    /// The sealed body.
    pub sealed: String,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
    /// The files that go with it.
    pub files: Vec<FileId>,
    /// The keys of the usernames that it may hold.
    pub names: Vec<String>,
    /// When it was sent.
    pub created_at: DateTime<Utc>,
}

/// Where a message stands in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: Seq,
    /// The change that stored it.
    pub change: Change,
    /// Whether it stood there already: the same client id had been sent before.
    pub is_duplicate: bool,
}

/// What became of a message in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, and its author is shown like this now.
    Stored(Stored, Author),
    /// Its sender does not belong to the room (or it was archived).
    NotAMember,
    /// What it answers does not exist for its sender.
    UnknownReply,
    /// One of its files cannot be sent with it.
    UnknownFile,
    /// Somebody else held its room locked.
    Locked,
}

/// A message as everybody in the room sees it.
#[derive(Debug, Clone)]
pub struct MessageView {
    /// Its number.
    pub seq: Seq,
    /// Its id.
    pub id: MessageId,
    /// How often it was written, the first time included.
    pub version: i32,
    /// Its latest change.
    pub change: Change,
    /// The sender's id for it.
    pub client_id: ClientId,
    /// Who wrote it.
    pub author: Author,
    /// What it answers.
    pub quote: Option<Box<Quote>>,
    /// The text; None when it could not be decrypted, or was deleted.
    pub body: Option<String>,
    /// Whom it names.
    pub mentions: Vec<Mention>,
    /// What goes with it.
    pub files: Vec<File>,
    /// Whether it was deleted: only its place in the room is left.
    pub is_deleted: bool,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its author changed it last.
    pub edited_at: Option<DateTime<Utc>>,
    /// How people react to it, in the order in which each was first given.
    pub reactions: Vec<Reaction>,
    /// Whether it continues the message before it: same author, within five minutes, same UTC day.
    pub continued: bool,
    /// Whether it is the first of its day (UTC).
    pub new_day: bool,
}

/// Somebody whom a message names: another member of its room.
#[derive(Debug, Clone)]
pub struct Mention {
    /// Who.
    pub user: UserId,
    /// Their username.
    pub username: String,
}

/// Messages that this node has just stored in one room, at hand for those who are subscribed to it.
#[derive(Debug)]
pub struct StoredBatch {
    /// Where.
    pub room: RoomId,
    /// The room's change before them.
    pub after: Change,
    /// Where the last of them brings the room.
    pub to: Position,
    /// In order. How the first stands to the message before it is not known here: see [`group`].
    pub messages: Vec<MessageView>,
    /// Dropped once they have been delivered, which the writer waits for.
    pub held_until_delivered: mpsc::Sender<Infallible>,
}

/// Notes in each of these messages, which follow on each other, how it stands to the one before it; `previous` is the
/// one before the first. Returns the last one, for those that follow.
pub fn group(messages: &mut [MessageView], mut previous: Option<PreviousMessage>) -> Option<PreviousMessage> {
    for message in messages {
        (message.continued, message.new_day) = grouping(message.author.id, message.created_at, previous);
        previous = Some((message.author.id, message.created_at));
    }
    previous
}

/// Author and time of the message before.
pub type PreviousMessage = (UserId, DateTime<Utc>);

/// How a message stands to the one before it, `(continued, new_day)`.
pub fn grouping(author: UserId, created_at: DateTime<Utc>, previous: Option<PreviousMessage>) -> (bool, bool) {
    let Some((previous_author, previous_at)) = previous else {
        return (false, true);
    };
    let new_day = previous_at.date_naive() != created_at.date_naive();
    // Either way: the clock may have been set back between the two.
    let close = (created_at - previous_at).abs() <= chrono::Duration::minutes(5);
    (author == previous_author && close && !new_day, new_day)
}

/// One line of a room's history, or a change of one.
#[derive(Debug, Clone)]
pub enum Item {
    /// A message.
    Message(MessageView),
    /// A message that its readers have already, as it is now: it replaces the line that stands.
    Altered(MessageView),
    /// Something else that happened.
    Event(RoomEvent),
}

impl Item {
    /// Its latest change.
    pub fn change(&self) -> Change {
        match self {
            Self::Message(message) | Self::Altered(message) => message.change,
            Self::Event(event) => event.change,
        }
    }
}

/// A page of a room's history, oldest first.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Messages and events in order.
    pub items: Vec<Item>,
    /// Where the next older page ends, if there is one.
    pub older: Option<Cursor>,
    /// The message after which the next newer page begins, if this is not the newest.
    pub newer: Option<Seq>,
}

/// Where a page of history ends: before message `before` and, if `event` is given, before the event of that change, which
/// stands between that message and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// `?before=` of the page's address.
    pub before: Seq,
    /// `&event=` of it.
    pub event: Option<Change>,
}

impl Cursor {
    /// The query of an address of that page, without its `?`.
    pub fn query(self) -> String {
        let event = self.event.map(|change| format!("&event={change}"));
        format!("before={}{}", self.before, event.unwrap_or_default())
    }
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

    #[test]
    fn messages_of_one_person_within_five_minutes_continue() {
        let (ana, ben) = (UserId::new(), UserId::new());
        let noon: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let later = |minutes| noon + chrono::Duration::minutes(minutes);
        assert_eq!(grouping(ana, noon, None), (false, true));
        assert_eq!(grouping(ana, later(5), Some((ana, noon))), (true, false));
        assert_eq!(grouping(ana, later(6), Some((ana, noon))), (false, false));
        assert_eq!(
            grouping(ana, later(-60), Some((ana, noon))),
            (false, false),
            "the clock was set back"
        );
        assert_eq!(grouping(ben, later(1), Some((ana, noon))), (false, false));
        let midnight: DateTime<Utc> = "2026-03-02T00:00:30Z".parse().unwrap();
        assert_eq!(
            grouping(ana, midnight, Some((ana, midnight - chrono::Duration::minutes(1)))),
            (false, true)
        );
    }
}
