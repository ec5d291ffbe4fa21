//! The chat home, and the page of a room that I have not joined.

use maud::{Markup, html};

use super::page;
use crate::chat::Shell;
use crate::rooms::model::{Room, path};
use crate::web::components::{csrf_field, empty_state};
use crate::web::icons::icon;

/// The page at `/chat/`: on a phone the list of rooms, on a wide screen the list and a hint what to do.
pub fn home(shell: &Shell<'_>) -> Markup {
    let rooms = &shell.rooms.rooms;
    let sheet = html! {
        section.home {
            h1.visually-hidden { "Chats" }
            @if rooms.iter().any(|room| room.joined) {
                (empty_state("Choose a room", "Open one of your rooms on the left and read on.", &html! {}))
            } @else if !rooms.is_empty() {
                (empty_state("Choose a room", "Open a room on the left, look what it is about, and join it.", &html! {}))
            } @else if shell.viewer.is_admin {
                (empty_state(
                    "No rooms yet",
                    "Make the first public room. Everybody on this server can then see it and join.",
                    &html! { a.button.primary href="/admin/rooms" { (icon("plus")) "Make a room" } },
                ))
            } @else {
                (empty_state("No rooms yet", "An administrator makes the rooms. Look in again a little later.", &html! {}))
            }
        }
    };
    page(shell, "Chats", sheet)
}

/// An open public room seen from outside: what it is about, how many are in it, and the way in.
pub fn join(shell: &Shell<'_>, room: &Room, members: i64) -> Markup {
    let sheet = html! {
        section.room {
            header.room-header {
                a.icon-button.back href="/chat/" aria-label="Back to the chats" { (icon("arrow-left")) }
                p.room-title { (icon("hash")) bdi { (room.title) } }
            }
            div.join {
                span.join-tile { (icon("hash")) }
                h1 dir="auto" { (room.title) }
                @if !room.topic.is_empty() { p.join-topic dir="auto" { (room.topic) } }
                p.join-members { (icon("users")) @match members {
                    0 => "Nobody is in this room yet",
                    1 => "1 member",
                    n => { (n) " members" },
                } }
                form method="post" action={ (path(&room.slug)) "/join" } {
                    (csrf_field(shell.ctx))
                    button.button.primary.large type="submit" { "Join the room" }
                }
                p.join-note { "Members read everything that was written here." }
            }
        }
    };
    page(shell, &room.title, sheet)
}
