//! What others see of me, and what is stored about me.

use maud::{Markup, html};

use super::heading;
use crate::accounts::queries::Hidden;
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, alert, csrf_field, field, password_field};
use crate::web::icons::icon;

/// A form of the section, with what was typed into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataForm<'a> {
    /// The download.
    Export,
    /// The deletion of messages in that room.
    Messages(&'a str),
    /// The deletion of the account of that username.
    Account(&'a str),
}

/// What the section shows.
#[derive(Debug)]
pub struct DataPage<'a> {
    /// What others do not see.
    pub hidden: Hidden,
    /// Whether messages are being deleted since a moment ago.
    pub is_erasing: bool,
    /// The form that was refused, and why.
    pub refused: Option<(DataForm<'a>, &'a FieldErrors)>,
}

/// The section.
pub fn data(shell: &Shell<'_>, page: &DataPage<'_>) -> Markup {
    let (ctx, hidden) = (shell.ctx, page.hidden);
    let error = match page.refused {
        Some((DataForm::Export, errors)) => errors.get("password").or(errors.get("form")),
        _ => None,
    };
    html! {
        div class="grid gap-7" {
            (heading("Privacy and data", "What others learn of you here, and what is stored about you."))
            @if page.is_erasing {
                (alert("ok", "Your messages are being deleted. Where there are many it takes a while."))
            }
            (switches(ctx, hidden))
            section class="grid gap-3" aria-labelledby="download-title" {
                h2 #download-title tabindex="-1" { "Take your data along" }
                // Not by htmx: the browser keeps the answer as a file.
                form class="card grid gap-4 p-5" method="post" action="/settings/export" data-download novalidate {
                    (csrf_field(ctx))
                    div class="flex items-center gap-3.5" {
                        span.tile { (icon("package-open")) }
                        div class="min-w-0 flex-1" {
                            p class="font-600" { "Everything in one download" }
                            p class="mt-0.5 text-13 text-t3" { "A ZIP archive: profile, consent, sessions, rooms, every message you wrote, and both sides of your direct chats, as text that anybody can read." }
                        }
                    }
                    div class="flex flex-wrap items-end gap-3" {
                        div class="min-w-60 flex-1" {
                            (password_field(Field {
                                label: "Your password",
                                name: "password",
                                error,
                                autocomplete: Some("current-password"),
                                autofocus: error.is_some(),
                                ..Field::default()
                            }, false))
                        }
                        button.button.secondary type="submit" { (icon("download")) span.label { "Download" } }
                    }
                }
            }
            (delete_messages(shell, page))
            (delete_account(shell, page))
            section class="grid gap-3" aria-labelledby="stored-title" {
                h2 #stored-title tabindex="-1" { "What is stored" }
                ul.card.card-list { li {
                    span.tile { (icon("shield")) }
                    p class="min-w-0 flex-1 text-t2" { "Everything that this server stores about you, why, and for how long." }
                    a.button.small.secondary href="/privacy" { "Privacy page" }
                } }
            }
        }
    }
}

/// The password, for one of the forms.
fn password<'a>(scope: &'a str, errors: Option<&'a FieldErrors>) -> Markup {
    let error = errors.and_then(|errors| errors.get("password"));
    password_field(
        Field {
            label: "Your password",
            name: "password",
            scope,
            error,
            autocomplete: Some("current-password"),
            autofocus: error.is_some(),
            ..Field::default()
        },
        false,
    )
}

