//! What happens in rooms besides messages.

use chrono::{DateTime, Utc};

use super::MemberRole;
use crate::accounts::model::Author;
use crate::ids::{Change, Seq, UserId};

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
