//! The administration's rooms: make, find, edit, archive, delete.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{Tab, ago, ask, choices, counted, list_head, number, page, show_more};
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::rooms::model::{AdminRow, Show, path};
use crate::web::Ctx;
use crate::web::components::{Field, alert, chip, csrf_field, empty_state, field};
use crate::web::icons::icon;

/// What was typed into a room's form.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct RoomForm {
    /// The room's name, which is its address too.
    pub name: String,
    /// What the room is for.
    pub topic: String,
}

/// What the rooms page shows.
#[derive(Debug)]
pub struct RoomsPage {
    /// The form to make a room, as it was typed.
    pub form: RoomForm,
    /// What is wrong with it.
    pub errors: FieldErrors,
    /// Which rooms.
    pub show: Show,
    /// How many of them there are.
    pub total: i64,
    /// This page of them.
    pub rows: Vec<AdminRow>,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
    /// When the page is drawn.
    pub now: DateTime<Utc>,
}

/// The list of rooms under the form to make one.
pub fn rooms(shell: &Shell<'_>, data: &RoomsPage) -> Markup {
    let shows = [(Show::All, "All"), (Show::Open, "Open"), (Show::Archived, "Archived")];
    let content = html! {
        section class="card p-6" aria-labelledby="new-room" {
            h2 #new-room { "New public room" }
            form class="mt-3.5 grid grid-cols-[minmax(180px,1fr)_minmax(0,2.3fr)_auto] items-start gap-x-3 gap-y-1 @max-[800px]:grid-cols-1 @max-[800px]:gap-3"
                method="post" action="/admin/rooms"
            {
                (csrf_field(shell.ctx))
                (fields(&data.form, &data.errors))
                button class="button primary large mt-6.5 @max-[800px]:mt-1 @max-[800px]:justify-self-start @max-[640px]:w-full" type="submit" data-busy="Creating" { (icon("plus")) span.label { "Create room" } }
            }
        }
        section aria-labelledby="all-rooms" {
            (list_head("all-rooms", "Public rooms", data.total, &html! {
                nav class="segmented ms-auto @max-[640px]:grid @max-[640px]:w-full @max-[640px]:auto-cols-fr @max-[640px]:grid-flow-col" aria-label="Which rooms" {
                    @for (show, name) in shows {
                        a href={ "/admin/rooms?show=" (show.as_str()) } aria-current=[(show == data.show).then_some("page")] { (name) }
                    }
                }
            }))
            @if data.rows.is_empty() {
                div.card {
                    @match data.show {
                        Show::Archived => (empty_state("No archived rooms", "A room that you archive can still be read, and comes back when you restore it.", &html! {})),
                        _ => (empty_state("No rooms yet", "Give a room a name above. Everybody on this server can then see it and join.", &html! {})),
                    }
                }
            } @else {
                (table(shell.ctx, data))
            }
            (show_more("/admin/rooms", &[("show", data.show.as_str())], data.after.as_deref()))
        }
    };
    page(shell, Tab::Rooms, &content)
}

/// The page to change a room's name and topic.
pub fn room_edit(shell: &Shell<'_>, slug: &str, form: &RoomForm, errors: &FieldErrors) -> Markup {
    let sentence = format!("A new name is a new address too: links to “{slug}” stop working.");
    let content = ask(
        "edit-room",
        "Edit room",
        &sentence,
        &html! {
            form class="mt-5 grid gap-3" method="post" action={ "/admin/rooms/" (slug) } {
                (csrf_field(shell.ctx))
                (fields(form, errors))
                (choices(&html! {
                    a.button.ghost href="/admin/rooms" { "Cancel" }
                    button.button.primary type="submit" data-busy="Saving" { span.label { "Save" } }
                }))
            }
        },
    );
    page(shell, Tab::Rooms, &content)
}

