//! What a message is, and what may be sent.

mod body;
mod quote;
mod reaction;

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::accounts::model::Author;
use crate::files::File;
use crate::ids::{Change, ClientId, FileId, KeyId, MessageId, Position, RoomId, Seq, UserId};
use crate::rooms::model::RoomEvent;

pub use body::{Body, MAX_CHARS, SendError, parse_files};
pub use quote::{Quote, Quoted};
pub use reaction::{Emoji, Reaction};

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

/// Whom a message names.
#[derive(Debug, Clone)]
pub enum Mention {
    /// Another member of its room.
    Person {
        /// Who.
        user: UserId,
        /// Their username.
        username: String,
    },
    /// Everybody in the room.
    Everybody,
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
