//! The page that says what this is and what it is made of.

use maud::{Markup, html};

use crate::web::{Ctx, Viewer, layout};

/// The about page.
pub fn about(ctx: &Ctx, viewer: Option<&Viewer>) -> Markup {
    let main = html! {
        article.text-page {
            header.text-header {
                h1 { "About UmbraChat" }
                p.lead { "A private chat for a group that wants to keep its conversations to itself." }
            }
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
            dl.made-of {
                div { dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) } }
                div { dt { "Licence" } dd { "MIT: use it, change it, pass it on" } }
                div { dt { "Pages" } dd { "Poem, maud, htmx, Alpine.js" } }
                div { dt { "Storage" } dd { "PostgreSQL, Fernet encryption" } }
                div { dt { "Icons" } dd { "Lucide" } }
            }
            h2 { "The name" }
            p {
                "The umbra is the darkest part of a shadow, where the moon hides the sun altogether. "
                "It is the one place from which the corona can be seen."
            }
        }
    };
    layout::public(ctx, viewer, "About", main)
}
