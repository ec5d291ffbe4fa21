//! How people are let into a room: who is invited, the links, and the page behind a link.

use maud::{Markup, html};

use super::page;
use crate::accounts::views::names;
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::rooms::model::{Invite, Invited, Kind, Membership, OpenedInvite, Room, path};
use crate::web::components::{Field, alert, avatar, csrf_field, field, profile_path};
use crate::web::errors::with_next;
use crate::web::icons::icon;
use crate::web::lists::show_more;
use crate::web::{Ctx, Viewer, layout};

/// What the page shows.
#[derive(Debug)]
pub struct InvitesPage {
    /// The room, as its reader's.
    pub membership: Membership,
    /// A page of who is invited.
    pub invited: Vec<Invited>,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
    /// The links that are good.
    pub links: Vec<Invite>,
}

/// What its forms send. Kept as typed, to be shown again.
#[derive(Debug, Default)]
pub struct InvitesForm {
    /// Who is to be invited.
    pub username: String,
    /// How long a link is good.
    pub expires: String,
    /// How many people it lets in.
    pub uses: String,
}

const PERIODS: [(&str, &str); 4] = [
    ("1h", "One hour"),
    ("1d", "One day"),
    ("7d", "Seven days"),
    ("never", "For ever"),
];

/// The page of a room.
pub fn invites(shell: &Shell<'_>, shown: &InvitesPage, form: &InvitesForm, errors: &FieldErrors) -> Markup {
    let room = &shown.membership.room;
    let content = html! {
        @if let Some(error) = errors.get("form") { (alert("bad", error)) }
        @if room.kind == Kind::Private { (people(shell.ctx, room, shown, form, errors)) }
        (links(shell.ctx, room, &shown.links, form, errors))
    };
    room_page(shell, room, "Invite people", &content)
}

/// A link that was made, which is never shown again.
pub fn invite_made(shell: &Shell<'_>, room: &Room, link: &str) -> Markup {
    let content = html! {
        section class="card p-6" aria-labelledby="invite-title" {
            h2 #invite-title { "Your link is ready" }
            p class="mt-2 text-t2" { "Whoever opens it can join the room. Copy it now: it is not shown again." }
            div class="field mt-5" {
                label for="invite-link" { "Link" }
                input.input #invite-link type="text" readonly value=(link);
            }
            div class="mt-5 flex flex-wrap justify-end gap-2" {
                button.button.primary type="button" hidden data-copy="invite-link" { "Copy" }
                a.button.secondary href={ (path(&room.slug)) "/invites" } { "Done" }
            }
        }
    };
    room_page(shell, room, "New link", &content)
}

fn room_page(shell: &Shell<'_>, room: &Room, title: &str, content: &Markup) -> Markup {
    let address = path(&room.slug);
    let back = html! {
        a class="icon-button back -ms-2.5" href=(address) aria-label="Back to the room" { (icon("arrow-left")) }
    };
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back, title)) }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div class="mx-auto grid max-w-175 grid-cols-1 gap-7" {
                    p class="text-15 wrap-anywhere text-t2" { "Into " bdi class="font-600" { (room.title) } }
                    (content)
                }
            }
        }
    };
    page(shell, title, &sheet)
}

fn people(ctx: &Ctx, room: &Room, shown: &InvitesPage, form: &InvitesForm, errors: &FieldErrors) -> Markup {
    let address = path(&room.slug);
    html! {
        section class="grid gap-3" aria-labelledby="invited" {
            h2 #invited { "By invitation" }
            form class="grid gap-3" method="post" action={ (address) "/members" } novalidate {
                (csrf_field(ctx))
                (field(Field {
                    label: "Username",
                    name: "username",
                    value: &form.username,
                    hint: Some("They find the invitation in their side bar, and join when they accept it."),
                    error: errors.get("username"),
                    autocomplete: Some("off"),
                    icon: Some("at-sign"),
                    max_length: Some(33),
                    autofocus: errors.get("username").is_some(),
                    ..Field::default()
                }))
                div { button.button.primary type="submit" data-busy="Inviting" { (icon("user-plus")) span.label { "Invite" } } }
            }
            @if !shown.invited.is_empty() {
                ul.card.card-list {
                    @for Invited { person, at } in &shown.invited {
                        li class="@max-[560px]:flex-wrap" data-author=(person.id) {
                            (avatar(person.face(), 40))
                            div class="min-w-0 flex-1" {
                                p class="wrap-anywhere" { a class="author named font-600 hover:underline" href=(profile_path(&person.username)) { (names(person)) } }
                                p class="mt-0.5 text-13 text-t3" {
                                    "No answer yet · invited on "
                                    time datetime=(at.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (at.format("%-d %B %Y")) }
                                }
                            }
                            form method="post" action={ (address) "/invitations/" (profile_path(&person.username).trim_start_matches("/@")) "/withdraw" } {
                                (csrf_field(ctx))
                                button.button.small.ghost type="submit" data-busy="One moment" aria-label={ "Withdraw the invitation of " (person.name) } { span.label { "Withdraw" } }
                            }
                        }
                    }
                }
                (show_more(&format!("{address}/invites"), &[], shown.after.as_deref()))
            }
        }
    }
}

