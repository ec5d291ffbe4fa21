//! How people get into rooms that are not public: invitations to a person, and links.

use chrono::{DateTime, TimeDelta, Utc};

use crate::accounts::model::Author;
use crate::error::FieldErrors;
use crate::ids::{InviteId, RoomId};
use crate::{Error, Result};

/// A room that its reader is invited to.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Which room.
    pub room: RoomId,
    /// Its place in addresses.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// Who invites.
    pub inviter: Author,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// Somebody who is invited to a room and has not answered.
#[derive(Debug, Clone)]
pub struct Invited {
    /// Who.
    pub person: Author,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// A link into a room, as those see it who may make such links.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Which link.
    pub id: InviteId,
    /// Who made it.
    pub maker: Author,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// How many people it lets in; None for any number.
    pub max_uses: Option<i32>,
    /// How many got in by it.
    pub uses: i32,
}

/// A link into a room, as whoever opens it sees it.
#[derive(Debug, Clone)]
pub struct OpenedInvite {
    /// Which link.
    pub id: InviteId,
    /// Which room.
    pub room: RoomId,
    /// Its place in addresses.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// Who made the link.
    pub maker: Author,
    /// Whether it lets people in.
    pub is_good: bool,
    /// Whether its reader is in the room.
    pub is_member: bool,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reachable {
    /// The room at this place.
    Room(String),
    /// The invitation to the room at this place.
    Invitation(String),
}

/// How long a link is good, by its name in forms.
const PERIODS: [(&str, Option<TimeDelta>); 4] = [
    ("1h", Some(TimeDelta::hours(1))),
    ("1d", Some(TimeDelta::days(1))),
    ("7d", Some(TimeDelta::days(7))),
    ("never", None),
];

/// People whom one link lets in, at most, unless it is any number.
const MOST_USES: i32 = 10_000;

/// What a new link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long; None for ever.
    pub period: Option<TimeDelta>,
    /// How many people it lets in; None for any number.
    pub max_uses: Option<i32>,
}

impl Terms {
    /// Checks what was typed; nothing stands for a week and for any number.
    pub fn parse(expires: &str, uses: &str) -> Result<Self> {
        let mut errors = FieldErrors::default();
        let expires = if expires.is_empty() { "7d" } else { expires };
        let period = PERIODS.into_iter().find(|(name, _)| *name == expires);
        let period = errors.take("expires", period.ok_or_else(|| "Choose one of these.".to_owned()));
        let uses = if uses.is_empty() { "0" } else { uses.trim() };
        let uses = uses.parse().ok().filter(|uses| (0..=MOST_USES).contains(uses));
        let sentence = format!("Give a number up to {MOST_USES}, or 0 for any number of people.");
        let uses = errors.take("uses", uses.ok_or(sentence));
        match (period, uses) {
            (Some((_, period)), Some(uses)) => Ok(Self {
                period,
                max_uses: Some(uses).filter(|uses| *uses > 0),
            }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_as_the_form_sends_them() {
        let terms = |expires, uses| Terms::parse(expires, uses).ok();
        let good = |period, max_uses| Some(Terms { period, max_uses });
        assert_eq!(terms("1h", "1"), good(Some(TimeDelta::hours(1)), Some(1)));
        assert_eq!(terms("1d", " 10000 "), good(Some(TimeDelta::days(1)), Some(10_000)));
        assert_eq!(terms("never", "0"), good(None, None));
        assert_eq!(terms("", ""), terms("7d", "0"));
        for (expires, uses) in [
            ("2d", "1"),
            ("1h", "-1"),
            ("1h", "10001"),
            ("1h", "many"),
            ("1h", "1.5"),
        ] {
            assert_eq!(terms(expires, uses), None, "{expires} {uses}");
        }
    }
}
