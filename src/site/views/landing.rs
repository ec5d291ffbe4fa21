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
        section.hero {
            h1 { "A quiet place to talk" }
            p.lead {
                "UmbraChat is a private chat that your group runs on its own server. "
                "What you write is stored encrypted, arrives at once, and stays with you."
            }
            div.actions {
                @if viewer.is_some() {
                    a.button.primary.large href="/chat/" { (icon("message-circle")) "Open the chats" }
                } @else {
                    a.button.primary.large href="/accounts/signup" { "Create an account" }
                    a.button.secondary.large href="/accounts/login" { "Log in" }
                }
            }
        }
        div.rising {
            div.horizon aria-hidden="true" {}
            (preview())
        }
        section.points aria-label="What it is good for" {
            @for (sign, title, text) in POINTS {
                article.point {
                    span.point-icon { (icon(sign)) }
                    h2 { (title) }
                    p { (text) }
                }
            }
        }
    };
    layout::public(ctx, viewer, "UmbraChat", main)
}
