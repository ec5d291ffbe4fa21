//! A room as it looks inside, made of the real parts, for the landing page. It is a picture: inert, and hidden from
//! screen readers; nothing in it has a name that the room's script looks for.

use maud::{Markup, html};
use uuid::Uuid;

use crate::accounts::model::Author;
use crate::accounts::views::names;
use crate::ids::UserId;
use crate::web::components::{Face, avatar, badge};
use crate::web::icons::icon;

/// Somebody of the picture, chosen so that their hues differ.
fn face(number: u128, name: &str) -> Face<'_> {
    Face {
        id: UserId(Uuid::from_u128(number)),
        username: name,
        name,
        picture: None,
    }
}

/// The picture of a room.
pub fn preview() -> Markup {
    html! {
        div class="relative mx-auto h-140 max-w-270 overflow-hidden rounded-t-dialog mask-[linear-gradient(#000_78%,transparent)] select-none max-md:h-130" inert aria-hidden="true" {
            div class="grid h-full grid-cols-[252px_minmax(0,1fr)] grid-rows-1 bg-ground max-md:grid-cols-1 max-md:bg-s1 max-md:bg-none" {
                (side_bar())
                div class="sheet max-md:rounded-t-dialog" { (room_header()) (messages()) (composer()) }
            }
        }
    }
}

fn side_bar() -> Markup {
    let rooms = [
        ("announcements", 0),
        ("general", 12),
        ("stargazing", 0),
        ("image-processing", 0),
        ("trips", 3),
    ];
    html! {
        div class="bg-veil max-md:hidden" {
            div class="flex min-h-18 items-center gap-2.5 px-4 pt-3.5 pb-1.5" {
                (avatar(face(15, "Mara Lindqvist"), 32))
                div {
                    p class="font-600" { "Mara Lindqvist" }
                    p class="text-12 text-t2" { "Online" }
                }
            }
            div class="px-2.5 pt-1.5 pb-4" {
                p.side-label { "Public rooms" }
                @for (name, unread) in rooms {
                    span class={ "row" @if unread > 0 { " text-t1" } @if name == "stargazing" { " open" } } {
                        span.tile { (icon("hash")) }
                        span.row-text {
                            span class=(if unread > 0 { "row-name font-600" } else { "row-name font-400" }) { (name) }
                        }
                        (badge(unread, false))
                    }
                }
            }
        }
    }
}

fn room_header() -> Markup {
    html! {
        div class="flex min-h-15 items-center gap-3 border-b border-line px-5.5 text-t2" {
            span class="hidden text-t3 max-md:grid" { (icon("arrow-left")) }
            div class="min-w-0 flex-1" {
                p class="flex items-center gap-1.5 text-t3" { (icon("hash")) b class="text-16 text-t1" { "stargazing" } }
                p class="truncate text-13 max-md:hidden" { "Clear nights, targets, gear. Next meeting: Geminids, 13 December" }
            }
            span class="inline-flex items-center gap-2 text-13" { span.dot {} "7 online" }
        }
    }
}

fn messages() -> Markup {
    html! {
        ol class="mx-auto w-full max-w-195 flex-1 px-7 py-1.5 max-md:px-3.5" {
            li.message {
                div.day { (moon()) "Today" }
                (author(9, "Jonas Weber", "jonas", "21:04"))
                p.body { "The long-range forecast for the Geminids is out: clear from 22:00, a little haze after 03:00." }
            }
            li.message.continued {
                time.at { "21:05" }
                p.body { "I would start early and drive back before the haze." }
            }
            li.message {
                (author(5, "Aiko Tanaka", "aiko", "21:07"))
                p.body { "I can bring the tracker. Who has a free seat from the station?" }
            }
            li.message {
                (author(1, "Lucía Ferrer", "lucia", "21:09"))
                p.body { "I have two, at 19:30." }
            }
            li.message data-author="__ME__" {
                b.author { "Mara Lindqvist" }
                time.at { "21:11" }
                p.body { "I will take one of them, and bring hot tea for everybody." }
            }
            li.message.continued data-author="__ME__" {
                time.at { "21:11" }
                p.body { "And the red head lamps." }
            }
        }
    }
}

/// A moon between first quarter and full, as a room draws it beside a day.
fn moon() -> Markup {
    html! {
        svg.moon viewBox="0 0 14 14" width="14" height="14" fill="none" {
            circle cx="7" cy="7" r="6" fill="currentColor" fill-opacity=".1" stroke="currentColor" stroke-opacity=".55" {}
            path fill="currentColor" d="M7 1a6 6 0 0 1 0 12a4.24 6 0 0 1 0-12Z" {}
        }
    }
}

fn author(number: u128, name: &str, username: &str, at: &str) -> Markup {
    let author = Author {
        id: UserId(Uuid::from_u128(number)),
        username: username.into(),
        name: name.into(),
        picture: None,
    };
    html! { (avatar(author.face(), 36)) b.author { (names(&author)) } time.at { (at) } }
}

fn composer() -> Markup {
    html! {
        div class="mx-7 mb-5 flex items-center justify-between rounded-card border border-line bg-s2 py-1.5 ps-4 pe-1.5 text-t3 max-md:mx-3" {
            "Message #stargazing"
            span class="grid size-9 place-items-center rounded-button bg-s3" { (icon("arrow-up")) }
        }
    }
}
