//! What an account consists of. Whatever comes in goes through a `parse` constructor, so that an invalid value
//! cannot exist; each error is a sentence for the person who typed it.

mod device;
mod fields;
mod forms;
mod moderation;
mod profile;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use device::Device;
pub use fields::{Email, Password, PersonName, Username};
pub use forms::{
    ConsentForm, EmailForm, LogInForm, NewAccount, NewPasswordForm, PasswordForm, ResetForm, SignUpForm, first_log_in,
    user_inputs,
};
pub use moderation::{Act, AuditEntry, BanReason};
pub use profile::{Bio, Crop, MAX_BIO, MAX_PICTURE, NewProfile, Profile, ProfileForm, SIDES};

use crate::ids::UserId;
use crate::web::components::Face;

/// The version of the privacy page that people agree to; stored with the time of their consent. It rises with what is said
/// there: everybody is asked again.
pub const CONSENT_VERSION: &str = "2026-11-27";

/// A person as others see them: the author of a message, somebody in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub id: UserId,
    /// The name to log in with, without @; empty when the account was deleted.
    pub username: String,
    /// The name that they are shown by.
    pub name: String,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
}

impl Author {
    /// The person of an outer join; None where there is none.
    pub fn joined(
        id: Option<UserId>,
        username: Option<String>,
        name: Option<String>,
        picture: Option<Uuid>,
    ) -> Option<Self> {
        Some(Self {
            id: id?,
            username: username?,
            name: name?,
            picture,
        })
    }

    /// Whether the account was deleted.
    pub fn is_erased(&self) -> bool {
        self.username.is_empty()
    }

    /// How they look.
    pub fn face(&self) -> Face<'_> {
        Face {
            id: self.id,
            username: &self.username,
            name: &self.name,
            picture: self.picture,
        }
    }
}

/// What a person may do on the whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Uses it.
    Member,
    /// Runs it: the administration is open to them.
    Admin,
}

impl Role {
    /// The name in the database and in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// A person in the administrator's list.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// The name to log in with.
    pub username: String,
    /// The name that they are shown by.
    pub name: String,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
    /// Not verified: nobody has shown that it is theirs.
    pub email: Option<String>,
    /// Whether the administration is open to them.
    pub is_admin: bool,
    /// When they signed up.
    pub created_at: DateTime<Utc>,
    /// Why they are banned, if they are.
    pub ban: Option<String>,
    /// When they were last seen, to the hour; None when none of their log-ins is kept.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Person {
    /// How they look.
    pub fn face(&self) -> Face<'_> {
        Face {
            id: self.id,
            username: &self.username,
            name: &self.name,
            picture: self.picture,
        }
    }
}
