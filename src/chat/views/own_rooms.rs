//! The page on which somebody makes a room.

use maud::{Markup, html};

use super::page;
use crate::accounts::views::first_wrong;
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::friends::model::Contact;
use crate::web::components::{Field, avatar, back_to_chats, csrf_field, field};
use crate::web::icons::icon;
use crate::web::layout;

/// What the form of a new room sends. Kept as typed, to be shown again.
#[derive(Debug, Default)]
pub struct RoomForm {
    /// Its name.
    pub title: String,
    /// What it is for.
    pub topic: String,
    /// `private` or `group`.
    pub kind: String,
    /// The usernames that were chosen.
    pub members: Vec<String>,
}

const KINDS: [(&str, &str, &str); 2] = [
    (
        "private",
        "Private room",
        "People get in by invitation or by a link. Whoever comes later reads what was written before.",
    ),
    (
        "group",
        "Group",
        "You choose who is in it. Whoever comes later reads what is written from then on.",
    ),
];

/// The form.
pub fn new_room(shell: &Shell<'_>, form: &RoomForm, friends: &[Contact], errors: &FieldErrors) -> Markup {
    let first = first_wrong(errors, &["title", "topic", "kind", "members"]).unwrap_or("title");
    let kind = if form.kind.is_empty() { "private" } else { &form.kind };
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back_to_chats(), "New room")) }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                form #new-room class="mx-auto grid max-w-130 gap-5" method="post" action="/chat/rooms" novalidate {
                    (csrf_field(shell.ctx))
                    (field(Field {
                        label: "Name",
                        name: "title",
                        value: &form.title,
                        error: errors.get("title"),
                        max_length: Some(64),
                        autofocus: first == "title",
                        ..Field::default()
                    }))
                    (field(Field {
                        label: "What it is for",
                        name: "topic",
                        value: &form.topic,
                        optional: true,
                        error: errors.get("topic"),
                        max_length: Some(200),
                        autofocus: first == "topic",
                        ..Field::default()
                    }))
                    fieldset class="grid gap-2.5" {
                        legend class="mb-1.5 font-550" { "What kind of room" }
                        @for (value, name, text) in KINDS {
                            label class="flex items-start gap-3 rounded-image border border-line p-3.5 has-checked:border-accent" {
                                input class="mt-1" type="radio" name="kind" value=(value) checked[value == kind];
                                span { span class="block font-600" { (name) } span class="text-13 text-t2" { (text) } }
                            }
                        }
                    }
                    @if !friends.is_empty() {
                        fieldset class="grid gap-1" {
                            legend class="mb-1.5 font-550" { "Friends to begin with" }
                            p class="mb-1.5 text-13 text-t2" { "A private room invites them; in a group they are at once." }
                            @for friend in friends {
                                @let person = &friend.person;
                                label class="flex min-h-11 items-center gap-3 rounded-row px-2 hover:bg-hover" {
                                    input type="checkbox" name="members" value=(person.username) checked[form.members.contains(&person.username)];
                                    (avatar(person.face(), 32))
                                    span class="min-w-0 truncate" { bdi { (person.name) } " " span class="text-13 text-t3" { "@" (person.username) } }
                                }
                            }
                        }
                    }
                    @if let Some(error) = errors.get("members").or(errors.get("kind")).or(errors.get("form")) {
                        p.field-error role="alert" { (icon("circle-alert")) span { (error) } }
                    }
                    div { button.button.primary.large type="submit" data-busy="Making" { span.label { "Make the room" } } }
                }
            }
        }
    };
    page(shell, "New room", &sheet)
}
