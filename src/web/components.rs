//! Parts that every page may use: hidden fields, avatars, form fields, chips, empty states, times.
//! What each looks like stands in `assets/css/components.css` and `forms.css`.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::context::{Ctx, Theme};
use super::icons::icon;
use super::sky::constellation;
use crate::ids::UserId;

pub use super::fields::{Field, checkbox, field, password_field, text_area};
pub use super::sky::{eclipse, eclipse_small};

/// The hidden `csrf_token` that every form of ours carries.
pub fn csrf_field(ctx: &Ctx) -> Markup {
    html! { input type="hidden" name="csrf_token" value=(ctx.csrf_token); }
}

/// How a person looks beside their name.
#[derive(Debug, Clone, Copy)]
pub struct Face<'a> {
    /// Who.
    pub id: UserId,
    /// The name to log in with, without @.
    pub username: &'a str,
    /// The name that they are shown by.
    pub name: &'a str,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
}

/// What is encoded in a path: everything that is ASCII and may not stand in a username.
const OUTSIDE_USERNAMES: AsciiSet = NON_ALPHANUMERIC.remove(b'_').remove(b'.');

/// Where a person's public profile stands.
pub fn profile_path(username: &str) -> String {
    format!("/@{}", utf8_percent_encode(username, &OUTSIDE_USERNAMES))
}

/// Where that version of a person's picture is, in a size of so many pixels.
pub fn picture_path(username: &str, version: Uuid, pixels: u32) -> String {
    let username = utf8_percent_encode(username, &OUTSIDE_USERNAMES);
    format!("/pictures/{username}/{version}?size={pixels}")
}

/// The dot of somebody whose coming and going the reader is told of: the script changes whatever has their `data-presence`.
pub fn presence_dot(person: UserId, is_online: bool) -> Markup {
    let label = if is_online { "Online" } else { "Offline" };
    html! { span.dot.hollow[!is_online] data-presence=(person) role="img" aria-label=(label) {} }
}

/// The same in words, with when they were last online, as far as that is known.
pub fn presence(person: UserId, is_online: bool, last_seen: Option<DateTime<Utc>>) -> Markup {
    html! {
        span class={ "group inline-flex items-center gap-2" @if is_online { " online" } } data-presence=(person) {
            span class="dot not-group-[.online]:hidden" {}
            span class="dot hollow group-[.online]:hidden" {}
            span class="not-group-[.online]:hidden" { "Online" }
            span class="group-[.online]:hidden" {
                @match last_seen {
                    Some(at) => { "Last seen " (date_and_time(&at)) }
                    None => "Offline",
                }
            }
        }
    }
}

/// A round picture of `size` px (18, 24, 32, 36, 40, 48 or 72): the person's own, else initials on a ground in their hue.
/// Hidden from screen readers, because the name stands beside it.
pub fn avatar(face: Face<'_>, size: u8) -> Markup {
    let letters = if size < 24 { 1 } else { 2 };
    // Twice as many pixels, for screens that have them.
    let pixels = if size > 48 { 288 } else { 96 };
    html! {
        span class={ "avatar avatar-" (size) " hue-" (hue(face.id)) } aria-hidden="true" {
            @if let Some(version) = face.picture {
                img class="size-full rounded-full" src=(picture_path(face.username, version, pixels))
                    alt="" loading="lazy" decoding="async";
            } @else {
                (initials(face.name, letters))
            }
        }
    }
}

/// Which of the twelve hues (`hue-0` … `hue-11`) is this person's: FNV-1a over the id, the same for ever.
pub fn hue(user_id: UserId) -> u8 {
    let hash = user_id.0.as_bytes().iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    // Folded, as its authors advise: the lower bits alone depend on too few bits of the input.
    u8::try_from((hash ^ (hash >> 16)) % 12).unwrap_or_default()
}

