//! The administration's rooms: make, find, edit, archive, delete.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{Tab, page};
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::rooms::model::{AdminRow, Show, path};
use crate::web::Ctx;
use crate::web::components::{Field, alert, ask, chip, choices, csrf_field, empty_state, field};
use crate::web::icons::icon;
use crate::web::lists::{list_head, show_more};
use crate::web::words::{ago, counted, number};

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

/// A page under the tab of the rooms.
pub fn rooms_page(shell: &Shell<'_>, content: &Markup) -> Markup {
    page(shell, Tab::Rooms, content)
}

/// The list of rooms under the form to make one.
pub fn rooms_content(ctx: &Ctx, data: &RoomsPage) -> Markup {
    html! {
        (new_room(ctx, &data.form, &data.errors))
        (room_list(ctx, data))
    }
}

/// After a room was made: an empty form, and the list in its place.
pub fn room_made(ctx: &Ctx, data: &RoomsPage) -> Markup {
    html! {
        (new_room(ctx, &data.form, &data.errors))
        hx-partial hx-target="#room-list" hx-swap="outerHTML" { (room_list(ctx, data)) }
    }
}

/// The form to make a room.
pub fn new_room(ctx: &Ctx, form: &RoomForm, errors: &FieldErrors) -> Markup {
    html! {
        section #new-room-card class="card p-6" aria-labelledby="new-room" {
            h2 #new-room { "New public room" }
            form class="mt-3.5 grid grid-cols-[minmax(180px,1fr)_minmax(0,2.3fr)_auto] items-start gap-x-3 gap-y-1 @max-[800px]:grid-cols-1 @max-[800px]:gap-3"
                method="post" action="/admin/rooms" hx-post="/admin/rooms" hx-target="#new-room-card" hx-swap="outerHTML"
                hx-status:422="swap:outerHTML"
            {
                (csrf_field(ctx))
                (fields("", form, errors))
                button class="button primary large mt-6.5 @max-[800px]:mt-1 @max-[800px]:justify-self-start @max-[640px]:w-full" type="submit" data-busy="Creating" { (icon("plus")) span.label { "Create room" } }
            }
        }
    }
}

/// The rooms of the filter.
pub fn room_list(ctx: &Ctx, data: &RoomsPage) -> Markup {
    let shows = [(Show::All, "All"), (Show::Open, "Open"), (Show::Archived, "Archived")];
    html! {
        section #room-list aria-labelledby="all-rooms" {
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
                (table(ctx, data))
            }
            (show_more("/admin/rooms", &[("show", data.show.as_str())], data.after.as_deref()))
        }
    }
}

/// The form to change a room's name and topic. In a dialog it changes the list behind it; on a page of its own it leads
/// to the list.
pub fn room_edit(ctx: &Ctx, slug: &str, form: &RoomForm, errors: &FieldErrors) -> Markup {
    let action = format!("/admin/rooms/{slug}");
    let (in_dialog, list) = (ctx.htmx.then_some(&action), ctx.htmx.then_some("#room-list"));
    let sentence = format!("A new name is a new address too: links to “{slug}” stop working.");
    ask(
        "edit-room",
        "Edit room",
        &sentence,
        &html! {
            form class="mt-5 grid gap-3" method="post" action=(action) hx-post=[in_dialog] hx-target=[list]
                hx-swap="outerHTML" hx-status:422="target:#question"
            {
                (csrf_field(ctx))
                (fields("edit-", form, errors))
                (choices(&html! {
                    a.button.ghost href="/admin/rooms" data-close { "Cancel" }
                    button.button.primary type="submit" data-busy="Saving" { span.label { "Save" } }
                }))
            }
        },
    )
}

/// What asks before a room is deleted, in a dialog or on a page of its own.
pub fn room_delete(ctx: &Ctx, room: &AdminRow) -> Markup {
    let action = format!("/admin/rooms/{}/delete", room.slug);
    let (in_dialog, list) = (ctx.htmx.then_some(&action), ctx.htmx.then_some("#room-list"));
    let sentence =
        "Its messages are gone for everybody, at once and for good. To keep them readable, archive the room instead.";
    ask(
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
            form method="post" action=(action) hx-post=[in_dialog] hx-target=[list] hx-swap="outerHTML" {
                (csrf_field(ctx))
                (choices(&html! {
                    a.button.ghost href="/admin/rooms" data-close autofocus { "Keep" }
                    button.button.danger type="submit" data-busy="Deleting" { span.label { "Delete" } }
                }))
            }
        },
    )
}

/// Name and topic, with what is wrong with them.
fn fields(scope: &str, form: &RoomForm, errors: &FieldErrors) -> Markup {
    html! {
        @if let Some(sentence) = errors.get("form") { div class="col-span-full mb-3" { (alert("bad", sentence)) } }
        (field(Field {
            label: "Name",
            name: "name",
            scope,
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
            scope,
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
    let change = format!("{base}/{verb}");
    html! {
        a.icon-button id={ "edit-" (room.slug) } href={ (base) "/edit" } hx-get={ (base) "/edit" } hx-target="#dialog"
            aria-label={ "Edit " (room.title) } title="Edit" { (icon("pencil")) }
        form method="post" action=(change) hx-post=(change) hx-target="#room-list" hx-swap="outerHTML" {
            (csrf_field(ctx))
            button.icon-button id={ "archive-" (room.slug) } type="submit" aria-label={ (name) " " (room.title) } title=(name) { (icon(image)) }
        }
        a.icon-button.danger id={ "delete-" (room.slug) } href={ (base) "/delete" } hx-get={ (base) "/delete" }
            hx-target="#dialog" aria-label={ "Delete " (room.title) } title="Delete" { (icon("trash-2")) }
    }
}
