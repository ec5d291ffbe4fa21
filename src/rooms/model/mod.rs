//! Rooms, who belongs to them, and what happens in them besides messages.

mod event;
mod invites;
mod listed;
mod membership;
mod names;
mod reading;
mod switcher;

use chrono::{DateTime, Utc};

pub use event::{EventKind, NewEvent, RoomEvent};
pub use invites::{Invitation, Invite, Invited, OpenedInvite, Reachable, Terms};
pub use listed::{AdminRow, ListedRoom, MessageCounts, MyRoom, RoomList, Show};
pub use membership::{History, Kind, MOST_OWNED, MOST_ROOMS, MemberRole, Membership};
pub use names::{RoomName, RoomTitle, Topic, message_path, path};
pub use reading::{Level, Read, Unread};
pub use switcher::OpenRoom;

use crate::accounts::model::Author;
use crate::ids::{Change, KeyId, Position, RoomId, Seq};

/// A part of a room's changes that is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Which room.
    pub room: RoomId,
    /// Its data key.
    pub key: KeyId,
    /// Only messages with greater numbers may be seen.
    pub begins: Seq,
    /// Whether it is read for all members, some of whom may begin later.
    pub for_all: bool,
    /// The newest message that the readers have: one up to here that comes again has been altered.
    pub newest: Seq,
    /// Only what came after this change.
    pub after: Change,
    /// Nothing that came after this change.
    pub up_to: Change,
}

/// A room, as somebody sees it to whom it is open.
#[derive(Debug, Clone)]
pub struct Room {
    /// Which room.
    pub id: RoomId,
    /// What kind of room.
    pub kind: Kind,
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
    /// The last change of who belongs to it.
    pub members_change: Change,
    /// Since when it can be read only.
    pub archived_at: Option<DateTime<Utc>>,
    /// What new members may read.
    pub history: History,
}

impl Room {
    /// What matters for the delivery of its changes.
    pub fn state(&self) -> RoomState {
        RoomState {
            id: self.id,
            key: self.key,
            last_seq: self.last_seq,
            last_change: self.last_change,
            members_change: self.members_change,
            is_open: self.archived_at.is_none(),
        }
    }
}

/// A room of somebody's, as a program lists it.
#[derive(Debug)]
pub struct RoomWithMembers {
    /// Which room.
    pub id: RoomId,
    /// What kind, by its name in the database.
    pub kind: String,
    /// Its place in addresses.
    pub slug: String,
    /// Its name; empty for a direct chat.
    pub title: String,
    /// What it is for.
    pub topic: String,
    /// Whether it can be read only.
    pub is_archived: bool,
    /// What the person may do there, by its name in the database.
    pub role: String,
    /// The newest message.
    pub last_seq: Seq,
    /// The latest change.
    pub last_change: Change,
    /// Usernames of members, 100 at most.
    pub members: Vec<String>,
}

/// How a room is asked for.
#[derive(Debug, Clone, Copy)]
pub enum RoomAddress<'a> {
    /// By its place in addresses, as somebody typed it.
    Slug(&'a str),
    /// By its id, which a new name does not change.
    Id(RoomId),
}

/// What a node needs to know before it delivers a room's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomState {
    /// Which room.
    pub id: RoomId,
    /// Its data key.
    pub key: KeyId,
    /// Messages so far.
    pub last_seq: Seq,
    /// Changes so far.
    pub last_change: Change,
    /// The last change of who belongs to it.
    pub members_change: Change,
    /// Whether it can be written in.
    pub is_open: bool,
}

impl RoomState {
    /// How far it is.
    pub fn position(&self) -> Position {
        Position {
            change: self.last_change,
            seq: self.last_seq,
        }
    }
}

/// A room that somebody makes.
#[derive(Debug)]
pub struct NewRoom {
    /// Private or a group.
    pub kind: Kind,
    /// Its name.
    pub title: RoomTitle,
    /// What it is for; may be empty.
    pub topic: Topic,
    /// The usernames of those who were chosen.
    pub chosen: Vec<String>,
    /// How they get into it.
    pub entry: Entry,
}

/// How those who were chosen get into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// They are friends, and in it at once.
    Added,
    /// They are friends, and invited to it.
    Invited,
    /// Friends are in it at once, and all others invited to it.
    ByRelation,
}

/// What a room that people made is to be set to; None leaves it as it is.
#[derive(Debug, Default)]
pub struct Settings {
    /// Its name.
    pub title: Option<RoomTitle>,
    /// What it is for; may be empty.
    pub topic: Option<Topic>,
    /// What new members may read.
    pub history: Option<History>,
}

/// Somebody who belongs to a room.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub person: Author,
    /// What they may do.
    pub role: MemberRole,
}
