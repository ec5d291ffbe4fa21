//! How far somebody has read a room, what waits there, and what of it they are told of.

use crate::ids::{RoomId, Seq, UserId};

/// What of a room somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Every message.
    #[default]
    All,
    /// What names them.
    Mentions,
    /// Nothing: the room is muted, and no count stands beside it.
    Nothing,
}

impl Level {
    /// All of them, each with its words.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::All, "All messages"),
        (Self::Mentions, "Only mentions of me"),
        (Self::Nothing, "Nothing (muted)"),
    ];

    /// The name in the database and in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::Nothing => "nothing",
        }
    }

    /// The level of that name; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter().map(|(level, _)| level);
        all.find(|level| level.as_str() == name)
    }
}

/// What waits for somebody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Which room.
    pub room: RoomId,
    /// Messages of others that they have not read; 100 stands for more.
    pub count: i64,
    /// Messages among them that name the person.
    pub mentions: i64,
    /// The newest message that was counted or passed over.
    pub last_seq: Seq,
    /// How often they marked something as unread, counted from when they came.
    pub version: i64,
    /// The last message that they have read, by that count.
    pub read: Seq,
    /// What they are told of.
    pub level: Level,
}

/// How far somebody says that they have read.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// Up to which message.
    pub seq: Seq,
    /// How often they had marked something as unread, as far as the page knows.
    pub version: Option<i64>,
}
