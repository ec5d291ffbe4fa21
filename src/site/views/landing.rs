//! The landing page: what this is in one sentence, two ways on, and a room that rises over the horizon.

use maud::{Markup, html};

use super::preview::preview;
use crate::web::icons::icon;
use crate::web::{Ctx, Viewer, layout};

/// Icon, title and text of what it is good for.
const POINTS: [(&str, &str, &str); 6] = [
    (
        "lock",
        "Encrypted where it rests",
        "Messages lie in the database as ciphertext only. To read a message takes the key of its room and the key of its author.",
    ),
    (
        "zap",
        "There at once",
        "Messages arrive live. What you send shows as sent when it is stored, and a broken connection loses and doubles nothing.",
    ),
    (
        "server",
        "One binary, your server",
        "It runs on a small machine and brings its own PostgreSQL. Nothing is loaded from another host.",
    ),
    (
        "eye-off",
        "Nobody looks over your shoulder",
        "No tracking, no advertising, no statistics about people. The privacy page says what is stored, and why.",
    ),
    (
        "smartphone",
        "At home on a phone",
        "One column, the text field above the keyboard, and everything large enough for a thumb. By night or by day.",
    ),
    (
        "keyboard",
        "For everybody",
        "All of it works from the keyboard and with a screen reader, and even without JavaScript.",
    ),
];

/// The first page that a visitor sees.
pub fn landing(ctx: &Ctx, viewer: Option<&Viewer>) -> Markup {
    let main = html! {
        section class="relative z-1 grid justify-items-center px-6 pt-16 text-center before:absolute before:inset-x-[max(0px,50%-560px)] before:top-0 before:-bottom-12 before:-z-1 before:bg-hero-veil max-md:px-5 max-md:pt-9" {
            h1 class="bg-title bg-clip-text pb-[0.08em] text-60 font-680 tracking-hero text-transparent max-md:text-42 forced-colors:bg-none forced-colors:text-[CanvasText]" { "A quiet place to talk" }
            p class="mt-4.5 max-w-[34em] text-18 text-balance text-t2 max-md:text-17/6.75" {
                "UmbraChat is a private chat that your group runs on its own server. "
                "What you write is stored encrypted, arrives at once, and stays with you."
            }
            div class="mt-8 flex flex-wrap justify-center gap-3" {
                @if viewer.is_some() {
                    a.button.primary.large href="/chat/" { (icon("message-circle")) "Open the chats" }
                } @else {
                    a.button.primary.large href="/accounts/signup" { "Create an account" }
                    a.button.secondary.large href="/accounts/login" { "Log in" }
                }
            }
        }
        div class="relative px-6 pt-27 max-md:px-4 max-md:pt-26" {
            div.horizon aria-hidden="true" {}
            (preview())
        }
        section class="grid grid-cols-3 gap-12 bg-text-veil px-[max(24px,50%-500px)] pt-22 pb-28 max-[900px]:grid-cols-2 max-[900px]:gap-x-8 max-[900px]:gap-y-10 max-md:grid-cols-1 max-md:gap-8 max-md:pt-16 max-md:pb-22" aria-label="What it is good for" {
            @for (sign, title, text) in POINTS {
                article class="max-md:grid max-md:grid-cols-[40px_1fr] max-md:gap-x-4" {
                    span class="grid size-10 place-items-center rounded-tile bg-soft text-accent max-md:row-span-2 forced-colors:border forced-colors:border-[CanvasText]" { (icon(sign)) }
                    h2 class="mt-4 max-md:mt-0" { (title) }
                    p class="mt-1.5 text-15/6 text-t2" { (text) }
                }
            }
        }
    };
    layout::public(ctx, viewer, "UmbraChat", main)
}
