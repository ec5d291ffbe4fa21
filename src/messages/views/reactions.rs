//! Reactions: under a message, in its menu, and the page or dialog to choose any emoji from.

use std::io::Read;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use emojis::{Group, SkinTone};
use flate2::Compression;
use flate2::bufread::GzEncoder;
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use crate::accounts::model::Author;
use crate::accounts::views::linked_names;
use crate::ids::Seq;
use crate::messages::model::{Emoji, Reaction};
use crate::rooms::model::{message_path, path};
use crate::web::Ctx;
use crate::web::components::{ask, avatar, choices, csrf_field};
use crate::web::icons::icon;
use crate::web::lists::show_more;

/// What stands in the menu of a message.
const USUAL: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🎉"];
/// Of the same people with another skin, in the order of the choice.
const TONES: [(SkinTone, &str); 5] = [
    (SkinTone::Light, "Light skin"),
    (SkinTone::MediumLight, "Medium light skin"),
    (SkinTone::Medium, "Medium skin"),
    (SkinTone::MediumDark, "Medium dark skin"),
    (SkinTone::Dark, "Dark skin"),
];

/// The form that the reactions of all messages of a page send: `reaction` is a message's number and the emoji.
pub fn reacting(ctx: &Ctx, slug: &str) -> Markup {
    let action = format!("{}/reactions", path(slug));
    html! { form #reacting method="post" action=(action) hx-post=(action) hx-swap="none" hx-sync="this:queue all" { (csrf_field(ctx)) } }
}

/// How people react to a message. Pressing one gives it too, or takes it back.
pub(super) fn reactions(seq: Seq, reactions: &[Reaction]) -> Markup {
    html! {
        div class="reactions flex flex-wrap gap-1 pt-1" {
            @for Reaction { emoji, count, by } in reactions {
                @let name = Emoji::parse(emoji).map_or("", Emoji::name);
                button.reaction #{ "r-" (seq) "-" (emoji) } type="submit" form="reacting" name="reaction" value={ (seq) " " (emoji) } title=(name)
                    aria-label={ (name) ", " (count) } data-by={ @for user in by { (user.short()) " " } }
                {
                    (emoji) span { (count) }
                }
            }
        }
    }
}

/// The usual reactions, and the way to all others, in the menu of a message.
pub(super) fn usual(ctx: &Ctx, slug: &str, seq: Seq) -> Markup {
    let message = format!("{}/messages/{seq}", path(slug));
    let (reactions, all) = (format!("{message}/reactions"), format!("{message}/react"));
    html! {
        form class="flex! p-0!" method="post" action=(reactions) hx-post=(reactions) hx-swap="none" {
            (csrf_field(ctx))
            @for emoji in USUAL.iter().copied().filter_map(Emoji::parse) {
                button class="size-9! min-h-0! justify-center p-0! text-[1.25rem]! max-md:size-11!" type="submit" name="emoji" value=(emoji) title=(emoji.name()) aria-label=(emoji.name()) { (emoji) }
            }
            a class="size-9! min-h-0! justify-center p-0! max-md:size-11!" href=(all) hx-get=(all) hx-target="#dialog" aria-label="Other reactions" title="Other reactions" { (icon("plus")) }
        }
    }
}

/// Chooses a reaction among all emoji.
pub fn picker(ctx: &Ctx, slug: &str, seq: Seq) -> Markup {
    let action = format!("{}/messages/{seq}/reactions", path(slug));
    let in_dialog = ctx.htmx.then_some(&action);
    ask(
        "react",
        "React",
        "Choose what everybody in the room sees under the message.",
        &html! {
            form class="mt-4" method="post" action=(action) hx-post=[in_dialog] hx-swap="none" x-data="emojiPicker" {
                (csrf_field(ctx))
                (searched_emoji(ctx.htmx))
                (choices(&html! { a.button.ghost href=(message_path(slug, seq)) data-close { "Cancel" } }))
            }
        },
    )
}

/// Opens `picker_for_text`, which can do nothing without script.
pub(super) fn emoji_button() -> Markup {
    html! {
        button #add-emoji class="icon-button -mx-2 touch:-my-0.75 [@media(scripting:none)]:hidden" type="button" hx-get="/chat/emoji/choose" hx-target="#dialog" aria-label="Add an emoji" title="Add an emoji" { (icon("smile")) }
    }
}

/// Chooses an emoji for the text in the composer; the script puts it there.
pub fn picker_for_text() -> Markup {
    ask(
        "choose-emoji",
        "Emoji",
        "It is put into your message, where the cursor is.",
        &html! {
            form class="mt-4" method="dialog" x-data="emojiPicker" {
                (searched_emoji(true))
                (choices(&html! { button.button.ghost type="button" data-close { "Cancel" } }))
            }
        },
    )
}

/// All emoji, with the fields that find one; in a dialog they are loaded from their own address, which browsers keep.
fn searched_emoji(in_dialog: bool) -> Markup {
    html! {
        div class="mb-3 flex gap-2 [@media(scripting:none)]:hidden" {
            input.input class="min-w-0 flex-1" type="search" placeholder="Search" aria-label="Search emoji" autocomplete="off" autofocus;
            select.input class="w-auto" aria-label="Skin" {
                option value="" { "Any skin" }
                @for (place, (_, label)) in TONES.iter().enumerate() { option value=(place) { (label) } }
            }
        }
        div class="max-h-[50dvh] overflow-y-auto overscroll-contain" tabindex="-1" {
            section class="mb-3" data-recent hidden { h3 class="text-13 text-t3" { "Used last" } div class=(GRID) {} }
            @if in_dialog {
                div hx-get={ "/chat/emoji?v=" (*VERSION) } hx-trigger="load" aria-busy="true" { p class="py-6 text-center text-t3" { "Loading" } }
            } @else {
                (*ALL)
            }
            p class="py-6 text-center text-t3" data-none hidden { "No emoji has such a name." }
        }
    }
}

const GRID: &str = "grid grid-cols-[repeat(auto-fill,minmax(40px,1fr))] *:flex *:h-10 *:items-center *:justify-center *:rounded-field *:text-[1.375rem] *:hover:bg-hover [&>[hidden]]:hidden";

/// All emoji, each a button of the form around them. With those words it is found.
pub static ALL: LazyLock<Markup> = LazyLock::new(|| {
    html! {
        @for group in Group::iter() {
            section class="mb-3" {
                h3 class="text-13 text-t3" { (heading(group)) }
                div class=(GRID) {
                    @for emoji in group.emojis() {
                        @let words = emoji.shortcodes().collect::<Vec<_>>().join(" ");
                        button type="submit" name="emoji" value=(emoji) title=(emoji.name()) data-words=(words) data-tones=[tones(emoji)] { (emoji) }
                    }
                }
            }
        }
    }
});

/// The same, compressed once. That tells nothing by its length: it is the same for everybody and holds no secret.
pub static ALL_PACKED: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let mut packed = Vec::new();
    let mut encoder = GzEncoder::new(ALL.0.as_bytes(), Compression::best());
    encoder.read_to_end(&mut packed).ok()?;
    Some(packed)
});

