//! Rooms, their names, and what happens in them besides messages.

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::accounts::model::{Author, fold};
use crate::ids::{Change, KeyId, RoomId, Seq};

/// Changes of a room that somebody has to be told of.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Which room.
    pub room: RoomId,
    /// Its data key.
    pub key: KeyId,
    /// Only messages with numbers greater than this may be seen.
    pub from: Seq,
    /// Only what came after this change.
    pub after: Change,
    /// Nothing that came after this change.
    pub up_to: Change,
}

/// A public room's name: 1 to 64 letters, digits, `-` and `_` of any script, NFKC. It is the room's slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomName(String);

impl RoomName {
    /// Checks a typed name; the error is a sentence for the field.
    pub fn parse(typed: &str) -> Result<Self, String> {
        use unicode_normalization::UnicodeNormalization;
        let name: String = typed.trim().nfkc().collect();
        if name.is_empty() {
            return Err("Give the room a name.".into());
        }
        if name.chars().count() > 64 {
            return Err("Use at most 64 characters.".into());
        }
        if !name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
            return Err("Use letters, digits, - and _ only.".into());
        }
        Ok(Self(name))
    }

    /// The name as it is shown, and as it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are compared by.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

/// What a room is for: at most 200 characters in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    /// Checks a typed topic; the error is a sentence for the field.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let topic = typed.trim();
        if topic.chars().count() > 200 {
            return Err("Use at most 200 characters.".into());
        }
        if topic.chars().any(char::is_control) {
            return Err("Write the topic in one line, without control characters.".into());
        }
        Ok(Self(topic.to_owned()))
    }

    /// The topic as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is encoded in a path: everything that is ASCII and may not stand in a room's name.
const OUTSIDE_NAMES: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Where a room's page is. A slug may be of any script, so it is encoded for headers and data as well.
pub fn path(slug: &str) -> String {
    format!("/chat/room/{}", utf8_percent_encode(slug, &OUTSIDE_NAMES))
}

/// A room, as somebody sees it to whom it is open.
#[derive(Debug, Clone)]
pub struct Room {
    /// Which room.
    pub id: RoomId,
    /// Its place in addresses: `/chat/room/<slug>`.
    pub slug: String,
    /// Its name for people.
    pub title: String,
    /// What it is for; may be empty.
    pub topic: String,
    /// Its data key.
    pub key: KeyId,
    /// Messages so far.
    pub last_seq: Seq,
    /// Changes so far.
    pub last_change: Change,
    /// Since when it can be read only.
    pub archived_at: Option<DateTime<Utc>>,
}

/// A room as one of its members sees it.
#[derive(Debug, Clone)]
pub struct MemberRoom {
    /// The room.
    pub room: Room,
    /// The member may see messages with a greater number than this.
    pub from_seq: Seq,
}

/// What happened in a room besides messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Somebody joined.
    Joined,
    /// Somebody left.
    Left,
    /// Name or topic were changed.
    Edited,
    /// It was archived.
    Archived,
    /// It was opened again.
    Restored,
}

impl EventKind {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Edited => "edited",
            Self::Archived => "archived",
            Self::Restored => "restored",
        }
    }

    /// The kind of that name; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Joined, Self::Left, Self::Edited, Self::Archived, Self::Restored]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// Something that happened in a room, drawn after the message with number `after_seq`.
#[derive(Debug, Clone)]
pub struct RoomEvent {
    /// Its number among the room's changes.
    pub change: Change,
    /// The last message before it.
    pub after_seq: Seq,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor: Author,
    /// When.
    pub at: DateTime<Utc>,
}

/// The public rooms that one person sees in the side bar.
#[derive(Debug, Clone, Default)]
pub struct RoomList {
    /// How often the list of all public rooms had changed when this was read.
    pub version: i64,
    /// By their names.
    pub rooms: Vec<ListedRoom>,
}

/// A public room in the side bar and on the chat home.
#[derive(Debug, Clone)]
pub struct ListedRoom {
    /// Which room.
    pub id: RoomId,
    /// Its place in addresses.
    pub slug: String,
    /// What the list is sorted by.
    pub key: String,
    /// Its name.
    pub title: String,
    /// What it is for; may be empty.
    pub topic: String,
    /// Whether it can be read only.
    pub archived: bool,
    /// Whether the viewer is a member.
    pub joined: bool,
}

/// Which public rooms an administrator wants to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    /// All of them.
    #[default]
    All,
    /// Those that can be written in.
    Open,
    /// Those that can be read only.
    Archived,
}

impl Show {
    /// The name in the query of an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Open => "open",
            Self::Archived => "archived",
        }
    }

    /// The choice of that name; what is unknown means all.
    pub fn parse(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "archived" => Self::Archived,
            _ => Self::All,
        }
    }
}

/// A public room in the administrator's list.
#[derive(Debug, Clone)]
pub struct AdminRow {
    /// Its place in addresses.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it is for; may be empty.
    pub topic: String,
    /// People in it.
    pub members: i64,
    /// Messages so far.
    pub messages: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it can be read only.
    pub archived_at: Option<DateTime<Utc>>,
    /// When the last message was written.
    pub last_active: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_keep_to_letters_digits_and_two_signs() {
        for good in ["General", "a", "geo-2_x", "Übersicht", "天文", &"x".repeat(64)] {
            assert_eq!(
                RoomName::parse(good).map(|name| name.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", "  ", "two words", "a/b", "a.b", "<b>", "a\0", &"x".repeat(65)] {
            assert!(RoomName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_or_form_only_have_one_key() {
        let key = |name| RoomName::parse(name).unwrap().key();
        assert_eq!(key("GENERAL"), key("general"));
        assert_eq!(key("Straße"), key("STRASSE"));
        assert_eq!(key("ｇeneral"), key("general"));
    }

    #[test]
    fn paths_hold_ascii_only() {
        assert_eq!(path("General"), "/chat/room/General");
        assert_eq!(path("Über"), "/chat/room/%C3%9Cber");
    }

    #[test]
    fn topics_are_one_short_line() {
        assert_eq!(Topic::parse(" news ").unwrap().as_str(), "news");
        assert!(Topic::parse(&"x".repeat(201)).is_err());
        assert!(Topic::parse("two\nlines").is_err());
    }
}
