//! People whom a text names: `@` and a username.

use unicode_normalization::UnicodeNormalization;

use crate::text::{fold, is_mark};

/// Names that one message is looked through for.
pub(super) const MOST: usize = 20;
/// Characters of the longest username, and a stop or two that may follow it.
const MAX_CHARS: usize = 34;

/// Where somebody may be named: the place of the `@`, and all that may belong to the name.
pub(super) fn find(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('@').filter_map(|(at, sign)| {
        let before = text[..at].chars().next_back();
        // An e-mail address, or a path.
        if before.is_some_and(|c| is_part(c) || matches!(c, '@' | '/')) {
            return None;
        }
        let rest = &text[at + sign.len()..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        (name.starts_with(char::is_alphabetic) && name.chars().count() <= MAX_CHARS).then_some((at, name))
    })
}

/// How usernames of that text are compared: as it stands, and without the stop that ends a sentence.
pub(super) fn keys(name: &str) -> impl Iterator<Item = (&str, String)> {
    let without = name.trim_end_matches('.');
    let second = (without.len() < name.len()).then_some(without);
    [name]
        .into_iter()
        .chain(second)
        .map(|name| (name, fold(&name.nfkc().collect::<String>())))
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || matches!(c, '_' | '.' | '\u{200C}' | '\u{200D}')
}
