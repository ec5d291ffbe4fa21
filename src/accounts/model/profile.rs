//! What people say of themselves.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::PersonName;
use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::web::components::Face;
use crate::{Error, Result};

/// The longest text about oneself, in characters.
pub const MAX_BIO: u16 = 500;

/// A few lines about oneself; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bio(String);

impl Bio {
    /// Checks the text. Browsers send every line's end as CR LF.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bio: String = text.replace("\r\n", "\n").replace('\t', " ").trim().nfc().collect();
        if bio.chars().count() > usize::from(MAX_BIO) {
            return Err(format!("Use at most {MAX_BIO} characters."));
        }
        if bio.chars().any(|c| c != '\n' && c.is_control()) {
            return Err("Use letters that can be seen only.".into());
        }
        Ok(Self(bio))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the form of the profile sends. Kept as typed, to be shown again.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProfileForm {
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// The name to be shown by, instead of first and last name; may be empty.
    pub display_name: String,
    /// About oneself; may be empty.
    pub bio: String,
}

/// A checked [`ProfileForm`].
#[derive(Debug)]
pub struct NewProfile {
    /// May be empty.
    pub first_name: PersonName,
    /// May be empty.
    pub last_name: PersonName,
    /// May be empty.
    pub display_name: PersonName,
    /// May be empty.
    pub bio: Bio,
}

impl ProfileForm {
    /// The checked form.
    pub fn parse(&self) -> Result<NewProfile> {
        let mut errors = FieldErrors::default();
        let first_name = errors.take("first_name", PersonName::parse(&self.first_name));
        let last_name = errors.take("last_name", PersonName::parse(&self.last_name));
        let display_name = errors.take("display_name", PersonName::parse(&self.display_name));
        let bio = errors.take("bio", Bio::parse(&self.bio));
        match (first_name, last_name, display_name, bio) {
            (Some(first_name), Some(last_name), Some(display_name), Some(bio)) => Ok(NewProfile {
                first_name,
                last_name,
                display_name,
                bio,
            }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

/// The largest file of a picture, in bytes.
pub const MAX_PICTURE: usize = 5 << 20;
/// The sides of the squares that are kept of a picture, in pixels.
pub const SIDES: [u32; 3] = [48, 96, 288];

/// The square to cut out, in pixels of the upright picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    /// Its side.
    pub size: f64,
}

/// What is stored of a person for themselves and others to see.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Who.
    pub id: UserId,
    /// The name to log in with, without @.
    pub username: String,
    /// The name that they are shown by.
    pub name: String,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
    /// What their name is made of, and what they say of themselves.
    pub form: ProfileForm,
    /// When they signed up.
    pub created_at: DateTime<Utc>,
}

impl Profile {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bio_has_lines_and_no_control_characters() {
        assert_eq!(Bio::parse(" a\r\nb\tc\r\n").unwrap().as_str(), "a\nb c");
        assert!(Bio::parse(&"é".repeat(500)).is_ok());
        for bad in ["a\0b", "a\u{7}b", &"x".repeat(501)] {
            assert!(Bio::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_wrong_field_of_a_profile_is_named_at_once() {
        let long = "x".repeat(501);
        let form = ProfileForm {
            first_name: long.clone(),
            last_name: long.clone(),
            display_name: long.clone(),
            bio: long,
        };
        let Err(Error::Invalid(errors)) = form.parse() else {
            unreachable!("all of it is too long");
        };
        assert_eq!(errors.iter().count(), 4);
        assert!(ProfileForm::default().parse().is_ok(), "nothing has to be said");
    }
}
