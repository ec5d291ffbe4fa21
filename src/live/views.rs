//! The fragments that are pushed to pages, in the envelopes that htmx understands. `data-from` and `data-to` say which
//! changes an envelope covers, `data-rooms` which version of the list of public rooms it leads to.

use maud::{Markup, html};

use super::event::Placement;
use crate::accounts::model::Author;
use crate::chat::Open;
use crate::chat::mine::Mine;
use crate::chat::views::{digest, mine, my_rooms, online as online_count, reader, room_row};
use crate::ids::{Change, RoomId, Seq};
use crate::messages::model::{MessageView, Quoted};
use crate::messages::views::{message, quotation};
use crate::realtime::Covers;
use crate::rooms::model::{ListedRoom, RoomList};
use crate::web::components::avatar;

/// New lines for the list.
pub(super) fn lines(placement: Placement, from: Change, to: Change, lines: &[Markup]) -> Markup {
    html! {
        @match placement {
            Placement::AtEnd => hx-partial hx-target="#messages" hx-swap="beforeend" data-from=(from) data-to=(to) {
                @for line in lines { (line) }
            },
            Placement::InPlace => hx-upsert hx-target="#messages" key="data-seq" sort data-from=(from) data-to=(to) {
                @for line in lines { (line) }
            },
        }
    }
}

/// A message in the place of how it stood before, and where it is quoted. On a page that does not show it nothing happens.
pub(super) fn altered(shown: &MessageView, from: Change, to: Change) -> Markup {
    html! {
        hx-partial hx-target={ "#m-" (shown.seq) } hx-swap="outerHTML" data-from=(from) data-to=(to) { (message(shown)) }
        template data-quoted=(shown.seq) { (quotation(&Quoted::new(shown.author.clone(), shown.body.as_deref(), shown.is_deleted))) }
    }
}

/// Envelopes that follow on each other.
pub(super) fn joined(parts: &[(Covers, Markup)]) -> Markup {
    html! { @for (_, part) in parts { (part) } }
}

/// A message that takes its place, whether the page shows it already or not.
pub(super) fn resent(shown: &MessageView) -> Markup {
    html! { hx-upsert hx-target="#messages" key="data-seq" sort { (message(shown)) } }
}

/// How a person is shown: the page's script puts it wherever an element with the same `data-author` stands.
pub(super) fn author(author: &Author) -> Markup {
    html! { template data-author=(author.id) data-erased[author.is_erased()] { b { (author.name) } (avatar(author.face(), 36)) } }
}

/// What of the side bar is the person's own.
pub(super) fn side_bar(shown: &Mine) -> Markup {
    html! {
        hx-partial hx-target="#mine" hx-swap="innerHTML" data-mine=(digest(shown)) { (mine(shown, Open::Home)) }
        hx-partial hx-target="#my-rooms" hx-swap="innerHTML" { (my_rooms(shown, None)) }
    }
}

/// Somebody types: the page's script takes the name out of there and shows it for a while.
pub(super) fn typing(author: &Author) -> Markup {
    html! { hx-partial hx-target="#typing" hx-swap="beforeend" { b data-author=(author.id) { (author.name) } } }
}

/// Who has read up to where.
pub(super) fn readers(readers: &[(&Author, Seq)]) -> Markup {
    html! {
        hx-partial hx-target="#readers" hx-swap="beforeend" { @for (author, seq) in readers { (reader(author, *seq)) } }
    }
}

/// How many people are online in the room.
pub(super) fn online(count: usize) -> Markup {
    html! { hx-partial hx-target="#online" hx-swap="innerHTML" { (online_count(count)) } }
}

/// A row of the list of public rooms, at its place, which a new name may have changed.
pub(super) fn room_listed(version: i64, room: &ListedRoom) -> Markup {
    html! {
        (room_unlisted(version, room.id))
        hx-upsert hx-target="#public-rooms" key="data-key" sort data-rooms=(version) { (room_row(room)) }
    }
}

/// Takes a row out of the list of public rooms.
pub(super) fn room_unlisted(version: i64, room: RoomId) -> Markup {
    html! { hx-partial hx-target={ "#room-" (room) } hx-swap="delete" data-rooms=(version) {} }
}

/// The whole list of public rooms.
pub(super) fn room_list(list: &RoomList) -> Markup {
    html! {
        hx-partial hx-target="#public-rooms" hx-swap="innerHTML" data-rooms=(list.version) {
            @for room in &list.rooms { (room_row(room)) }
        }
    }
}
