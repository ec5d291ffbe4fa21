//! The single values of an account.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::text::{check_identifier, fold, is_hidden, is_mark, is_visible, skeletons};

/// The name to log in with, unique by its key: 3–32 letters (of any script, with their marks), digits, `_` and `.`,
/// beginning with a letter. It can hold no `@`, so it is never taken for an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// What stands after an `@` that calls everybody in a room: nobody is called so, or anything that looks like it.
    pub const EVERYBODY: &str = "room";

    /// Checks a username; it is kept in NFKC.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name: String = text.trim().nfkc().collect();
        if name.is_empty() {
            return Err("Choose a username.".into());
        }
        if !(3..=32).contains(&name.chars().count()) {
            return Err("Use 3 to 32 characters.".into());
        }
        check_identifier(&name, ['_', '.'])?;
        if !name.starts_with(char::is_alphabetic) {
            return Err("Begin with a letter.".into());
        }
        let taken = skeletons(Self::EVERYBODY);
        if skeletons(&name).iter().any(|skeleton| taken.contains(skeleton)) {
            return Err("This name calls everybody in a room. Choose another one.".into());
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

    /// What it looks like: no other account's may look the same.
    pub fn skeletons(&self) -> [String; 2] {
        skeletons(&self.0)
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
        if !is_sane || text.chars().any(|c| !is_visible(c) || "<>()[],;:\\\"".contains(c)) {
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

/// A first or last name: at most 64 characters on one line, one of which can be seen by itself. Some people have only
/// one, so a last name may be empty.
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
        if !name.is_empty() && !name.chars().any(|c| is_visible(c) && !is_mark(c)) {
            return Err("Nothing of this name can be seen. Type it anew.".into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_begin_with_a_letter_of_any_script() {
        for good in [
            "bob",
            "a_b.c9",
            "Ülker",
            "山田太郎",
            "สมชาย",
            "हिन्दी",
            "سُلَيْمَان",
            "می\u{200C}خواهم",
            &"x".repeat(32),
        ] {
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
            "ada\u{3164}",
            "ada\u{200C}",
            "\u{1160}\u{1160}\u{1160}",
            "ािी",
            "2ะ์",
            "room",
            "ROOM",
            "r00m",
            &"x".repeat(33),
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
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
            "alice",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b..c",
            "<a@b>",
            "a@b\nc",
            "\u{202A}a@b",
            "a\u{200B}@b",
            "a@b\u{3164}",
            &long,
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
    fn a_name_is_one_line_of_letters_that_can_be_seen() {
        assert_eq!(PersonName::parse(" Mara ").unwrap().as_str(), "Mara");
        assert!(PersonName::parse("").is_ok() && PersonName::parse_required(" ").is_err());
        for bad in [
            "a\u{202E}b",
            "a\nb",
            "\u{200B}",
            "\u{3164}",
            "\u{2800}",
            "\u{301}",
            "ิ่",
            &"x".repeat(65),
        ] {
            assert!(PersonName::parse(bad).is_err(), "{bad:?}");
        }
        for good in [
            "می\u{200C}خواهم",
            "🏳\u{FE0F}\u{200D}🌈",
            "สมชาย",
            "김",
            "O’Hara",
            "Nguyễn",
            "—",
        ] {
            assert_eq!(
                PersonName::parse(good).map(|name| name.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
    }
}
