//! How people react to a message.

use std::fmt;

use crate::ids::UserId;

/// One emoji that Unicode knows, in the form that it recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emoji(&'static emojis::Emoji);

impl Emoji {
    /// Checks what was chosen.
    pub fn parse(typed: &str) -> Option<Self> {
        emojis::get(typed.trim()).map(Self)
    }

    /// Its characters.
    pub fn as_str(self) -> &'static str {
        self.0.as_str()
    }

    /// Its English name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All who react to a message with one emoji.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// Which; the text where this program does not know it any more.
    pub emoji: String,
    /// How many people.
    pub count: i64,
    /// Those who did so last, 50 at most: by them a page knows its reader. Of whoever did so before 50 others it does not.
    pub by: Vec<UserId>,
}
