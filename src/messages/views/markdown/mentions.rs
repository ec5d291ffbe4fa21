//! People whom a text names: `@` and a username, or `@room` for everybody in the room.

use maud::{Markup, html};
use unicode_normalization::UnicodeNormalization;

use crate::accounts::model::Username;
use crate::messages::model::Mention;
use crate::text::{fold, is_mark};
use crate::web::components::profile_path;

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

/// By what a text names them.
pub(super) fn key(mention: &Mention) -> String {
    match mention {
        Mention::Person { username, .. } => fold(username),
        Mention::Everybody => Username::EVERYBODY.to_owned(),
    }
}

/// What stands in place of a name: for people a link to them. Style sheets know by it whose message it is.
pub(super) fn mark(mention: &Mention, typed: &str) -> Markup {
    html! {
        @match mention {
            Mention::Person { user, username } => {
                a class="rounded-chip bg-soft px-1 py-px font-550 text-accent no-underline hover:underline" href=(profile_path(username)) data-mention=(user) { (typed) }
            }
            Mention::Everybody => span class="rounded-chip bg-soft px-1 py-px font-550 text-accent" data-mention="room" { (typed) }
        }
    }
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
