//! The text of a message as HTML: a small Markdown (bold, italic, strike, code, quotes, lists, links), and nothing else.
//!
//! The parser is that of `CommonMark` (<https://spec.commonmark.org>, `pulldown-cmark`), which is made for documents. What it
//! would make of chat talk that nobody means so is taken from it before: see [`prepare`]. Every text comes from the source
//! itself and is escaped; the elements and their attributes stand in this file. So nothing of a message becomes markup of
//! its own, and nothing of it is lost: what is no Markdown, or leads to where no link may lead, stands as it was typed.

mod emoji;
mod mentions;
mod prepare;
#[cfg(test)]
mod tests;
mod writer;

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser};

use self::emoji::is_emoji_only;
use self::prepare::prepare;
use self::writer::Writer;
use crate::messages::model::Mention;

/// Elements within a line.
const INLINE: [&str; 7] = ["", "a", "code", "em", "s", "span", "strong"];

/// A text as it is shown.
pub struct Rendered {
    /// What stands in the body.
    pub html: Markup,
    /// How the body is to look.
    pub kind: Kind,
}

/// How a body looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lines of text, as they were typed.
    Lines,
    /// A few emoji, large.
    Emoji,
    /// Blocks: paragraphs, lists, quotes, code.
    Blocks,
}

/// The keys of the usernames that a text may hold, 20 at most. What stands in code, or in a link, is none.
pub fn names(text: &str) -> Vec<String> {
    if !text.contains('@') {
        return Vec::new();
    }
    let mut names = Vec::new();
    write(text, &[], &mut names);
    names
}

/// Renders a text that names those people.
pub fn render(text: &str, mentioned: &[Mention]) -> Rendered {
    write(text, mentioned, &mut Vec::new())
}

/// A text without its signs, for where there is room for one line only: what is read of it as it is shown. Where one block ends
/// and the next begins stands a blank.
pub fn plain_text(text: &str) -> String {
    let html = render(text, &[]).html.0;
    let mut plain = String::with_capacity(html.len());
    // What is not between the signs of an element is escaped.
    for part in html.split('<') {
        let (element, shown) = part.rsplit_once('>').unwrap_or(("", part));
        let name = element.split(' ').next().unwrap_or_default().trim_start_matches('/');
        if !INLINE.contains(&name) {
            plain.push(' ');
        }
        // Without attributes it is the language of a block of code.
        if element != "span" {
            plain.push_str(shown);
        }
    }
    if plain.trim().is_empty() {
        return text.to_owned();
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    entities
        .into_iter()
        .fold(plain, |plain, (entity, sign)| plain.replace(entity, sign))
}

fn write(text: &str, mentioned: &[Mention], names: &mut Vec<String>) -> Rendered {
    if is_emoji_only(text) {
        return plain(text, Kind::Emoji);
    }
    if is_plain(text) {
        return plain(text, Kind::Lines);
    }
    let (source, escapes) = prepare(text);
    let parser = Parser::new_ext(&source, Options::ENABLE_STRIKETHROUGH);
    if parser.reference_definitions().iter().next().is_some() {
        // They would vanish.
        return plain(text, Kind::Lines);
    }
    let mut writer = Writer::new(&source, &escapes, mentioned, names);
    // How deep this is in something that has been written as a whole.
    let mut written = 0_usize;
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(_) if written > 0 => written += 1,
            Event::End(_) if written > 0 => written -= 1,
            _ if written > 0 => {}
            event => written = usize::from(writer.event(event, range)),
        }
    }
    writer.finish()
}

fn plain(text: &str, kind: Kind) -> Rendered {
    // Escaping goes letter by letter. Most texts hold nothing to escape, and are copied.
    let html = if has_byte(text, |byte| matches!(byte, b'&' | b'<' | b'>' | b'"')) {
        html! { (text) }
    } else {
        PreEscaped(text.to_owned())
    };
    Rendered { html, kind }
}

/// Whether one of the text's bytes is such a one. All of them are looked at: without a way out in between the compiler takes
/// many at a time.
fn has_byte(text: &str, is_one: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | is_one(byte))
}

/// Whether nothing in the text can be Markdown or a link: most messages, and quickly seen.
fn is_plain(text: &str) -> bool {
    // Without one of these a text has no Markdown in it, or only in its lines' beginnings.
    let is_sign = |byte| matches!(byte, b'*' | b'_' | b'~' | b'`' | b'[' | b'<' | b'>' | b'\\' | b'@');
    let begins_block = |line: &str| {
        let line = line.trim_start();
        line.starts_with(['-', '+']) || line.starts_with(|c: char| c.is_ascii_digit())
    };
    !has_byte(text, is_sign) && !text.contains("://") && !text.contains("www.") && !text.lines().any(begins_block)
}
