//! What an account consists of. Whatever comes in goes through a `parse` constructor, so that an invalid value
//! cannot exist; each error is a sentence for the person who typed it.

use caseless::Caseless;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::{Error, Result};

/// The version of the privacy page that people agree to; stored with the time of their consent.
pub const CONSENT_VERSION: &str = "2026-11";

/// The key by which names and addresses are compared: NFKC and full case folding, so that what looks the same in
/// another case or form is the same. (PostgreSQL's `lower` folds ASCII only under `--locale=C`.)
pub fn fold(text: &str) -> String {
    text.trim().nfkc().default_case_fold().nfkc().collect()
}

/// A person as the author of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub id: UserId,
    /// First and last name, or the username where there is none.
    pub name: String,
}

impl Author {
    /// An author by the parts of their name.
    pub fn new(id: UserId, first_name: &str, last_name: &str, username: &str) -> Self {
        Self {
            id,
            name: full_name(first_name, last_name, username),
        }
    }
}

/// First and last name; people without either go by their username.
pub fn full_name(first_name: &str, last_name: &str, username: &str) -> String {
    match (first_name, last_name) {
        ("", "") => username.to_owned(),
        (name, "") | ("", name) => name.to_owned(),
        (first, last) => format!("{first} {last}"),
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
    /// First and last name, or the username.
    pub name: String,
    /// Not verified: nobody has shown that it is theirs.
    pub email: Option<String>,
    /// Whether the administration is open to them.
    pub is_admin: bool,
    /// When they signed up.
    pub created_at: DateTime<Utc>,
    /// When they were last seen, to the hour; None when none of their log-ins is kept.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The name to log in with, unique by its key: 3–32 letters (of any script), digits, `_` and `.`, beginning with a
/// letter. It can hold no `@`, so it is never taken for an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Checks a username; it is kept in NFKC.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name: String = text.trim().nfkc().collect();
        if name.is_empty() {
            return Err("Choose a username.".into());
        }
        if !(3..=32).contains(&name.chars().count()) {
            return Err("Use 3 to 32 characters.".into());
        }
        if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
            return Err("Use letters, digits, “_” and “.” only.".into());
        }
        if !name.starts_with(char::is_alphabetic) {
            return Err("Begin with a letter.".into());
        }
        Ok(Self(name))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

/// An e-mail address, checked for its form only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks an address; none is none.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > 254 {
            return Err("Use an address of at most 254 characters.".into());
        }
        let is_sane = text.rsplit_once('@').is_some_and(|(local, host)| {
            let host_is_sane = host.split('.').all(|label| !label.is_empty());
            !local.is_empty() && !local.contains('@') && host_is_sane
        });
        if !is_sane
            || text
                .chars()
                .any(|c| c.is_whitespace() || is_hidden(c) || "<>()[],;:\\\"".contains(c))
        {
            return Err("Enter an address like name@example.org, or leave this empty.".into());
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

/// A first or last name: at most 64 characters on one line. Some people have only one, so a last name may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Checks a name that may be empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name: String = text.trim().nfc().collect();
        if name.chars().count() > 64 {
            return Err("Use at most 64 characters.".into());
        }
        if name.chars().any(is_hidden) {
            return Err("Use letters that can be seen only.".into());
        }
        Ok(Self(name))
    }

    /// Checks a name that has to be there.
    pub fn parse_required(text: &str) -> Result<Self, String> {
        let name = Self::parse(text)?;
        if name.0.is_empty() {
            Err("Enter a name.".into())
        } else {
            Ok(name)
        }
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is searched.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

/// Characters that a name on one line must not hold: control characters, and those that turn the direction of
/// what follows, because they could make a name look like another or spill over what stands beside it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A password that somebody chooses: 10–256 characters, no rules of composition (NIST SP 800-63B). Whether it is
/// common or like its owner's name is checked apart, because that takes a while.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Checks the length.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.chars().count() {
            0 => Err("Choose a password.".into()),
            1..10 => Err("Use at least 10 characters. A few words are easy to remember.".into()),
            10..=256 => Ok(Self::typed(text)),
            _ => Err("Use at most 256 characters.".into()),
        }
    }

    /// A password as somebody typed it to log in, of any length. In NFKC, so that it does not matter on which
    /// keyboard it is typed.
    pub fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.nfkc().collect()))
    }

    /// The password itself. Each call is a place to look at when asking where passwords go.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What the sign-up and setup pages send. Kept as typed, to be shown again (except the password).
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct SignUpForm {
    /// The name to log in with.
    pub username: String,
    /// Optional.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// Never shown again.
    pub password: String,
    /// The consent box: not empty when ticked.
    pub consent: String,
    /// The one-time code (setup only).
    pub code: String,
}

