//! What rooms are called, and where their pages are.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::ids::Seq;
use crate::text::{check_identifier, fold, is_hidden, is_mark, is_visible};

/// A public room's name: 1 to 64 letters (of any script, with their marks), digits, `-` and `_`, NFKC. It is the room's
/// slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomName(String);

impl RoomName {
    /// Checks a typed name; the error is a sentence for the field.
    pub fn parse(typed: &str) -> Result<Self, String> {
        use unicode_normalization::UnicodeNormalization;
        let name: String = typed.trim().nfkc().collect();
        if name.is_empty() {
            return Err("Give the room a name.".into());
        }
        if name.chars().count() > 64 {
            return Err("Use at most 64 characters.".into());
        }
        check_identifier(&name, ['-', '_'])?;
        Ok(Self(name))
    }

    /// The name as it is shown, and as it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are compared by.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

/// What a room that people make themselves is called: 1 to 64 characters in one line, of which something can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomTitle(String);

impl RoomTitle {
    /// Checks a typed title; the error is a sentence for the field.
    pub fn parse(typed: &str) -> Result<Self, String> {
        use unicode_normalization::UnicodeNormalization;
        let title: String = typed.trim().nfc().collect();
        if title.is_empty() {
            return Err("Give the room a name.".into());
        }
        if title.chars().count() > 64 {
            return Err("Use at most 64 characters.".into());
        }
        if title.chars().any(is_hidden) {
            return Err("Use letters that can be seen only.".into());
        }
        if !title.chars().any(|c| is_visible(c) && !is_mark(c)) {
            return Err("Nothing of this name can be seen. Type it anew.".into());
        }
        Ok(Self(title))
    }

    /// The title as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What titles are compared by.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

/// What a room is for: at most 200 characters in one line. Of one that shows nothing nothing is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    /// Checks a typed topic; the error is a sentence for the field.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let topic = typed.trim();
        if topic.chars().count() > 200 {
            return Err("Use at most 200 characters.".into());
        }
        if topic.chars().any(char::is_control) {
            return Err("Write the topic in one line, without control characters.".into());
        }
        let is_shown = topic.chars().any(is_visible);
        Ok(Self(if is_shown { topic.to_owned() } else { String::new() }))
    }

    /// The topic as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is encoded in a path: everything that is ASCII and may not stand in a room's name.
const OUTSIDE_NAMES: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Where a room's page is. A slug may be of any script, so it is encoded for headers and data as well.
pub fn path(slug: &str) -> String {
    format!("/chat/room/{}", utf8_percent_encode(slug, &OUTSIDE_NAMES))
}

/// Where a message is shown: the page of its room around it, where it is marked.
pub fn message_path(slug: &str, seq: Seq) -> String {
    format!("{}?around={seq}#m-{seq}", path(slug))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_keep_to_letters_digits_and_two_signs() {
        for good in [
            "General",
            "a",
            "geo-2_x",
            "Übersicht",
            "天文",
            "ทั่วไป",
            "हिन्दी",
            "日本語",
            "한국어",
            "می\u{200C}خواهم",
            "ශ්\u{200D}රී",
            &"x".repeat(64),
        ] {
            assert_eq!(
                RoomName::parse(good).map(|name| name.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "  ",
            "two words",
            "a/b",
            "a.b",
            "<b>",
            "a\0",
            "general\u{3164}",
            "\u{200B}",
            "\u{301}a",
            "-\u{200D}",
            &"x".repeat(65),
        ] {
            assert!(RoomName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_or_form_only_have_one_key() {
        let key = |name| RoomName::parse(name).unwrap().key();
        assert_eq!(key("GENERAL"), key("general"));
        assert_eq!(key("Straße"), key("STRASSE"));
        assert_eq!(key("ｇeneral"), key("general"));
    }

    #[test]
    fn paths_hold_ascii_only() {
        assert_eq!(path("General"), "/chat/room/General");
        assert_eq!(path("Über"), "/chat/room/%C3%9Cber");
        assert_eq!(path("दी"), "/chat/room/%E0%A4%A6%E0%A5%80");
    }

    #[test]
    fn topics_are_one_short_line() {
        assert_eq!(Topic::parse(" news ").unwrap().as_str(), "news");
        assert!(Topic::parse(&"x".repeat(201)).is_err());
        assert!(Topic::parse("two\nlines").is_err());
        assert_eq!(Topic::parse("\u{3164}\u{200B}").unwrap().as_str(), "");
        assert_eq!(Topic::parse("👩\u{200D}🚀").unwrap().as_str(), "👩\u{200D}🚀");
    }
}
