//! The page that says what this is and what it is made of.

use maud::{Markup, html};

use crate::web::{Ctx, Viewer, layout};

const MADE_OF: [(&str, &str); 5] = [
    ("Version", env!("CARGO_PKG_VERSION")),
    ("Licence", "MIT: use it, change it, pass it on"),
    ("Pages", "Poem, maud, htmx, Alpine.js"),
    ("Storage", "PostgreSQL, Fernet encryption"),
    ("Icons", "Lucide"),
];

/// The about page.
pub fn about(ctx: &Ctx, viewer: Option<&Viewer>) -> Markup {
    let text = html! {
        h2 { "What it is" }
        p {
            "UmbraChat is a program that a club, a class, a family or a team runs on a machine of its own. "
            "There are public rooms that everybody with an account can join. What is written arrives at once and stays in the room, "
            "encrypted where it rests."
        }
        p {
            "There is no company behind this page. This server is run by somebody you most likely know; "
            a href="/privacy" { "the privacy page" } " says what it stores about you."
        }
        h2 { "How it is built" }
        p {
            "One binary, written in Rust, that draws every page on the server. Messages are rendered once and pushed to all who have the room open. "
            "PostgreSQL keeps them in order, and gets nothing of their text but ciphertext. "
            "Pages work without JavaScript; with it, they are smoother."
        }
        dl class="mt-6" {
            @for (what, how) in MADE_OF {
                div class="grid grid-cols-[120px_1fr] border-b border-line py-2.5 max-md:grid-cols-[92px_1fr]" {
                    dt class="text-t3" { (what) }
                    dd class="text-t1" { (how) }
                }
            }
        }
        h2 { "The name" }
        p {
            "The umbra is the darkest part of a shadow, where the moon hides the sun altogether. "
            "It is the one place from which the corona can be seen."
        }
    };
    let lead = "A private chat for a group that wants to keep its conversations to itself.";
    layout::public(ctx, viewer, "About", layout::prose("About UmbraChat", lead, text))
}
