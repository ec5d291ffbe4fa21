//! A room as it looks inside, made of the real parts, for the landing page. It is a picture: inert, and hidden from
//! screen readers; nothing in it has a name that the room's script looks for.

use maud::{Markup, html};
use uuid::Uuid;

use crate::ids::UserId;
use crate::web::components::{avatar, badge, moon};
use crate::web::icons::icon;

/// Somebody of the picture, chosen so that their hues differ.
fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

/// The picture of a room.
pub fn preview() -> Markup {
    html! {
        div.preview inert aria-hidden="true" {
            div.shell {
                (side_bar())
                div.sheet { (room_header()) (messages()) (composer()) }
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
        div.side-bar {
            div.side-top {
                span.me {
                    (avatar(person(15), "Mara Lindqvist", 32))
                    span.me-text { span.me-name { "Mara Lindqvist" } span.me-state { "Online" } }
                }
            }
            div.side-rows {
                p.side-label { "Public rooms" }
                @for (name, unread) in rooms {
                    span.row.open[name == "stargazing"].unread[unread > 0] {
                        span.tile { (icon("hash")) }
                        span.row-text { span.row-name { (name) } }
                        (badge(unread, false))
                    }
                }
            }
        }
    }
}

fn room_header() -> Markup {
    html! {
        div.preview-header {
            span.back { (icon("arrow-left")) }
            div.preview-title {
                p { (icon("hash")) b { "stargazing" } }
                p.topic { "Clear nights, targets, gear. Next meeting: Geminids, 13 December" }
            }
            span.preview-online { span.dot {} "7 online" }
        }
    }
}

fn messages() -> Markup {
    html! {
        ol.preview-messages {
            li.message {
                div.day { (moon(3)) "Today" }
                (author(9, "Jonas Weber", "21:04"))
                p.body { "The long-range forecast for the Geminids is out: clear from 22:00, a little haze after 03:00." }
            }
            li.message.continued {
                time { "21:05" }
                p.body { "I would start early and drive back before the haze." }
            }
            li.message {
                (author(5, "Aiko Tanaka", "21:07"))
                p.body { "I can bring the tracker. Who has a free seat from the station?" }
            }
            li.message {
                (author(1, "Lucía Ferrer", "21:09"))
                p.body { "I have two, at 19:30." }
            }
            li.message data-author="__ME__" {
                b.author { "Mara Lindqvist" }
                time { "21:11" }
                p.body { "I will take one of them, and bring hot tea for everybody." }
            }
            li.message.continued data-author="__ME__" {
                time { "21:11" }
                p.body { "And the red head lamps." }
            }
        }
    }
}

fn author(number: u128, name: &str, at: &str) -> Markup {
    html! { (avatar(person(number), name, 36)) b.author { (name) } time { (at) } }
}

fn composer() -> Markup {
    html! {
        div.preview-composer { span { "Message #stargazing" } span.preview-send { (icon("arrow-up")) } }
    }
}
