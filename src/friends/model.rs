//! What people are to each other.

use chrono::{DateTime, Utc};

use crate::accounts::model::Author;
use crate::ids::UserId;

/// Two people, whichever of them is named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Who has the lower id.
    pub lower: UserId,
    /// Who has the higher id.
    pub higher: UserId,
}

impl Pair {
    /// Both; None for one and the same.
    pub fn of(one: UserId, other: UserId) -> Option<Self> {
        match one.0.cmp(&other.0) {
            std::cmp::Ordering::Less => Some(Self {
                lower: one,
                higher: other,
            }),
            std::cmp::Ordering::Greater => Some(Self {
                lower: other,
                higher: one,
            }),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// What somebody else is to me, as far as I may know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Relation {
    /// Neither asked.
    #[default]
    Stranger,
    /// I asked.
    Requested,
    /// They asked.
    Asking,
    /// Both agreed.
    Friend,
    /// I do not want to hear from them.
    Blocked,
}

impl Relation {
    /// By who asked, if somebody did, and whether the other agreed; and by whether I block them.
    pub fn new(me: UserId, request: Option<(UserId, bool)>, is_blocked: bool) -> Self {
        match request {
            _ if is_blocked => Self::Blocked,
            None => Self::Stranger,
            Some((_, true)) => Self::Friend,
            Some((requester, false)) if requester == me => Self::Requested,
            Some(_) => Self::Asking,
        }
    }
}

/// Somebody in a list of people, and what they are to its reader.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Who.
    pub person: Author,
    /// What they are to me.
    pub relation: Relation,
    /// Since when, where somebody asked or agreed.
    pub since: Option<DateTime<Utc>>,
    /// When a friend was last online, unless they hide it.
    pub last_seen: Option<DateTime<Utc>>,
}

/// Which of my people are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contacts {
    /// Who asked me.
    Asking,
    /// Whom I asked.
    Requested,
    /// My friends.
    Friends,
    /// Whom I block.
    Blocked,
}

impl Contacts {
    /// The name in the query of an address, and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Requested => "requested",
            Self::Friends => "friends",
            Self::Blocked => "blocked",
        }
    }

    /// What people in that list are to me.
    pub fn relation(self) -> Relation {
        match self {
            Self::Asking => Relation::Asking,
            Self::Requested => Relation::Requested,
            Self::Friends => Relation::Friend,
            Self::Blocked => Relation::Blocked,
        }
    }
}

/// The shortest text that people are searched by, in characters.
pub const MIN_SEARCH: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_the_same_from_both_sides() {
        let (one, other) = (UserId::new(), UserId::new());
        assert_eq!(Pair::of(one, other), Pair::of(other, one));
        assert!(Pair::of(one, other).is_some_and(|pair| pair.lower.0 < pair.higher.0));
        assert_eq!(Pair::of(one, one), None);
    }

    #[test]
    fn a_block_hides_every_other_relation() {
        let (me, other) = (UserId::new(), UserId::new());
        assert_eq!(Relation::new(me, None, false), Relation::Stranger);
        assert_eq!(Relation::new(me, Some((me, false)), false), Relation::Requested);
        assert_eq!(Relation::new(me, Some((other, false)), false), Relation::Asking);
        assert_eq!(Relation::new(me, Some((other, true)), false), Relation::Friend);
        assert_eq!(Relation::new(me, Some((other, true)), true), Relation::Blocked);
    }
}
