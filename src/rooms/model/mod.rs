//! Rooms, who belongs to them, and what happens in them besides messages.

mod invites;
mod membership;
mod names;
mod reading;
mod switcher;

use chrono::{DateTime, Utc};

pub use invites::{Invitation, Invite, Invited, OpenedInvite, Reachable, Terms};
pub use membership::{History, Kind, MOST_OWNED, MOST_ROOMS, MemberRole, Membership};
pub use names::{RoomName, RoomTitle, Topic, message_path, path};
pub use reading::{Level, Read, Unread};
pub use switcher::OpenRoom;

use crate::accounts::model::Author;
use crate::ids::{Change, KeyId, Position, RoomId, Seq, UserId};

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
    /// It was made.
    Created,
    /// Somebody was taken in by somebody else.
    Added,
    /// Somebody was put out by somebody else.
    Removed,
    /// Somebody became an owner.
    MadeOwner,
    /// Somebody became a moderator.
    MadeModerator,
    /// Somebody became a member like others again.
    MadeMember,
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
            Self::Created => "created",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::MadeOwner => "made_owner",
            Self::MadeModerator => "made_moderator",
            Self::MadeMember => "made_member",
        }
    }

    /// The kind of that name; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Joined,
            Self::Left,
            Self::Edited,
            Self::Archived,
            Self::Restored,
            Self::Created,
            Self::Added,
            Self::Removed,
            Self::MadeOwner,
            Self::MadeModerator,
            Self::MadeMember,
        ];
        all.into_iter().find(|kind| kind.as_str() == name)
    }

    /// That somebody gets this role.
    pub fn made(role: MemberRole) -> Self {
        match role {
            MemberRole::Owner => Self::MadeOwner,
            MemberRole::Moderator => Self::MadeModerator,
            MemberRole::Member => Self::MadeMember,
        }
    }

    /// Whether it changes who belongs to the room.
    pub fn changes_members(self) -> bool {
        matches!(self, Self::Joined | Self::Left | Self::Added | Self::Removed)
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
    /// To whom, if that is somebody else.
    pub subject: Option<Author>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Something that happens in a room, to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent {
    /// What happens.
    pub kind: EventKind,
    /// Who does it.
    pub actor: UserId,
    /// To whom, if that is somebody else.
    pub subject: Option<UserId>,
    /// When.
    pub at: DateTime<Utc>,
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