/// Names that text: what a browser has kept of another one is not asked for.
pub static VERSION: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(&Sha256::digest(ALL.0.as_bytes())[..9]));

fn heading(group: Group) -> &'static str {
    match group {
        Group::SmileysAndEmotion => "Smileys and feelings",
        Group::PeopleAndBody => "People",
        Group::AnimalsAndNature => "Animals and nature",
        Group::FoodAndDrink => "Food and drink",
        Group::TravelAndPlaces => "Travel and places",
        Group::Activities => "Activities",
        Group::Objects => "Things",
        Group::Symbols => "Signs",
        Group::Flags => "Flags",
    }
}

/// The same emoji in all the tones, if there are such.
fn tones(emoji: &emojis::Emoji) -> Option<String> {
    let toned = TONES
        .iter()
        .map(|(tone, _)| Some(emoji.with_skin_tone(*tone)?.as_str()));
    toned.collect::<Option<Vec<_>>>().map(|tones| tones.join(" "))
}

/// Somebody's reaction.
#[derive(Debug)]
pub struct Reacting {
    /// Who.
    pub author: Author,
    /// With what.
    pub emoji: String,
}

/// Who reacts to a message; `after` is where the next page begins, if there is one.
pub fn reacting_people(slug: &str, seq: Seq, people: &[Reacting], after: Option<&str>) -> Markup {
    let address = format!("{}/messages/{seq}/reactions", path(slug));
    let sentence = if people.is_empty() {
        "Nobody reacts to this message."
    } else {
        "Everybody in the room can see this."
    };
    ask(
        "reactions",
        "Reactions",
        sentence,
        &html! {
            ul class="mt-4 grid max-h-[50dvh] gap-1 overflow-y-auto" {
                @for one in people {
                    li class="flex min-h-11 items-center gap-3" {
                        (avatar(one.author.face(), 32))
                        span class="min-w-0 flex-1 truncate" { (linked_names(&one.author)) }
                        span class="text-[1.375rem]" { (one.emoji) }
                    }
                }
            }
            (show_more(&address, &[], after))
            (choices(&html! { a.button.secondary href=(message_path(slug, seq)) data-close autofocus { "Close" } }))
        },
    )
}
