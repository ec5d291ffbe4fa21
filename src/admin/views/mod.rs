//! The administrator's pages: overview, rooms, users.

mod overview;
mod rooms;
mod users;

use maud::{Markup, html};

use crate::chat::{self, Shell};
use crate::web::components::back_to_chats;
use crate::web::words::number;

pub use overview::{Overview, overview};
pub use rooms::{
    RoomForm, RoomsPage, new_room, room_delete, room_edit, room_list, room_made, rooms_content, rooms_page,
};
pub use users::{UsersPage, people, reset_link, users};

/// Which tab is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Overview,
    Rooms,
    Users,
}

/// A page of the administration inside the shell: title, tabs, content.
fn page(shell: &Shell<'_>, tab: Tab, content: &Markup) -> Markup {
    let tabs = [
        (Tab::Overview, "/admin/", "Overview"),
        (Tab::Rooms, "/admin/rooms", "Rooms"),
        (Tab::Users, "/admin/users", "Users"),
    ];
    let name = tabs
        .iter()
        .find(|(one, _, _)| *one == tab)
        .map_or("", |(_, _, name)| name);
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            header class="flex min-h-15 flex-none items-center gap-1 ps-5.5 pe-3 max-md:box-content max-md:min-h-14.5 max-md:ps-2.5 max-md:pt-safe-top" {
                (back_to_chats())
                h1 class="text-16 font-650 tracking-tight" { "Administration" }
            }
            nav class="tabs flex-none px-3.5 max-md:px-2" aria-label="Administration" {
                @for (one, href, name) in tabs {
                    a href=(href) aria-current=[(one == tab).then_some("page")] { (name) }
                }
            }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div class="mx-auto grid max-w-280 grid-cols-1 gap-7" { (content) }
            }
        }
    };
    chat::views::page(shell, &format!("{name} · Administration"), &sheet)
}

/// A card in the middle that asks for one thing: a title, a sentence, and what `form` brings.
fn ask(id: &str, title: &str, sentence: &str, form: &Markup) -> Markup {
    html! {
        section #question class="card mx-auto w-full max-w-130 p-6" aria-labelledby=(id) {
            h2 id=(id) { (title) }
            p class="mt-2 text-t2" { (sentence) }
            (form)
        }
    }
}

/// The buttons at the end of such a card, the safe one first.
fn choices(buttons: &Markup) -> Markup {
    html! { div class="mt-5 flex flex-wrap justify-end gap-2 @max-[640px]:*:w-full" { (buttons) } }
}

/// The line over a list: what it is, how many there are, and what chooses among them.
fn list_head(id: &str, title: &str, total: i64, filter: &Markup) -> Markup {
    html! {
        div class="mb-3 flex min-h-9.5 items-center gap-2.5 @max-[640px]:flex-wrap" {
            h2 id=(id) tabindex="-1" { (title) }
            span class="text-t3 tabular-nums" { (number(total)) }
            (filter)
        }
    }
}

/// The way to the next page of a list, if there is one.
fn show_more(path: &str, pairs: &[(&str, &str)], after: Option<&str>) -> Markup {
    html! {
        @if let Some(after) = after {
            p class="mt-4 text-center" {
                a.button.secondary href={ (path) "?" (query(&[pairs, &[("after", after)]].concat())) } { "Show more" }
            }
        }
    }
}

/// The query of an address; what is empty is left out.
fn query(pairs: &[(&str, &str)]) -> String {
    let given: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    serde_urlencoded::to_string(given).unwrap_or_default()
}