/// The first letters of the first and the last word, at most `letters` (1 or 2), in any script; marks that belong to
/// a letter stay with it. For a name without letters or digits it is its first sign, for an empty one `?`.
pub fn initials(name: &str, letters: usize) -> String {
    let name: String = name.nfc().collect();
    let words: Vec<String> = name.split_whitespace().filter_map(initial).collect();
    match (words.first(), words.last()) {
        (Some(first), Some(last)) if letters > 1 && words.len() > 1 => format!("{first}{last}"),
        (Some(first), _) => first.clone(),
        _ => name.trim().chars().next().unwrap_or('?').to_string(),
    }
}

/// The first letter or digit of a word, large where the script knows large letters.
fn initial(word: &str) -> Option<String> {
    let mut rest = word.chars().skip_while(|c| !c.is_alphanumeric()).peekable();
    let letter = rest.next()?;
    let mut upper = letter.to_uppercase();
    // ß would become two letters, so it stays as it is.
    let mut initial = match (upper.next(), upper.next()) {
        (Some(one), None) => one.to_string(),
        _ => letter.to_string(),
    };
    while let Some(mark) = rest.next_if(|c| is_combining_mark(*c)) {
        initial.push(mark);
    }
    Some(initial)
}

/// A number in a pill: how many are unread. Zero draws nothing; above 999 it says `999+`. `mine` is the violet one,
/// for what is meant for the reader.
pub fn badge(count: i64, mine: bool) -> Markup {
    html! {
        @if count > 0 {
            span.badge.mine[mine] { @if count > 999 { "999+" } @else { (count) } }
        }
    }
}

/// A word in a pill: `kind` is `ok`, `warn`, `bad`, `violet`, or empty for a neutral one.
pub fn chip(kind: &str, text: &str) -> Markup {
    html! { span class={ "chip " (kind) } { (text) } }
}

/// A message above a form or a list: `kind` is `ok`, `warn`, `bad` or `info`. Errors are announced at once.
pub fn alert(kind: &str, text: &str) -> Markup {
    let sign = match kind {
        "ok" => "circle-check",
        "warn" => "triangle-alert",
        "bad" => "circle-alert",
        _ => "info",
    };
    html! {
        div class={ "alert " (kind) } role=(if kind == "bad" { "alert" } else { "status" }) {
            (icon(sign)) p { (text) }
        }
    }
}

/// A card in the middle that asks for one thing: a title, a sentence, and what `form` brings.
pub fn ask(id: &str, title: &str, sentence: &str, form: &Markup) -> Markup {
    html! {
        section #question class="card mx-auto w-full max-w-130 p-6" aria-labelledby=(id) {
            h2 id=(id) { (title) }
            p class="mt-2 text-t2" { (sentence) }
            (form)
        }
    }
}

/// The buttons at the end of such a card, the safe one first.
pub fn choices(buttons: &Markup) -> Markup {
    html! { div class="mt-5 flex flex-wrap justify-end gap-2 @max-[640px]:*:w-full" { (buttons) } }
}

/// What stands where nothing is yet: a constellation, a title, one sentence, and what to do next.
pub fn empty_state(title: &str, text: &str, actions: &Markup) -> Markup {
    html! {
        div class="m-auto grid max-w-100 justify-items-center px-6 py-12 text-center" {
            (constellation())
            h2 class="text-19 font-650" { (title) }
            p class="mt-2 text-15 text-t2" { (text) }
            @if !actions.0.is_empty() { div class="mt-5 flex flex-wrap justify-center gap-2" { (actions) } }
        }
    }
}

/// On a phone, where the list of chats is a page of its own: the way back to it.
pub fn back_to_chats() -> Markup {
    html! {
        a class="icon-button back -ms-2.5 md:hidden" href="/chat/" aria-label="Back to the chats" { (icon("arrow-left")) }
    }
}

/// A time of day in UTC with its full value; the script turns it into the reader's zone.
pub fn time(at: &DateTime<Utc>) -> Markup {
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::Secs, true)) { (at.format("%H:%M")) }
    }
}

/// A day and a time of day in UTC; the script turns it into the reader's zone.
pub fn date_and_time(at: &DateTime<Utc>) -> Markup {
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::Secs, true)) data-format="datetime" { (at.format("%-d %B %Y, %H:%M UTC")) }
    }
}