impl SignUpForm {
    /// The checked form; `errors` says what is wrong already (a setup code).
    pub fn parse(&self, mut errors: FieldErrors) -> Result<NewAccount> {
        let username = errors.take("username", Username::parse(&self.username));
        let email = errors.take("email", Email::parse_optional(&self.email));
        let first_name = errors.take("first_name", PersonName::parse_required(&self.first_name));
        let last_name = errors.take("last_name", PersonName::parse(&self.last_name));
        let password = errors.take("password", Password::parse(&self.password));
        if !self.has_consent() {
            errors.add(
                "consent",
                "Without your consent there is no account. Read the privacy page and tick the box.",
            );
        }
        match (username, email, first_name, last_name, password) {
            (Some(username), Some(email), Some(first_name), Some(last_name), Some(password)) if errors.is_empty() => {
                Ok(NewAccount {
                    username,
                    email,
                    first_name,
                    last_name,
                    password,
                })
            }
            _ => Err(Error::Invalid(errors)),
        }
    }

    /// Whether the consent box is ticked.
    pub fn has_consent(&self) -> bool {
        matches!(self.consent.as_str(), "on" | "true" | "1" | "yes")
    }
}

/// What the log-in page sends. Kept as typed, to be shown again (except the password).
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct LogInForm {
    /// Username or e-mail address.
    pub login: String,
    /// Never shown again.
    pub password: String,
    /// Stay logged in on this device: not empty when ticked.
    pub remember: String,
    /// The local path to go to afterwards; empty means the chat home.
    pub next: String,
}

impl LogInForm {
    /// Whether "stay logged in" is ticked.
    pub fn remembers(&self) -> bool {
        matches!(self.remember.as_str(), "on" | "true" | "1" | "yes")
    }
}

/// An account to be made.
pub struct NewAccount {
    /// The name to log in with.
    pub username: Username,
    /// Optional, not verified.
    pub email: Option<Email>,
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// Its password.
    pub password: Password,
}

impl NewAccount {
    /// What a password must not be made of, besides common words.
    pub fn user_inputs(&self) -> Vec<String> {
        let email = self
            .email
            .as_ref()
            .map(|email| email.as_str().to_owned())
            .unwrap_or_default();
        let mut inputs = vec![
            self.username.as_str().to_owned(),
            self.first_name.as_str().to_owned(),
            self.last_name.as_str().to_owned(),
            email.split('@').next().unwrap_or_default().to_owned(),
            email,
            "umbrachat".to_owned(),
        ];
        inputs.retain(|input| !input.is_empty());
        inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_begin_with_a_letter_of_any_script() {
        for good in ["bob", "a_b.c9", "Ülker", "山田太郎", &"x".repeat(32)] {
            assert_eq!(
                Username::parse(good).map(|name| name.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "ab",
            "9bob",
            "_bob",
            ".bob",
            "a b c",
            "a@b.example",
            "a-b-c",
            "bob<b>",
            "bob\0",
            &"x".repeat(33),
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_or_form_only_are_the_same() {
        assert_eq!(fold("STRASSE"), fold("straße"));
        assert_eq!(fold("ｂｏｂ"), fold("BOB"));
        assert_eq!(Username::parse("Ａｌｉｃｅ").unwrap().as_str(), "Alice");
    }

    #[test]
    fn an_email_address_is_optional_and_looks_like_one() {
        assert_eq!(Email::parse_optional("  "), Ok(None));
        for good in [
            "a@b",
            "alice@example.org",
            "o'hara+chat@sub.example.org",
            "用户@例子.广告",
        ] {
            assert!(Email::parse_optional(good).unwrap().is_some(), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(250));
        for bad in [
            "alice", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "<a@b>", "a@b\nc", &long,
        ] {
            assert!(Email::parse_optional(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passwords_have_10_to_256_characters() {
        assert!(Password::parse(&"x".repeat(9)).is_err());
        assert!(Password::parse(&"x".repeat(10)).is_ok());
        assert!(Password::parse(&"🌑".repeat(256)).is_ok());
        assert!(Password::parse(&"x".repeat(257)).is_err());
    }

    #[test]
    fn people_go_by_what_name_they_have() {
        assert_eq!(full_name("Mara", "Lindqvist", "mara"), "Mara Lindqvist");
        assert_eq!(full_name("Mara", "", "mara"), "Mara");
        assert_eq!(full_name("", "", "mara"), "mara");
        assert!(PersonName::parse("a\u{202E}b").is_err() && PersonName::parse("a\nb").is_err());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let Err(Error::Invalid(errors)) = SignUpForm::default().parse(FieldErrors::default()) else {
            unreachable!("an empty form is wrong");
        };
        for field in ["username", "first_name", "password", "consent"] {
            assert!(errors.get(field).is_some(), "{field}");
        }
        assert!(errors.get("email").is_none());
    }
}
