//! The quick switcher: in the dialog, where the script moves between its entries while the field keeps the focus, and on a
//! page of its own.

use maud::{Markup, html};

use super::page;
use super::side_bar::waiting;
use crate::chat::Shell;
use crate::chat::switcher::{Entry, Found, Pieces, Target};
use crate::rooms::model::{Kind, OpenRoom, path};
use crate::web::components::{avatar, back_to_chats, csrf_field, profile_path};
use crate::web::icons::icon;
use crate::web::{Ctx, layout};

const ROW: &str = "flex min-h-11 w-full items-center gap-3 rounded-row px-3 py-1.5 text-start text-15 text-t1 scroll-mt-9 hover:bg-hover aria-selected:bg-selected forced-colors:aria-selected:outline-2";
const HEAD: &str = "px-3 pt-3.5 pb-1.5 text-12 font-600 text-t3";

/// The row of the side bar that leads to the switcher, and what the script puts into the dialog.
pub fn jump(ctx: &Ctx) -> Markup {
    html! {
        a #switch-row href="/chat/switch" aria-keyshortcuts="Control+K Meta+K"
            class="mx-2.5 mt-1 flex min-h-9 flex-none items-center gap-2.5 rounded-field border border-line bg-field ps-3 pe-2 text-t3 transition-colors hover:text-t1 touch:min-h-11 max-md:mx-4 max-md:mt-2 max-md:text-16"
        {
            (icon("search"))
            span class="flex-1" { "Jump to…" }
            kbd class="rounded-chip border border-line px-1.5 font-sans text-12 max-md:hidden" aria-hidden="true" { "Ctrl K" }
        }
        template #switcher {
            section class="[&_kbd]:rounded-chip [&_kbd]:border [&_kbd]:border-line [&_kbd]:px-1.5 [&_kbd]:font-sans [&_kbd]:text-12 flex max-h-[calc(100dvh-9rem)] flex-col max-md:h-[85dvh] max-md:max-h-none" {
                h2 #switcher-title class="visually-hidden" { "Jump to a room or a person" }
                div class="flex flex-none items-center gap-3 border-b border-line px-4.5" {
                    span class="text-t3" { (icon("search")) }
                    input #switch-q type="text" name="q" maxlength="64" autofocus autocomplete="off" spellcheck="false" enterkeyhint="go"
                        class="min-h-14 min-w-0 flex-1 bg-transparent text-17 text-t1 outline-none" placeholder="Jump to…"
                        role="combobox" aria-labelledby="switcher-title" aria-autocomplete="list" aria-expanded="true" aria-controls="switched"
                        hx-get="/chat/switch" hx-trigger="load, input changed delay:80ms" hx-target="#switched" hx-swap="outerHTML"
                        hx-sync="this:replace";
                    button type="button" data-close aria-label="Close" class="grid min-h-8 place-items-center touch:min-h-11 touch:min-w-11" { kbd class="max-md:hidden" { "Esc" } span class="md:hidden" { (icon("x")) } }
                }
                div #switched class="min-h-0 flex-1" {}
                div class="flex flex-none items-center gap-4 border-t border-line px-4.5 py-3 text-13 text-t2" {
                    span class="flex items-center gap-2 max-md:hidden" aria-hidden="true" { kbd { "↑" } kbd { "↓" } "move" }
                    span class="flex items-center gap-2 max-md:hidden" aria-hidden="true" { kbd { "Enter" } "open" }
                    span #switch-count class="ms-auto" role="status" {}
                }
                form #switch-open method="post" action="/chat/open" hidden { (csrf_field(ctx)) }
            }
        }
    }
}

