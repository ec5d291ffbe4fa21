//! What others see of me, and what is stored about me.

use maud::{Markup, html};

use super::heading;
use crate::accounts::queries::Hidden;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, csrf_field, password_field};
use crate::web::icons::icon;

/// The section; `errors` are those of the download.
pub fn data(ctx: &Ctx, hidden: Hidden, errors: &FieldErrors) -> Markup {
    let error = errors.get("password").or(errors.get("form"));
    html! {
        div class="grid gap-7" {
            (heading("Privacy and data", "What others learn of you here, and what is stored about you."))
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
                            p class="mt-0.5 text-13 text-t3" { "A ZIP archive: profile, consent, sessions, rooms, and every message you wrote, as text that anybody can read." }
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

/// What others see, which changes by itself when it is saved: what is typed below stays.
pub fn switches(ctx: &Ctx, hidden: Hidden) -> Markup {
    html! {
        form #switches method="post" action="/settings/privacy" hx-post="/settings/privacy" hx-target="#switches" hx-swap="outerHTML" {
            (csrf_field(ctx))
            ul.card.card-list {
                (switch("presence", hidden.presence, "Show when I am online", "Off: you are counted in no room, and nobody is told when you come and go."))
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
