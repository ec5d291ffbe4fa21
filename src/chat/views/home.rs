//! The chat home, and the page of a room that I have not joined.

use maud::{Markup, html};

use super::page;
use crate::chat::Shell;
use crate::rooms::model::{Room, path};
use crate::web::components::{back_to_chats, csrf_field, empty_state};
use crate::web::icons::icon;

/// The page at `/chat/`: on a phone the list of rooms, on a wide screen the list and a hint what to do.
pub fn home(shell: &Shell<'_>) -> Markup {
    let rooms = &shell.rooms.rooms;
    let sheet = html! {
        section class="home grid min-h-0 flex-1 overflow-y-auto" {
            h1.visually-hidden { "Chats" }
            div class="grid max-md:hidden" {
                @if rooms.iter().any(|room| room.joined) || !shell.mine.rooms.is_empty() {
                    (empty_state("Choose a room", "Open one of your rooms on the left and read on.", &html! {}))
                } @else if rooms.is_empty() && shell.viewer.is_admin {
                    (empty_state(
                        "No rooms yet",
                        "Make the first public room. Everybody on this server can then see it and join.",
                        &html! { a.button.primary href="/admin/rooms" { (icon("plus")) "Make a room" } },
                    ))
                } @else {
                    @let text = if rooms.is_empty() {
                        "Make a room and invite others, or find people whom you know and write to them."
                    } else {
                        "Join one of the public rooms on the left, make a room of your own, or find people whom you know."
                    };
                    (empty_state("Welcome", text, &html! {
                        @if shell.mine.invitations > 0 {
                            a.button.primary href="/invitations" { (icon("user-plus")) "Your invitations" }
                        }
                        a.button.secondary href="/chat/rooms" { (icon("plus")) "Make a room" }
                        a.button.secondary href="/friends" { (icon("users")) "Find people" }
                    }))
                }
            }
        }
    };
    page(shell, "Chats", &sheet)
}

/// An open public room seen from outside: what it is about, how many are in it, and the way in.
pub fn join(shell: &Shell<'_>, room: &Room, members: i64) -> Markup {
    let way_in = format!("{}/join", path(&room.slug));
    let sheet = html! {
        section.room {
            header.room-header {
                (back_to_chats())
                p.room-title { (icon("hash")) bdi { (room.title) } }
            }
            div class="grid min-h-0 flex-1 place-content-center justify-items-center overflow-y-auto px-6 py-8 text-center" {
                span class="grid size-18 place-items-center rounded-dialog border border-line bg-s2 text-accent *:size-7.5" { (icon("hash")) }
                h1 class="mt-5 max-w-[30ch] wrap-anywhere" dir="auto" { (room.title) }
                @if !room.topic.is_empty() { p class="mt-2 max-w-[52ch] text-15 wrap-anywhere text-t2" dir="auto" { (room.topic) } }
                p class="mt-4 mb-6 flex items-center gap-2 text-t2 *:size-4" { (icon("users")) @match members {
                    0 => "Nobody is in this room yet",
                    1 => "1 member",
                    n => { (n) " members" },
                } }
                form method="post" action=(way_in) hx-post=(way_in) hx-swap="none" {
                    (csrf_field(shell.ctx))
                    button.button.primary.large type="submit" { "Join the room" }
                }
                p class="mt-4 text-13 text-t3" { "Members read everything that was written here." }
            }
        }
    };
    page(shell, &room.title, &sheet)
}
