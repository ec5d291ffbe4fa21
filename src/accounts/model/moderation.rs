//! What administrators do, and why somebody is banned.

use chrono::{DateTime, Utc};

use crate::text::is_visible;

/// Something that an administrator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Made somebody an administrator.
    Promote,
    /// Made an administrator a member again.
    Demote,
    /// Banned somebody.
    Ban,
    /// Ended a ban.
    Unban,
    /// Ended all of somebody's log-ins.
    EndSessions,
    /// Made a link by which somebody sets a new password.
    MakeResetLink,
    /// Made a public room.
    CreateRoom,
    /// Changed a public room's name or topic.
    EditRoom,
    /// Archived a public room.
    ArchiveRoom,
    /// Opened an archived room again.
    RestoreRoom,
    /// Deleted a public room.
    DeleteRoom,
    /// Had a job tried again that was given up.
    RetryJob,
    /// Deleted a job that was given up.
    DiscardJob,
}

impl Act {
    const ALL: [Self; 13] = [
        Self::Promote,
        Self::Demote,
        Self::Ban,
        Self::Unban,
        Self::EndSessions,
        Self::MakeResetLink,
        Self::CreateRoom,
        Self::EditRoom,
        Self::ArchiveRoom,
        Self::RestoreRoom,
        Self::DeleteRoom,
        Self::RetryJob,
        Self::DiscardJob,
    ];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::EndSessions => "end_sessions",
            Self::MakeResetLink => "make_reset_link",
            Self::CreateRoom => "create_room",
            Self::EditRoom => "edit_room",
            Self::ArchiveRoom => "archive_room",
            Self::RestoreRoom => "restore_room",
            Self::DeleteRoom => "delete_room",
            Self::RetryJob => "retry_job",
            Self::DiscardJob => "discard_job",
        }
    }

    /// The act of that name; None when it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == name)
    }

    /// What was done, before the name of whom or what it was done to.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Promote => "made an administrator of",
            Self::Demote => "made a member of",
            Self::Ban => "banned",
            Self::Unban => "ended the ban of",
            Self::EndSessions => "ended all sessions of",
            Self::MakeResetLink => "made a reset link for",
            Self::CreateRoom => "made the room",
            Self::EditRoom => "edited the room",
            Self::ArchiveRoom => "archived the room",
            Self::RestoreRoom => "opened again the room",
            Self::DeleteRoom => "deleted the room",
            Self::RetryJob => "had tried again the job",
            Self::DiscardJob => "discarded the job",
        }
    }
}

/// An entry of the list of what administrators did.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub act: Act,
    /// Whose username; None when the account is gone.
    pub actor: Option<String>,
    /// To whom, if to a person whose account is not gone.
    pub subject: Option<String>,
    /// The room, the job, or the reason.
    pub detail: String,
}

/// Why somebody is banned: 1 to 200 characters in one line, shown to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanReason(String);

impl BanReason {
    /// Checks a typed reason; the error is a sentence for the field.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let reason = typed.trim();
        if !reason.chars().any(is_visible) {
            return Err("Say why. They see it when they try to log in.".into());
        }
        if reason.chars().count() > 200 {
            return Err("Use at most 200 characters.".into());
        }
        if reason.chars().any(char::is_control) {
            return Err("Write the reason in one line, without control characters.".into());
        }
        Ok(Self(reason.to_owned()))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_known_by_its_name() {
        for act in Act::ALL {
            assert_eq!(Act::parse(act.as_str()), Some(act));
        }
        assert_eq!(Act::parse("dance"), None);
    }

    #[test]
    fn a_reason_is_one_short_line_that_says_something() {
        assert_eq!(BanReason::parse(" spam ").unwrap().as_str(), "spam");
        for bad in ["", " \u{200B}", "a\nb", &"x".repeat(201)] {
            assert!(BanReason::parse(bad).is_err(), "{bad:?}");
        }
    }
}
