//! What a message answers, as it is shown beside it.

use super::MessageView;
use crate::accounts::model::Author;
use crate::ids::Seq;
use crate::messages::views::markdown::plain_text;

/// Characters of a message that are quoted.
const MAX_QUOTED: usize = 120;

/// The message that another one answers.
#[derive(Debug, Clone)]
pub struct Quote {
    /// Its number.
    pub seq: Seq,
    /// How it stands; None when not all for whom this is drawn may see it.
    pub shown: Option<Quoted>,
}

/// A message as it is quoted.
#[derive(Debug, Clone)]
pub struct Quoted {
    /// Who wrote it.
    pub author: Author,
    /// The beginning of its text, in one line and without the signs of Markdown; None when it was deleted, or could not be decrypted.
    pub text: Option<String>,
    /// Whether it was deleted.
    pub is_deleted: bool,
}

impl Quote {
    /// How this message is quoted.
    pub fn of(message: MessageView) -> Self {
        Self {
            seq: message.seq,
            shown: Some(Quoted::new(message.author, message.body.as_deref(), message.is_deleted)),
        }
    }
}

impl Quoted {
    /// How that text of the author is quoted.
    pub fn new(author: Author, body: Option<&str>, is_deleted: bool) -> Self {
        let text = body.map(|body| {
            // What has no text has files.
            if body.is_empty() {
                return "Attachment".to_owned();
            }
            let plain = plain_text(body);
            let mut words = plain
                .split_whitespace()
                .flat_map(|word| [" ", word])
                .skip(1)
                .flat_map(str::chars);
            let mut text: String = words.by_ref().take(MAX_QUOTED).collect();
            if words.next().is_some() {
                text.push('…');
            }
            text
        });
        Self {
            author,
            text,
            is_deleted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    #[test]
    fn of_a_quoted_text_one_line_is_shown() {
        let author = || Author {
            id: UserId::new(),
            username: "ana".into(),
            name: "Ana".into(),
            picture: None,
        };
        let quoted = |body: &str| Quoted::new(author(), Some(body), false).text.unwrap();
        assert_eq!(quoted("  one\n two\t three "), "one two three");
        assert_eq!(quoted("**one** `two`\n- three"), "one two three");
        assert_eq!(quoted(&"🌙".repeat(120)), "🌙".repeat(120));
        assert_eq!(quoted(&"🌙".repeat(121)), format!("{}…", "🌙".repeat(120)));
        assert!(Quoted::new(author(), None, true).text.is_none());
    }
}
