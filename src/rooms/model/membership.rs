//! Who belongs to a room, and what that lets them do: the rules, for every way into a room.

use super::Room;
use crate::ids::{Position, UserId};

/// What kind of room. It decides who finds the room, and what a new member may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Made by an administrator; everybody sees it and may join.
    Public,
    /// Made by anybody; people get in by invitation.
    Private,
    /// Made by anybody with people they choose.
    Group,
    /// Two people.
    Direct,
}

impl Kind {
    /// The kind of that name in the database; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "public" => Some(Self::Public),
            "private" => Some(Self::Private),
            "group" => Some(Self::Group),
            "direct" => Some(Self::Direct),
            _ => None,
        }
    }

    /// Where a membership begins that is made while the room is at `now`. A group's new member reads what comes from
    /// then on, everybody else what was ever written.
    pub fn membership_begins(self, now: Position) -> Position {
        match self {
            Self::Group => now,
            Self::Public | Self::Private | Self::Direct => Position::default(),
        }
    }
}

/// What a member may do in a room; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// Reads and writes.
    Member,
    /// Keeps order.
    Moderator,
    /// Decides on everything.
    Owner,
}

impl MemberRole {
    /// The role of that name in the database; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "member" => Some(Self::Member),
            "moderator" => Some(Self::Moderator),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }
}

/// A room through the membership of one person: the only way to a room's contents, for pages, sockets and programs.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The room.
    pub room: Room,
    /// Whose membership.
    pub user: UserId,
    /// What they may do.
    pub role: MemberRole,
    /// They may see messages with greater numbers, and events with later changes, than this.
    pub begins: Position,
}

impl Membership {
    /// Whether they may write: an archived room can be read only.
    pub fn may_write(&self) -> bool {
        self.room.archived_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Change, Seq};

    #[test]
    fn new_members_of_a_group_read_what_comes_and_all_others_what_was_written() {
        let now = Position {
            change: Change(7),
            seq: Seq(5),
        };
        assert_eq!(Kind::Group.membership_begins(now), now);
        for kind in [Kind::Public, Kind::Private, Kind::Direct] {
            assert_eq!(kind.membership_begins(now), Position::default());
        }
    }

    #[test]
    fn names_in_the_database_are_known() {
        for name in ["public", "private", "group", "direct"] {
            assert!(Kind::parse(name).is_some(), "{name}");
        }
        for name in ["owner", "moderator", "member"] {
            assert!(MemberRole::parse(name).is_some(), "{name}");
        }
        assert!(Kind::parse("secret").is_none() && MemberRole::parse("admin").is_none());
    }
}