/// The entries in the dialog: options of its field, which keeps the focus.
pub fn switched(found: &Found) -> Markup {
    let total = found.rooms.len() + found.people.len();
    let q = found.q.trim();
    let list = (total > 0 || !q.is_empty()).then_some("listbox");
    html! {
        div #switched role=[list] aria-label=[list.map(|_| "Rooms and people")] data-q=(found.q) data-count=(total)
            class="min-h-0 flex-1 overflow-y-auto overscroll-contain px-2 pb-2 md:max-h-110"
        {
            @for (title, entries, first) in [("Rooms", &found.rooms, 0), ("People", &found.people, found.rooms.len())] {
                @if !entries.is_empty() {
                    div role="group" aria-label=(title) {
                        div class=(HEAD) aria-hidden="true" { (title) }
                        @for (at, entry) in (first..).zip(entries) { (link(entry, found, Some(at))) }
                    }
                }
            }
            @if !q.is_empty() {
                div role="group" aria-label="Or" {
                    div class=(HEAD) aria-hidden="true" { "Or" }
                    button class=(ROW) id={ "switch-" (total) } role="option" tabindex="-1" type="submit" form="switch-open" name="name" value=(q) { (create(q)) }
                }
            } @else if total == 0 {
                div class="px-3 py-6 text-center text-t2" { "Type the name of a room to join or create it." }
            }
        }
    }
}

/// The page without script: the same entries as links.
pub fn switcher(shell: &Shell<'_>, found: &Found) -> Markup {
    let q = found.q.trim();
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back_to_chats(), "Jump to")) }
            div class="min-h-0 flex-1 overflow-y-auto overscroll-contain p-6 max-md:p-4" {
                div class="mx-auto max-w-150" {
                    form role="search" method="get" action="/chat/switch" {
                        div.input-group {
                            (icon("search"))
                            input.input type="search" name="q" value=(found.q) maxlength="64" autocomplete="off" spellcheck="false"
                                aria-label="Jump to a room or a person" placeholder="Name of a room or a person";
                        }
                    }
                    @for (title, entries) in [("Rooms", &found.rooms), ("People", &found.people)] {
                        @if !entries.is_empty() {
                            h2 class=(HEAD) { (title) }
                            ul { @for entry in entries { li { (link(entry, found, None)) } } }
                        }
                    }
                    @if !q.is_empty() {
                        h2 class=(HEAD) { "Or" }
                        form method="post" action="/chat/open" {
                            (csrf_field(shell.ctx))
                            button class=(ROW) type="submit" name="name" value=(q) { (create(q)) }
                        }
                    }
                }
            }
        }
    };
    page(shell, "Jump to", &sheet)
}

/// An entry; `at` is its place among the options of the dialog.
fn link(entry: &Entry, found: &Found, at: Option<usize>) -> Markup {
    let (href, room) = match &entry.target {
        Target::Room(room) => (path(&room.slug), Some(room)),
        Target::Person(person) => (profile_path(&person.username), None),
    };
    html! {
        a class=(ROW) href=(href) id=[at.map(|at| format!("switch-{at}"))] role=[at.map(|_| "option")] tabindex=[at.map(|_| "-1")] {
            @match (entry.target.person(), room) {
                (Some(person), _) => (avatar(person.face(), 24)),
                (None, Some(room)) => span class="grid w-6 flex-none place-items-center text-t2" { (icon(sign(room))) },
                (None, None) => {}
            }
            span class="min-w-0 flex-1 truncate" {
                bdi { (lit(&entry.name)) }
                @if !entry.username.is_empty() { span class="text-t3" { " · " (lit(&entry.username)) } }
            }
            @if let Some(room) = room {
                @if !room.joined { span class="text-12 font-550 text-t3" { "Join" } }
                (waiting(found.unread.get(&room.id), room.partner.is_some()))
            }
        }
    }
}

fn create(q: &str) -> Markup {
    html! {
        span class="grid w-6 flex-none place-items-center text-t2" { (icon("plus")) }
        span class="min-w-0 flex-1 truncate" { "Join or create the room “" bdi { (q) } "”" }
    }
}

fn sign(room: &OpenRoom) -> &'static str {
    match room.kind {
        _ if room.archived => "archive",
        Kind::Public => "hash",
        Kind::Private | Kind::Group | Kind::Direct => "lock",
    }
}

/// A text with the letters that were found.
fn lit(pieces: &Pieces) -> Markup {
    html! {
        @for (text, is_found) in pieces {
            @if *is_found { mark class="bg-transparent font-600 text-accent" { (text) } } @else { (text) }
        }
    }
}
