//! What a file is.

use std::fmt;

use image::ImageFormat;
use serde::{Deserialize, Serialize};

use crate::ids::{FileId, MessageId};
use crate::text::is_visible;
use crate::vault::{MessageCipher, TokenError};

/// Files that may go with one message.
pub const MOST: usize = 10;
/// Characters of a name.
const NAME_CHARS: usize = 120;
/// The version that is sealed with details; they never change.
const VERSION: u32 = 1;

/// What a file is called: one line of at most 120 characters, something of which can be seen, without a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

impl FileName {
    /// Makes a name of what somebody's system calls the file. What would only be there to mislead goes: characters that turn
    /// the direction of writing show `exe.txt` where the end is `txt.exe`. A long one loses its middle, and keeps its end.
    pub fn of(given: &str) -> Self {
        let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
        let is_plain = |c: &char| !c.is_control() && !is_directional(*c);
        let name: String = last.chars().filter(is_plain).collect();
        let name = name.trim();
        if !name.chars().any(is_visible) || name.chars().all(|c| c == '.') {
            return Self("file".into());
        }
        let count = name.chars().count();
        if count <= NAME_CHARS {
            return Self(name.to_owned());
        }
        let (begin, end) = (NAME_CHARS - 20, count - 19);
        let kept = name.chars().enumerate().filter(|(at, _)| *at < begin || *at >= end);
        let (head, tail): (Vec<_>, Vec<_>) = kept.partition(|(at, _)| *at < begin);
        let text = |part: Vec<(usize, char)>| part.into_iter().map(|(_, c)| c).collect::<String>();
        Self(format!("{}…{}", text(head), text(tail)))
    }

    /// The same name with another ending.
    #[must_use]
    pub fn with_ending(&self, ending: &str) -> Self {
        let stem = self.0.rsplit_once('.').map_or(self.0.as_str(), |(stem, _)| stem);
        Self::of(&format!("{stem}.{ending}"))
    }

    /// The letters and digits behind its last point, if they look like the ending of a kind of file.
    pub fn ending(&self) -> Option<&str> {
        let (_, ending) = self.0.rsplit_once('.')?;
        let is_short = (1..=5).contains(&ending.len()) && ending.chars().all(|c| c.is_ascii_alphanumeric());
        is_short.then_some(ending)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Marks, embeddings, overrides and isolates of the direction of writing (UAX #9).
fn is_directional(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// What is sealed of a file beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// What it is called.
    pub name: FileName,
    /// Its media type, by its content.
    pub content_type: String,
    /// What is known of a picture.
    pub picture: Option<Picture>,
}

/// A picture, in pixels, and the small one of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// How wide it is.
    pub width: u32,
    /// How high it is.
    pub height: u32,
    /// The media type of the small one.
    pub thumbnail_type: String,
    /// The bytes of the small one.
    pub thumbnail_size: u64,
}

/// How a file is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a picture.
    Picture,
    /// It can be heard where it stands.
    Audio,
    /// It can be watched where it stands.
    Video,
    /// It can be saved, and nothing else: what a browser would do with it is not known.
    Other,
}

/// Types that browsers play, by how the library that looks at the content calls them.
const PLAYED: &[(&str, &str)] = &[
    ("audio/mpeg", "audio/mpeg"),
    ("audio/m4a", "audio/mp4"),
    ("audio/ogg", "audio/ogg"),
    ("audio/x-wav", "audio/wav"),
    ("audio/x-flac", "audio/flac"),
    ("video/mp4", "video/mp4"),
    ("video/webm", "video/webm"),
];

impl Details {
    /// Details of a file that begins like this.
    pub fn of(name: FileName, begin: &[u8]) -> Self {
        let found = infer::get(begin).map_or("", |kind| kind.mime_type());
        let known = PLAYED.iter().find(|(known, _)| *known == found);
        // What begins like a picture has to be one, so three letters are not enough.
        let content_type = match image::guess_format(begin) {
            Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP)) => {
                format.to_mime_type()
            }
            _ if found == "application/pdf" => found,
            _ => known.map_or("application/octet-stream", |(_, usual)| usual),
        };
        Self {
            name,
            content_type: content_type.to_owned(),
            picture: None,
        }
    }

    /// How it is shown.
    pub fn kind(&self) -> Kind {
        match self.content_type.split('/').next() {
            Some("image") => Kind::Picture,
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            _ => Kind::Other,
        }
    }

    /// Seals them, for this file only, by the key of messages of its author in its room.
    pub(super) fn seal(&self, cipher: &MessageCipher, FileId(id): FileId) -> serde_json::Result<String> {
        Ok(cipher.seal(MessageId(id), VERSION, &serde_json::to_string(self)?))
    }

    /// Opens what was sealed for this file.
    pub fn open(cipher: &MessageCipher, FileId(id): FileId, sealed: &str) -> Result<Self, TokenError> {
        let text = cipher.open(MessageId(id), VERSION, sealed)?;
        serde_json::from_str(&text).map_err(|_| TokenError)
    }
}