/// The looks to choose from: each with its icon and its name.
pub const THEMES: [(Theme, &str, &str); 3] = [
    (Theme::System, "monitor", "System"),
    (Theme::Night, "moon", "Night"),
    (Theme::Dawn, "sun", "Dawn"),
];

/// The choice of look inside the application, in which `theme` is chosen.
pub fn theme_choice(ctx: &Ctx, theme: Theme) -> Markup {
    html! {
        form #theme-choice class="px-1 pb-1.5" method="post" action="/appearance" hx-post="/appearance" hx-swap="outerHTML" {
            (csrf_field(ctx))
            div class="segmented grid grid-cols-[repeat(3,1fr)]" role="group" aria-label="Look" {
                @for (one, sign, name) in THEMES {
                    button id={ "theme-" (one.as_str()) } class="min-h-8 px-1.5 text-13 touch:min-h-11" type="submit"
                        name="theme" value=(one.as_str()) aria-pressed=(if one == theme { "true" } else { "false" })
                    {
                        (icon(sign)) (name)
                    }
                }
            }
        }
    }
}

/// The choice of look on public pages, as a small menu that works without a script: each entry posts the form.
pub fn theme_menu(ctx: &Ctx) -> Markup {
    let sign = if ctx.theme == Theme::Dawn { "sun" } else { "moon" };
    html! {
        details.popup {
            summary.icon-button aria-label="Look" title="Look" { (icon(sign)) }
            form class="menu min-w-42" method="post" action="/appearance" {
                (csrf_field(ctx))
                @for (theme, sign, label) in THEMES {
                    button type="submit" name="theme" value=(theme.as_str())
                        aria-current=[(ctx.theme == theme).then_some("true")] {
                        (icon(sign)) (label)
                        @if ctx.theme == theme { span class="ms-auto text-accent" { (icon("check")) } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_an_address_in_any_script() {
        assert_eq!(profile_path("a_b.c9"), "/@a_b.c9");
        assert_eq!(profile_path("Ü"), "/@%C3%9C");
    }

    #[test]
    fn an_avatar_is_the_picture_where_there_is_one() {
        let face = Face {
            id: UserId(Uuid::nil()),
            username: "Ü",
            name: "Mara Lindqvist",
            picture: None,
        };
        assert!(avatar(face, 36).0.contains(">ML</span>"));
        let picture = Some(Uuid::nil());
        let drawn = avatar(Face { picture, ..face }, 36).0;
        let source = "/pictures/%C3%9C/00000000-0000-0000-0000-000000000000?size=96";
        assert!(drawn.contains(source) && !drawn.contains("ML"), "{drawn}");
    }

    #[test]
    fn a_hue_never_changes_and_all_twelve_are_used() {
        let person = |n: u128| UserId(Uuid::from_u128(n));
        assert_eq!(hue(person(0)), hue(person(0)));
        let golden: Vec<u8> = (1..=6).map(|n| hue(person(n))).collect();
        assert_eq!(golden, [3, 6, 1, 8, 11, 10], "people would change their colour");
        let used: std::collections::BTreeSet<u8> = (0..500).map(|n| hue(person(n))).collect();
        assert_eq!(used.into_iter().collect::<Vec<_>>(), (0..12).collect::<Vec<u8>>());
    }

    #[test]
    fn initials_suit_any_script() {
        for (name, two, one) in [
            ("Mara Lindqvist", "ML", "M"),
            ("ana maría de la cruz", "AC", "A"),
            ("mara", "M", "M"),
            ("Łukasz Żak", "ŁŻ", "Ł"),
            ("田中 愛子", "田愛", "田"),
            ("محمد علي", "مع", "م"),
            ("अनिल किशोर", "अकि", "अ"),
            ("e\u{301}lise (Ély) \u{30a}", "ÉÉ", "É"),
            ("ßarah -- 9lives", "ß9", "ß"),
            ("🦊", "🦊", "🦊"),
            ("   ", "?", "?"),
            ("", "?", "?"),
        ] {
            assert_eq!(initials(name, 2), two, "{name}");
            assert_eq!(initials(name, 1), one, "{name}");
        }
    }
}