fn links(ctx: &Ctx, room: &Room, links: &[Invite], form: &InvitesForm, errors: &FieldErrors) -> Markup {
    let address = path(&room.slug);
    let expires = if form.expires.is_empty() { "7d" } else { &form.expires };
    let uses = if form.uses.is_empty() { "0" } else { &form.uses };
    html! {
        section class="grid gap-3" aria-labelledby="links" {
            h2 #links { "By a link" }
            form class="grid gap-3" method="post" action={ (address) "/invites" } novalidate {
                (csrf_field(ctx))
                div.field {
                    label for="field-expires" { "Good for" }
                    select.input #field-expires name="expires" aria-invalid=[errors.get("expires").map(|_| "true")] {
                        @for (value, name) in PERIODS { option value=(value) selected[value == expires] { (name) } }
                    }
                    @if let Some(error) = errors.get("expires") { p.field-error { (icon("circle-alert")) span { (error) } } }
                }
                (field(Field {
                    label: "For how many people",
                    name: "uses",
                    value: uses,
                    kind: "number",
                    hint: Some("0 lets in any number."),
                    error: errors.get("uses"),
                    ..Field::default()
                }))
                div { button.button.secondary type="submit" data-busy="Making" { (icon("plus")) span.label { "Make a link" } } }
            }
            @if !links.is_empty() {
                ul.card.card-list { @for link in links { (link_row(ctx, &address, link)) } }
            }
        }
    }
}

fn link_row(ctx: &Ctx, address: &str, link: &Invite) -> Markup {
    html! {
        li class="@max-[560px]:flex-wrap" {
            (avatar(link.maker.face(), 40))
            div class="min-w-0 flex-1" data-author=(link.maker.id) {
                p class="wrap-anywhere" { "Made by " span.author.named { (names(&link.maker)) } }
                p class="mt-0.5 text-13 text-t3" {
                    @match link.max_uses {
                        Some(most) => { (link.uses) " of " (most) " people came in" }
                        None => { (link.uses) " came in" }
                    }
                    " · "
                    @match link.expires_at {
                        Some(at) => {
                            "good until "
                            time datetime=(at.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (at.format("%-d %B %Y")) }
                        }
                        None => "good for ever",
                    }
                }
            }
            form method="post" action={ (address) "/invites/" (link.id) "/revoke" } {
                (csrf_field(ctx))
                button.button.small.quiet-danger type="submit" data-busy="One moment" aria-label={ "Revoke the link of " (link.maker.name) } { span.label { "Revoke" } }
            }
        }
    }
}

/// What a link leads to. Who is not logged in is in the room after a sign-up, and comes back to it after a log-in.
pub fn invite(ctx: &Ctx, viewer: Option<&Viewer>, invite: &OpenedInvite) -> Markup {
    let card = html! {
        h1 class="wrap-anywhere" { "Join " bdi { (invite.title) } }
        p class="mt-1 mb-6 text-15 wrap-anywhere text-t2" { (names(&invite.maker)) " invites you into this room." }
        @if let Some(viewer) = viewer {
            form class="grid gap-5" method="post" action=(ctx.path) {
                (csrf_field(ctx))
                button.button.primary.large.wide type="submit" autofocus data-busy="Joining" { span.label { "Join the room" } }
            }
            p class="mt-4 text-13 text-t3" { "You are logged in as @" (viewer.username) "." }
        } @else {
            div class="grid gap-3" {
                a.button.primary.large.wide href=(with_next("/accounts/signup", &ctx.path)) { "Create an account" }
                a.button.secondary.large.wide href=(with_next("/accounts/login", &ctx.path)) { "Log in" }
            }
            p class="mt-4 text-13 text-t3" { "With a new account you are in the room at once. After a log-in you come back here, and can join." }
        }
    };
    layout::card(ctx, &format!("Join {}", invite.title), card)
}