fn delete_messages(shell: &Shell<'_>, page: &DataPage<'_>) -> Markup {
    let (typed, errors) = match page.refused {
        Some((DataForm::Messages(room), errors)) => (room, Some(errors)),
        _ => ("all", None),
    };
    let public = shell.rooms.rooms.iter().filter(|room| room.joined);
    let public = public.map(|room| (&room.slug, &room.title));
    let own = shell.mine.rooms.iter();
    let own = own.map(|room| {
        (
            &room.slug,
            room.partner.as_ref().map_or(&room.title, |partner| &partner.name),
        )
    });
    let error = errors.and_then(|errors| errors.get("room"));
    html! {
        section class="grid gap-3" aria-labelledby="messages-title" {
            h2 #messages-title tabindex="-1" { "Delete my messages" }
            form class="card grid gap-5 p-5" method="post" action="/settings/messages/delete" novalidate {
                (csrf_field(shell.ctx))
                p class="text-t2" { "The text of everything that you have written there is deleted; others see “Message deleted” in its place. There is no way back." }
                @if let Some(sentence) = errors.and_then(|errors| errors.get("form")) { (alert("bad", sentence)) }
                div.field {
                    label for="delete-room" { "Where" }
                    select #delete-room class="input px-3.5" name="room" aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| "delete-room-error")] {
                        option value="all" { "In all rooms, also those I have left" }
                        @for (slug, title) in public.chain(own) {
                            option value=(slug) selected[slug.as_str() == typed] { (title) }
                        }
                    }
                    @if let Some(sentence) = error { p #delete-room-error .field-error { (icon("circle-alert")) span { (sentence) } } }
                }
                (password("messages-", errors))
                div { button.button.danger type="submit" data-busy="Deleting" { span.label { "Delete my messages" } } }
            }
        }
    }
}

fn delete_account(shell: &Shell<'_>, page: &DataPage<'_>) -> Markup {
    let (typed, errors) = match page.refused {
        Some((DataForm::Account(username), errors)) => (username, Some(errors)),
        _ => ("", None),
    };
    let error = errors.and_then(|errors| errors.get("username"));
    html! {
        section class="grid gap-3" aria-labelledby="delete-title" {
            h2 #delete-title tabindex="-1" { "Delete my account" }
            form class="card grid gap-5 p-5" method="post" action="/settings/delete" novalidate {
                (csrf_field(shell.ctx))
                ul class="grid list-disc gap-1.5 ps-5 text-t2" {
                    li { "You are logged out everywhere at once. Nobody can log in to this account again, and nobody can bring it back." }
                    li { "Your name, e-mail address, picture, friends and memberships are deleted." }
                    li { "The text of your messages is deleted, and the key that it was encrypted with. Others see “Deleted account” and “Message deleted”." }
                    li { "Nobody can take your username for 30 days." }
                    li { "What you want to keep, download first." }
                }
                @if let Some(sentence) = errors.and_then(|errors| errors.get("form")) { (alert("bad", sentence)) }
                (field(Field {
                    label: "Your username, to confirm",
                    name: "username",
                    scope: "delete-",
                    value: typed,
                    hint: Some(&format!("Type {}.", shell.viewer.username)),
                    error,
                    autocomplete: Some("off"),
                    max_length: Some(32),
                    autofocus: error.is_some(),
                    ..Field::default()
                }))
                (password("delete-", errors))
                div { button.button.danger type="submit" data-busy="Deleting" { span.label { "Delete my account for good" } } }
            }
        }
    }
}

/// What others see, which changes by itself when it is saved: what is typed below stays.
pub fn switches(ctx: &Ctx, hidden: Hidden) -> Markup {
    html! {
        form #switches method="post" action="/settings/privacy" hx-post="/settings/privacy" hx-target="#switches" hx-swap="outerHTML" {
            (csrf_field(ctx))
            ul.card.card-list {
                (switch("presence", hidden.presence, "Show when I am online", "Off: you are counted in no room, and nobody is told when you come, type or go."))
                (switch("receipts", hidden.receipts, "Show what I have read", "Off: nobody sees which messages you have read, and you do not see it of others."))
            }
        }
    }
}

/// A row with a switch, which a press sets to the other side at once.
fn switch(name: &str, is_off: bool, title: &str, explained: &str) -> Markup {
    let (id, title_id, text_id) = (
        format!("switch-{name}"),
        format!("{name}-title"),
        format!("{name}-text"),
    );
    html! {
        li {
            div class="min-w-0 flex-1" {
                p id=(title_id) class="font-600" { (title) }
                p id=(text_id) class="mt-0.5 text-13 text-t3" { (explained) }
            }
            button.switch id=(id) type="submit" role="switch" name=(name) value=(if is_off { "on" } else { "off" })
                aria-checked=(if is_off { "false" } else { "true" }) aria-labelledby=(title_id) aria-describedby=(text_id) {}
        }
    }
}
