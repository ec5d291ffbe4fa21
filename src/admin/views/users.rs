//! The administration's people: find them, make one an administrator or not.

use maud::{Markup, html};

use super::{Tab, page};
use crate::accounts::model::{Author, Person};
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::web::components::{Field, ask, avatar, chip, choices, csrf_field, empty_state, field};
use crate::web::icons::icon;
use crate::web::lists::{list_head, show_more};
use crate::web::{Ctx, Viewer};

/// What the users page shows.
#[derive(Debug, Default)]
pub struct UsersPage {
    /// What was searched for.
    pub q: String,
    /// How many people were found.
    pub total: i64,
    /// This page of them.
    pub people: Vec<Person>,
    /// How many administrators there are: the last one stays one.
    pub admins: i64,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
}

/// The search field over the list.
pub fn users(shell: &Shell<'_>, data: &UsersPage) -> Markup {
    let content = html! {
        h2.visually-hidden { "Users" }
        form class="mx-auto w-full max-w-215" role="search" method="get" action="/admin/users" {
            label.visually-hidden for="q" { "Find people" }
            div.input-group {
                (icon("search"))
                input.input #q type="search" name="q" value=(data.q) maxlength="64" autocomplete="off" spellcheck="false"
                placeholder="Name, @username or e-mail" hx-get="/admin/users"
                hx-trigger="input changed delay:200ms" hx-target="#people" hx-swap="outerHTML" hx-sync="this:replace";
            }
        }
        (people(shell.ctx, shell.viewer, data))
    };
    page(shell, Tab::Users, &content)
}

/// The list alone, which the search field swaps as one types.
pub fn people(ctx: &Ctx, viewer: &Viewer, data: &UsersPage) -> Markup {
    html! {
        section #people class="mx-auto w-full max-w-215" aria-labelledby="people-title" {
            div role="status" {
                (list_head("people-title", if data.q.is_empty() { "Everybody" } else { "Found" }, data.total, &html! {}))
            }
            @if data.people.is_empty() {
                div.card { (empty_state("Nobody found", "Try the beginning of a name or a username, or a whole e-mail address.", &html! {})) }
            } @else {
                ul.card.card-list { @for person in &data.people { (row(ctx, viewer, person, data.admins)) } }
            }
            (show_more("/admin/users", &[("q", &data.q)], data.after.as_deref()))
        }
    }
}

/// A link to hand over, which is never shown again.
pub fn reset_link(shell: &Shell<'_>, username: &str, link: &str) -> Markup {
    let sentence = "Give it to them, and to nobody else: whoever opens it sets the password of the account. It works once, \
                    within an hour, and is not shown again.";
    let content = ask(
        "reset-link-title",
        &format!("Reset link for @{username}"),
        sentence,
        &html! {
            div class="field mt-5" {
                label for="reset-link" { "Link" }
                input.input #reset-link type="text" readonly value=(link);
            }
            (choices(&html! { a.button.secondary href="/admin/users" { "Back to the users" } }))
        },
    );
    page(shell, Tab::Users, &content)
}

/// What else can be done about a person.
fn more(ctx: &Ctx, person: &Person) -> Markup {
    let path = |act: &str| format!("/admin/users/{}/{act}", person.username);
    let form = |act: &str, class: &str, sign: &str, label: &str| {
        html! {
            form method="post" action=(path(act)) {
                (csrf_field(ctx))
                button class=(class) type="submit" data-busy="One moment" { (icon(sign)) span.label { (label) } }
            }
        }
    };
    html! {
        details class="popup flex-none @max-[640px]:ps-13" {
            summary.icon-button aria-label={ "More about " (person.name) } { (icon("ellipsis-vertical")) }
            div.menu {
                (form("reset-link", "", "key-round", "Reset link"))
                (form("end-sessions", "", "log-out", "End all sessions"))
                @if person.ban.is_some() {
                    (form("unban", "", "circle-check", "End the ban"))
                } @else if !person.is_admin {
                    a class="text-bad" href=(path("ban")) { (icon("user-x")) "Ban" }
                }
            }
        }
    }
}

/// Asks why somebody is to be banned.
pub fn ban(shell: &Shell<'_>, person: &Author, reason: &str, errors: &FieldErrors) -> Markup {
    let path = format!("/admin/users/{}/ban", person.username);
    let sentence =
        "They are logged out everywhere at once and cannot log in. What they wrote stays. You can end the ban.";
    let content = ask(
        "ban-title",
        &format!("Ban @{}", person.username),
        sentence,
        &html! {
            form class="mt-5" method="post" action=(path) novalidate {
                (csrf_field(shell.ctx))
                (field(Field {
                    label: "Reason, which they see",
                    name: "reason",
                    value: reason,
                    error: errors.get("reason"),
                    max_length: Some(200),
                    autofocus: true,
                    ..Field::default()
                }))
                (choices(&html! {
                    a.button.ghost href="/admin/users" { "Cancel" }
                    button.button.danger type="submit" data-busy="Banning" { span.label { "Ban" } }
                }))
            }
        },
    );
    page(shell, Tab::Users, &content)
}

fn row(ctx: &Ctx, viewer: &Viewer, person: &Person, admins: i64) -> Markup {
    let last = person.is_admin && admins <= 1;
    let path = format!("/admin/users/{}/role", person.username);
    let reason = format!("last-{}", person.username);
    let (role, action) = if person.is_admin {
        ("member", "Remove as administrator")
    } else {
        ("admin", "Make administrator")
    };
    html! {
        li class="@max-[640px]:flex-wrap @max-[640px]:items-start" {
            (avatar(person.face(), 40))
            div class="min-w-0 flex-1" {
                p class="flex flex-wrap items-center gap-x-2 gap-y-0.5" {
                    bdi class="font-600 wrap-anywhere" { (person.name) } span class="text-13 wrap-anywhere text-t3" { "@" (person.username) }
                    @if person.is_admin { (chip("violet", "Administrator")) }
                    @if person.id == viewer.id { (chip("", "You")) }
                    @if person.ban.is_some() { (chip("bad", "Banned")) }
                }
                @if let Some(reason) = &person.ban { p class="mt-0.5 text-13 wrap-anywhere text-t2" dir="auto" { (reason) } }
                p class="mt-0.5 text-13 wrap-anywhere text-t3" {
                    @if let Some(email) = &person.email { (email) " · " }
                    "joined " time datetime=(person.created_at.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (person.created_at.format("%-d %B %Y")) }
                }
            }
            (more(ctx, person))
            form class="grid flex-none justify-items-end gap-0.5 @max-[640px]:w-full @max-[640px]:justify-items-start @max-[640px]:ps-13" method="post" action=(path) hx-post=(path) hx-include="#q" hx-target="#people" hx-swap="outerHTML" {
                (csrf_field(ctx))
                input type="hidden" name="role" value=(role);
                button id={ "role-" (person.username) } .button.small.(if person.is_admin { "quiet-danger" } else { "secondary" }) type="submit"
                    disabled[last] aria-describedby=[last.then_some(reason.as_str())]
                {
                    (action)
                }
                @if last { p class="text-12 text-t3" id=(reason) { "The last administrator stays one." } }
            }
        }
    }
}