/// A file as everybody sees it who sees its message.
#[derive(Debug, Clone)]
pub struct File {
    /// Which one.
    pub id: FileId,
    /// Its length.
    pub size: Size,
    /// What is sealed of it; None when it could not be decrypted.
    pub details: Option<Details>,
}

/// A number of bytes, in the words of people: powers of a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            1 => f.write_str("1 byte"),
            0..1_000 => write!(f, "{} bytes", self.0),
            1_000..1_000_000 => write!(f, "{} KB", (bytes / 1e2).round() / 10.0),
            _ => write!(f, "{} MB", (bytes / 1e5).round() / 10.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_without_a_path_and_without_tricks() {
        let long = format!("{}.pdf", "x".repeat(300));
        for (given, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\ana\note.txt", "note.txt"),
            ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
            ("photo\u{202E}gpj.exe", "photogpj.exe"),
            ("\u{200B}", "file"),
            ("", "file"),
            ("..", "file"),
            ("<img src=x>.txt", "<img src=x>.txt"),
            ("grüße 🌙.md", "grüße 🌙.md"),
        ] {
            assert_eq!(FileName::of(given).as_str(), kept, "{given:?}");
        }
        let kept = FileName::of(&long);
        assert_eq!(kept.as_str().chars().count(), NAME_CHARS);
        assert!(kept.as_str().ends_with("x.pdf") && kept.ending() == Some("pdf"));
        assert_eq!(FileName::of("a.b.webp").with_ending("jpg").as_str(), "a.b.jpg");
        assert_eq!(FileName::of("noend").with_ending("jpg").as_str(), "noend.jpg");
        assert_eq!(FileName::of("what. is this").ending(), None);
    }

    #[test]
    fn the_content_says_what_a_file_is_and_the_name_does_not() {
        let kind = |name: &str, begin: &[u8]| {
            let details = Details::of(FileName::of(name), begin);
            (details.kind(), details.content_type)
        };
        let other = |content_type: &str| (Kind::Other, content_type.to_owned());
        assert_eq!(kind("a.txt", b"\xFF\xD8\xFF\xE0").0, Kind::Picture);
        assert_eq!(kind("a.jpg", b"<html><script>"), other("application/octet-stream"));
        assert_eq!(
            kind("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'>"),
            other("application/octet-stream")
        );
        assert_eq!(kind("a.mp3", b"ID3\x03"), (Kind::Audio, "audio/mpeg".into()));
        assert_eq!(kind("a", b"RIFF\0\0\0\0WAVE"), (Kind::Audio, "audio/wav".into()));
        assert_eq!(kind("a.png", b"%PDF-1.7"), other("application/pdf"));
        assert_eq!(kind("a.txt", b"GIFT LIST"), other("application/octet-stream"));
        assert_eq!(kind("empty", b""), other("application/octet-stream"));
    }

    #[test]
    fn sizes_are_told_in_the_words_of_people() {
        let told =
            [0, 1, 999, 1_000, 1_250, 999_900, 1_260_000, 25_000_000, 140_000_000].map(|size| Size(size).to_string());
        let words = [
            "0 bytes",
            "1 byte",
            "999 bytes",
            "1 KB",
            "1.3 KB",
            "999.9 KB",
            "1.3 MB",
            "25 MB",
            "140 MB",
        ];
        assert_eq!(told, words);
    }
}
