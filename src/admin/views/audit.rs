//! What administrators did.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{Tab, page};
use crate::accounts::model::AuditEntry;
use crate::chat::Shell;
use crate::web::components::{empty_state, profile_path};
use crate::web::words::ago;

/// A page of the list.
pub fn audit(shell: &Shell<'_>, entries: &[AuditEntry], before: Option<&str>, now: DateTime<Utc>) -> Markup {
    let content = html! {
        section class="mx-auto w-full max-w-215" aria-labelledby="audit-title" {
            h2 #audit-title class="mb-1" tabindex="-1" { "What administrators did" }
            p class="mb-4 text-t2" { "This list only grows. Nobody can change it, nor take anything out." }
            @if entries.is_empty() {
                div.card { (empty_state("Nothing yet", "Whatever an administrator does about people, public rooms and jobs will stand here.", &html! {})) }
            } @else {
                ul.card.card-list { @for entry in entries { (row(entry, now)) } }
            }
            @if let Some(before) = before {
                p class="mt-4 text-center" { a.button.secondary href={ "/admin/audit?before=" (before) } { "Show more" } }
            }
        }
    };
    page(shell, Tab::Audit, &content)
}

fn row(entry: &AuditEntry, now: DateTime<Utc>) -> Markup {
    html! {
        li {
            div class="min-w-0 flex-1 wrap-anywhere" {
                p {
                    (person(entry.actor.as_deref())) " " (entry.act.sentence()) " "
                    @if let Some(subject) = entry.subject.as_deref() { (person(Some(subject))) }
                    @if entry.subject.is_none() { bdi class="font-600" { (entry.detail) } }
                }
                @if entry.subject.is_some() && !entry.detail.is_empty() { p class="mt-0.5 text-13 text-t3" dir="auto" { (entry.detail) } }
            }
            p class="flex-none text-13 text-t3" { (ago(entry.at, now)) }
        }
    }
}

fn person(username: Option<&str>) -> Markup {
    html! {
        @match username {
            Some(username) => a class="font-600 hover:underline" href=(profile_path(username)) { "@" (username) },
            None => span class="text-t3" { "a deleted account" },
        }
    }
}
