//! What of rooms stands in the stream of messages: the lines that say who came, who left and what changed.

use maud::{Markup, html};

use super::model::{EventKind, RoomEvent};
use crate::accounts::views::names;
use crate::web::components::{profile_path, time};

/// A line in the stream, like "Ana joined". The same for every reader.
pub fn event(event: &RoomEvent) -> Markup {
    let did = match event.kind {
        EventKind::Joined => "joined",
        EventKind::Left => "left",
        EventKind::Edited => "changed the name or the topic",
        EventKind::Archived => "archived the room",
        EventKind::Restored => "opened the room again",
    };
    html! {
        li id={ "e-" (event.change) } class="event" data-seq=(event.after_seq) data-change=(event.change) {
            p data-author=(event.actor.id) {
                a.author href=(profile_path(&event.actor.username)) { (names(&event.actor)) }
                " " (did)
            }
            (time(&event.at))
        }
    }
}