/// The page that asks before a room is deleted.
pub fn room_delete(shell: &Shell<'_>, room: &AdminRow) -> Markup {
    let sentence =
        "Its messages are gone for everybody, at once and for good. To keep them readable, archive the room instead.";
    let content = ask(
        "delete-room",
        "Delete this room?",
        sentence,
        &html! {
            p class="mt-4 flex items-center gap-3 rounded-field border border-line bg-s2 px-3.5 py-3 text-t2" {
                (icon(if room.archived_at.is_some() { "archive" } else { "hash" }))
                span class="grid min-w-0" {
                    bdi class="font-600 wrap-anywhere text-t1" { (room.title) }
                    span class="text-13 text-t3" {
                        (counted(room.members, "member", "members")) " · " (counted(room.messages, "message", "messages"))
                    }
                }
            }
            form method="post" action={ "/admin/rooms/" (room.slug) "/delete" } {
                (csrf_field(shell.ctx))
                (choices(&html! {
                    a.button.ghost href="/admin/rooms" { "Keep" }
                    button.button.danger type="submit" data-busy="Deleting" { span.label { "Delete" } }
                }))
            }
        },
    );
    page(shell, Tab::Rooms, &content)
}

/// Name and topic, with what is wrong with them.
fn fields(form: &RoomForm, errors: &FieldErrors) -> Markup {
    html! {
        @if let Some(sentence) = errors.get("form") { div class="col-span-full mb-3" { (alert("bad", sentence)) } }
        (field(Field {
            label: "Name",
            name: "name",
            value: &form.name,
            icon: Some("hash"),
            hint: errors.get("name").is_none().then_some("Letters, digits, - and _"),
            error: errors.get("name"),
            autocomplete: Some("off"),
            autofocus: errors.get("name").is_some(),
            ..Field::default()
        }))
        (field(Field {
            label: "Topic",
            name: "topic",
            value: &form.topic,
            optional: true,
            placeholder: Some("What is this room for?"),
            error: errors.get("topic"),
            autocomplete: Some("off"),
            autofocus: errors.get("name").is_none() && errors.get("topic").is_some(),
            ..Field::default()
        }))
    }
}

fn table(ctx: &Ctx, data: &RoomsPage) -> Markup {
    html! {
        div.card {
            table.data-table {
                thead {
                    tr {
                        th scope="col" { "Room" }
                        th.topic scope="col" { "Topic" }
                        th.number scope="col" { "Members" }
                        th.number scope="col" { "Messages" }
                        th.last scope="col" { "Last active" }
                        th scope="col" { "State" }
                        th scope="col" { span.visually-hidden { "Actions" } }
                    }
                }
                tbody { @for room in &data.rows { (row(ctx, room, data.now)) } }
            }
        }
    }
}

fn row(ctx: &Ctx, room: &AdminRow, now: DateTime<Utc>) -> Markup {
    let archived = room.archived_at.is_some();
    html! {
        tr.quiet[archived] {
            th.name scope="row" {
                span {
                    (icon(if archived { "archive" } else { "hash" }))
                    a href=(path(&room.slug)) { bdi { (room.title) } }
                }
            }
            td.topic { bdi { (room.topic) } }
            td.number.members data-unit=(if room.members == 1 { "member" } else { "members" }) { (number(room.members)) }
            td.number.messages data-unit=(if room.messages == 1 { "message" } else { "messages" }) { (number(room.messages)) }
            td.last { @match room.last_active { Some(at) => (ago(at, now)), None => "never" } }
            td.state { @if archived { (chip("", "Archived")) } @else { (chip("ok", "Open")) } }
            td.actions { div { (row_actions(ctx, room)) } }
        }
    }
}

/// Edit, archive or restore, delete: icons with names.
fn row_actions(ctx: &Ctx, room: &AdminRow) -> Markup {
    let base = format!("/admin/rooms/{}", room.slug);
    let (verb, name, image) = match room.archived_at {
        Some(_) => ("restore", "Restore", "rotate-ccw"),
        None => ("archive", "Archive", "archive"),
    };
    html! {
        a.icon-button href={ (base) "/edit" } aria-label={ "Edit " (room.title) } title="Edit" { (icon("pencil")) }
        form method="post" action={ (base) "/" (verb) } {
            (csrf_field(ctx))
            button.icon-button type="submit" aria-label={ (name) " " (room.title) } title=(name) { (icon(image)) }
        }
        a.icon-button.danger href={ (base) "/delete" } aria-label={ "Delete " (room.title) } title="Delete" { (icon("trash-2")) }
    }
}
