//! The settings of a room that people made.

use maud::{Markup, html};

use super::page;
use crate::accounts::views::first_wrong;
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::rooms::model::{History, Membership, Room, path};
use crate::web::components::{Field, alert, csrf_field, field};
use crate::web::icons::icon;
use crate::web::layout;

/// What the form of a room's settings sends. Kept as typed, to be shown again.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct SettingsForm {
    /// Its name.
    pub title: String,
    /// What it is for.
    pub topic: String,
    /// What new members may read: `all` or `joined`; empty leaves it as it is.
    pub history: String,
}

impl SettingsForm {
    /// How the room stands.
    pub fn of(room: &Room) -> Self {
        Self {
            title: room.title.clone(),
            topic: room.topic.clone(),
            history: room.history.as_str().into(),
        }
    }
}

const HISTORIES: [(History, &str); 2] = [
    (History::All, "What was ever written"),
    (History::Joined, "What is written from then on"),
];

/// The form, and for an owner the end of the room; each with what is wrong with it.
pub fn room_settings(
    shell: &Shell<'_>,
    Membership { room, role, .. }: &Membership,
    (form, errors): (&SettingsForm, &FieldErrors),
    (typed, refused): (&str, &FieldErrors),
) -> Markup {
    let base = path(&room.slug);
    let first = first_wrong(errors, &["title", "topic", "history"]);
    let back = html! {
        a class="icon-button back -ms-2.5" href=(base) aria-label="Back to the room" { (icon("arrow-left")) }
    };
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back, "Room settings")) }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div class="mx-auto grid max-w-130 gap-7" {
                    form class="grid gap-5" method="post" action={ (base) "/settings" } novalidate {
                        (csrf_field(shell.ctx))
                        @if let Some(sentence) = errors.get("form") { (alert("bad", sentence)) }
                        (field(Field {
                            label: "Name",
                            name: "title",
                            value: &form.title,
                            error: errors.get("title"),
                            max_length: Some(64),
                            autofocus: first == Some("title"),
                            ..Field::default()
                        }))
                        (field(Field {
                            label: "What it is for",
                            name: "topic",
                            value: &form.topic,
                            optional: true,
                            error: errors.get("topic"),
                            max_length: Some(200),
                            autofocus: first == Some("topic"),
                            ..Field::default()
                        }))
                        @if role.may_decide() {
                            fieldset class="grid gap-1" {
                                legend class="mb-1.5 font-550" { "What new members can read" }
                                @for (history, name) in HISTORIES {
                                    label class="flex min-h-11 items-center gap-3 rounded-row px-2 hover:bg-hover" {
                                        input type="radio" name="history" value=(history.as_str()) checked[form.history == history.as_str()];
                                        (name)
                                    }
                                }
                            }
                            @if let Some(error) = errors.get("history") { p.field-error role="alert" { (icon("circle-alert")) span { (error) } } }
                        }
                        div { button.button.primary.large type="submit" data-busy="Saving" { span.label { "Save" } } }
                    }
                    @if role.may_decide() { (end(shell, room, typed, refused)) }
                }
            }
        }
    };
    page(shell, &format!("Settings · {}", room.title), &sheet)
}

fn end(shell: &Shell<'_>, room: &Room, typed: &str, refused: &FieldErrors) -> Markup {
    html! {
        section class="card grid gap-4 p-6" aria-labelledby="delete-room" {
            div {
                h2 #delete-room { "Delete this room" }
                p class="mt-1 text-t2" { "Its messages are gone for everybody, at once and for good. Type its name, " bdi class="font-600 wrap-anywhere text-t1" { (room.title) } ", to confirm." }
            }
            form class="grid gap-4" method="post" action={ (path(&room.slug)) "/delete" } novalidate {
                (csrf_field(shell.ctx))
                (field(Field {
                    label: "Name of the room",
                    name: "title",
                    scope: "delete-",
                    value: typed,
                    error: refused.get("title").or(refused.get("form")),
                    autocomplete: Some("off"),
                    autofocus: !refused.is_empty(),
                    ..Field::default()
                }))
                div { button.button.danger type="submit" data-busy="Deleting" { span.label { "Delete the room" } } }
            }
        }
    }
}
