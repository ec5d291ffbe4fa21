//! The programs that act for me, and the keys for their encrypted bodies.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::heading;
use super::sessions::{last_use, row};
use crate::accounts::api_keys::NewApiKey;
use crate::accounts::queries::{ApiKey, OwnSession};
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, csrf_field, date_and_time, field};
use crate::web::icons::icon;

/// What the section shows.
#[derive(Debug)]
pub struct ApiPage {
    /// The log-ins of programs, newest first.
    pub programs: Vec<OwnSession>,
    /// The keys, newest first.
    pub keys: Vec<ApiKey>,
    /// When it is looked at.
    pub now: DateTime<Utc>,
}

/// The section; `name` is what was typed for a new key.
pub fn api(ctx: &Ctx, page: &ApiPage, name: &str, errors: &FieldErrors) -> Markup {
    let docs = html! { a href="/api/docs" { "How programs talk to this chat" } };
    html! {
        div #api class="grid gap-7" {
            (heading("Programs", "Programs that log in with your name and password can do what you can do here."))
            section class="grid gap-3" aria-labelledby="programs-title" {
                h2 #programs-title tabindex="-1" { "Logged in" }
                @if page.programs.is_empty() {
                    p class="text-t2" { "No program is logged in. " (docs) "." }
                } @else {
                    ul.card.card-list {
                        @for program in &page.programs { (row(ctx, program, page.now, (false, "/settings/api/families", "#api"))) }
                    }
                    p class="text-13 text-t3" { (docs) "." }
                }
            }
            section class="grid gap-3" aria-labelledby="keys-title" {
                h2 #keys-title tabindex="-1" { "Keys for encrypted bodies" }
                p class="text-t2" {
                    "Between a program and this server there may be a proxy that opens TLS and could read along. With a key, "
                    "what the program sends and what it is answered is sealed from the one to the other. A key is no way in: "
                    "the program still has to log in."
                }
                form class="grid gap-3" method="post" action="/settings/api/keys" novalidate {
                    (csrf_field(ctx))
                    (field(Field {
                        label: "Name of a new key",
                        name: "name",
                        value: name,
                        hint: Some("What it is for, such as the name of the program."),
                        error: errors.get("name"),
                        autocomplete: Some("off"),
                        max_length: Some(64),
                        autofocus: errors.get("name").is_some(),
                        ..Field::default()
                    }))
                    div { button.button.secondary type="submit" data-busy="Making" { (icon("plus")) span.label { "Make a key" } } }
                }
                @if !page.keys.is_empty() {
                    ul.card.card-list { @for key in &page.keys { (key_row(ctx, key, page.now)) } }
                }
            }
        }
    }
}

fn key_row(ctx: &Ctx, key: &ApiKey, now: DateTime<Utc>) -> Markup {
    let path = format!("/settings/api/keys/{}/revoke", key.id);
    html! {
        li id={ "key-" (key.id) } class="@max-[560px]:flex-wrap" {
            span.tile { (icon("key-round")) }
            div class="min-w-0 flex-1" {
                p class="font-600 wrap-anywhere" { bdi { (key.name) } }
                p class="mt-0.5 text-13 wrap-anywhere text-t3" { code { (key.id) } }
                p class="mt-0.5 text-13 text-t3" {
                    "Made " (date_and_time(&key.created_at)) " · "
                    @match key.last_used_at {
                        Some(at) => { "last used " (last_use(at, now)) }
                        None => "never used",
                    }
                }
            }
            form method="post" action=(path) hx-post=(path) hx-target="#api" hx-swap="outerHTML" {
                (csrf_field(ctx))
                button.button.small.quiet-danger type="submit" data-busy="One moment" aria-label={ "Revoke the key " (key.name) } { span.label { "Revoke" } }
            }
        }
    }
}

/// A key that was made, which is never shown again.
pub fn api_key_made(made: &NewApiKey) -> Markup {
    html! {
        section class="card p-6" aria-labelledby="key-title" {
            h2 #key-title { "Your key is ready" }
            p class="mt-2 text-t2" { "Give both to the program now: the key is not shown again." }
            div class="field mt-5" {
                label for="key-id" { "Id, for the header Umbra-Key" }
                input.input #key-id type="text" readonly value=(made.id);
            }
            div class="field mt-5" {
                label for="key-secret" { "Key" }
                input.input #key-secret type="text" readonly autocomplete="off" spellcheck="false" value=(made.key.as_str());
            }
            div class="mt-5 flex flex-wrap justify-end gap-2" {
                button.button.secondary type="button" hidden data-copy="key-id" { "Copy the id" }
                button.button.primary type="button" hidden data-copy="key-secret" { "Copy the key" }
                a.button.secondary href="/settings/api" { "Done" }
            }
        }
    }
}
