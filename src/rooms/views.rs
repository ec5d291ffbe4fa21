//! What of rooms stands in the stream of messages: the lines that say who came, who left and what changed.

use maud::{Markup, html};

use super::model::{EventKind, RoomEvent};
use crate::accounts::views::linked_names;
use crate::web::components::time;
use crate::web::icons::icon;

/// A line in the stream, like "Ana joined". The same for every reader.
pub fn event(event: &RoomEvent) -> Markup {
    let did = match event.kind {
        EventKind::Created => "made this room",
        EventKind::Added => "added",
        EventKind::Removed => "removed",
        EventKind::MadeOwner | EventKind::MadeModerator | EventKind::MadeMember if event.subject.is_some() => "made",
        EventKind::MadeOwner => "is an owner now",
        EventKind::MadeModerator => "is a moderator now",
        EventKind::MadeMember => "is a member like others now",
        EventKind::Joined => "joined",
        EventKind::Left => "left",
        EventKind::Edited => "changed the name or the topic",
        EventKind::Archived => "archived the room",
        EventKind::Restored => "opened the room again",
    };
    html! {
        li id={ "e-" (event.change) } class="event" data-kind=(event.kind.as_str()) data-seq=(event.after_seq) data-change=(event.change) {
            p data-author=(event.actor.id) {
                (linked_names(&event.actor))
                " " (did)
            }
            @if let Some(subject) = &event.subject {
                " "
                p data-author=(subject.id) {
                    (linked_names(subject))
                    @match event.kind {
                        EventKind::MadeOwner => " an owner",
                        EventKind::MadeModerator => " a moderator",
                        EventKind::MadeMember => " a member",
                        _ => "",
                    }
                }
            }
            (time(&event.at))
        }
    }
}

/// What the script clones to stand for many such lines in a row.
pub fn folded() -> Markup {
    html! {
        li class="event folded" {
            button type="button" aria-expanded="false" class="group inline-flex max-w-full items-center gap-1.5 rounded-chip px-2 py-0.5 transition-colors hover:text-t1 touch:min-h-11" {
                span class="wrap-anywhere" {}
                span class="group-aria-expanded:rotate-180 *:size-3.5" { (icon("chevron-down")) }
            }
        }
    }
}
