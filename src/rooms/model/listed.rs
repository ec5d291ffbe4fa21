//! Rooms in lists: in the side bar, on the chat home, and in the administration.

use chrono::{DateTime, Utc};

use crate::accounts::model::Author;
use crate::ids::RoomId;

/// A room of mine in the side bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyRoom {
    /// Which room.
    pub id: RoomId,
    /// Its place in addresses.
    pub slug: String,
    /// Its name; empty for a direct chat, which is called by the other person.
    pub title: String,
    /// The other person of a direct chat.
    pub partner: Option<Author>,
    /// Whether that person is a friend.
    pub is_friend: bool,
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

/// Numbers of messages in all rooms together.
#[derive(Debug, Clone, Copy)]
pub struct MessageCounts {
    /// Stored.
    pub all: i64,
    /// Written since midnight, UTC.
    pub today: i64,
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
