//! Who belongs to a room, and what that lets them do: the rules, for every way into a room.

use super::Room;
use crate::ids::{Position, UserId};

/// Rooms that are not public, direct chats among them, that one person belongs to at most.
pub const MOST_ROOMS: i64 = 500;
/// Rooms of these that one person owns at most.
pub const MOST_OWNED: i64 = 200;

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

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Group => "group",
            Self::Direct => "direct",
        }
    }

    /// Whether its members have roles and decide on it themselves.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Private | Self::Group)
    }

    /// Whether somebody who belongs to such a room, with that role, keeps it in order. Public rooms are the
    /// administrators'.
    pub fn is_kept_by(self, role: MemberRole, is_admin: bool) -> bool {
        match self {
            Self::Public => is_admin,
            Self::Private | Self::Group => role.may_manage(),
            Self::Direct => false,
        }
    }

    /// What new members may read, unless the room is set otherwise: in a group what comes from then on, everywhere else
    /// what was ever written.
    pub fn usual_history(self) -> History {
        match self {
            Self::Group => History::Joined,
            Self::Public | Self::Private | Self::Direct => History::All,
        }
    }
}

/// What a new member may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// Whatever was written.
    All,
    /// What comes from then on.
    Joined,
}

impl History {
    /// The name in the database and in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Joined => "joined",
        }
    }

    /// The choice of that name; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::All, Self::Joined]
            .into_iter()
            .find(|history| history.as_str() == name)
    }

    /// Where a membership begins that is made while the room is at `now`.
    pub fn membership_begins(self, now: Position) -> Position {
        match self {
            Self::Joined => now,
            Self::All => Position::default(),
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

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    /// Whether they decide who belongs to the room, and what it is called.
    pub fn may_manage(self) -> bool {
        self >= Self::Moderator
    }

    /// Whether they decide what new members may read, and whether the room is deleted.
    pub fn may_decide(self) -> bool {
        self == Self::Owner
    }

    /// Whether they may put out somebody else of that role. Nobody puts out who has as much to say.
    pub fn may_remove(self, other: Self) -> bool {
        self.may_manage() && self > other
    }

    /// Whether they may give somebody else of that role another one.
    pub fn may_promote(self, other: Self) -> bool {
        self.may_decide() && self > other
    }

    /// Whether they may take this role instead of theirs: one steps down by oneself, never up.
    pub fn may_become(self, role: Self) -> bool {
        self > role
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
    /// Whether the room takes messages of theirs: not when it is archived, and a direct chat only of friends.
    pub may_write: bool,
}

impl Membership {
    /// Whether they may invite people and make links, in rooms that people get into like that.
    pub fn may_invite(&self) -> bool {
        self.role >= MemberRole::Moderator && matches!(self.room.kind, Kind::Private | Kind::Group)
    }

    /// Whether they may change what this author wrote.
    pub fn may_edit(&self, author: UserId) -> bool {
        self.may_write && author == self.user
    }

    /// Whether they keep the room in order: they delete what others wrote there, and may call everybody in it.
    pub fn keeps_order(&self, is_admin: bool) -> bool {
        self.room.kind.is_kept_by(self.role, is_admin)
    }

    /// Whether they may delete what this author wrote: their own, and in a room that they keep in order everybody's.
    pub fn may_delete(&self, author: UserId, is_admin: bool) -> bool {
        author == self.user || self.keeps_order(is_admin)
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
        assert_eq!(Kind::Group.usual_history().membership_begins(now), now);
        for kind in [Kind::Public, Kind::Private, Kind::Direct] {
            assert_eq!(kind.usual_history().membership_begins(now), Position::default());
        }
    }

    #[test]
    fn owners_decide_moderators_keep_order_and_nobody_touches_their_like() {
        use MemberRole::{Member, Moderator, Owner};
        let all = [Member, Moderator, Owner];
        let pairs = |may: fn(MemberRole, MemberRole) -> bool| -> Vec<_> {
            let pairs = all.into_iter().flat_map(|one| all.map(|other| (one, other)));
            pairs.filter(|(one, other)| may(*one, *other)).collect()
        };
        assert_eq!(
            pairs(MemberRole::may_remove),
            [(Moderator, Member), (Owner, Member), (Owner, Moderator)]
        );
        assert_eq!(pairs(MemberRole::may_promote), [(Owner, Member), (Owner, Moderator)]);
        assert_eq!(
            pairs(MemberRole::may_become),
            [(Moderator, Member), (Owner, Member), (Owner, Moderator)]
        );
        assert_eq!(all.map(MemberRole::may_manage), [false, true, true]);
        assert_eq!(all.map(MemberRole::may_decide), [false, false, true]);
    }

    #[test]
    fn public_rooms_are_kept_by_administrators_and_others_by_their_own() {
        use MemberRole::{Member, Moderator, Owner};
        let kept = |kind: Kind, is_admin| [Member, Moderator, Owner].map(|role| kind.is_kept_by(role, is_admin));
        for is_admin in [false, true] {
            assert_eq!(kept(Kind::Public, is_admin), [is_admin; 3]);
            assert_eq!(kept(Kind::Direct, is_admin), [false; 3]);
            for kind in [Kind::Private, Kind::Group] {
                assert_eq!(kept(kind, is_admin), [false, true, true]);
            }
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
