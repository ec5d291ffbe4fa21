//! Who belongs to a room, and what its reader can do about it.

use std::collections::HashSet;

use maud::{Markup, html};

use super::page;
use crate::accounts::model::{Author, Username};
use crate::accounts::views::names;
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::rooms::model::{Kind, Member, MemberRole, Membership, path};
use crate::web::components::{Field, avatar, csrf_field, field, profile_path};
use crate::web::icons::icon;
use crate::web::lists::show_more;
use crate::web::words::number;
use crate::web::{Ctx, layout};

/// A page of a room's members.
#[derive(Debug)]
pub struct MembersPage {
    /// The room, through the reader's membership.
    pub membership: Membership,
    /// How many members it has.
    pub total: i64,
    /// Where this page of them is.
    pub path: String,
    /// What was searched for.
    pub q: String,
    /// This page of who was found.
    pub members: Vec<Member>,
    /// Those of them who are online.
    pub online: HashSet<UserId>,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
    /// The username that was typed to add somebody.
    pub typed: String,
    /// What is wrong with it.
    pub errors: FieldErrors,
}

/// The members on a page of their own.
pub fn members_page(shell: &Shell<'_>, shown: &MembersPage) -> Markup {
    let room = &shown.membership.room;
    let back = html! {
        a class="icon-button back -ms-2.5" href=(path(&room.slug)) aria-label="Back to the room" { (icon("arrow-left")) }
    };
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back, &room.title)) }
            div class="min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div class="mx-auto max-w-130" { (members(shell.ctx, shown)) }
            }
        }
    };
    page(shell, &format!("Members · {}", room.title), &sheet)
}

/// People to be named in a message, and everybody, who come first only where they are typed in full: they are not called by
/// mistake.
pub fn suggestions(found: &[Member], may_call: bool, is_call: bool) -> Markup {
    let everybody = html! {
        span class="grid size-6 flex-none place-items-center text-t2" { (icon("users")) }
        span class="min-w-0 truncate" { "Everybody in this room " span.username { "@" (Username::EVERYBODY) } }
    };
    let option = |username: &str, shown: &Markup| {
        html! {
            li id={ "name-" (username) } role="option" aria-selected="false" data-username=(username)
                class="flex min-h-9 cursor-pointer items-center gap-2.5 rounded-row px-2.5 hover:bg-hover aria-selected:bg-selected max-md:min-h-11"
            {
                (shown)
            }
        }
    };
    html! {
        @if may_call && is_call { (option(Username::EVERYBODY, &everybody)) }
        @for Member { person, .. } in found {
            (option(&person.username, &html! { (avatar(person.face(), 24)) span class="min-w-0 truncate" { (names(person)) } }))
        }
        @if may_call && !is_call { (option(Username::EVERYBODY, &everybody)) }
    }
}

/// The members, with a search and, for whom it is open, a way to add somebody.
pub fn members(ctx: &Ctx, shown: &MembersPage) -> Markup {
    let Membership { room, role, .. } = &shown.membership;
    let list = format!("{}/members", path(&room.slug));
    html! {
        section #members class="grid grid-cols-1 gap-4" aria-labelledby="members-title" {
            h2 #members-title tabindex="-1" { "Members " span class="font-400 text-t3 tabular-nums" { (number(shown.total)) } }
            @if room.kind == Kind::Group && role.may_manage() {
                form class="grid grid-cols-1 gap-2" method="post" action=(list) hx-post=(list) hx-target="#members" hx-swap="outerHTML"
                    hx-status:422="swap:outerHTML" novalidate
                {
                    (csrf_field(ctx))
                    (field(Field {
                        label: "Add a friend",
                        name: "username",
                        value: &shown.typed,
                        error: shown.errors.get("username").or(shown.errors.get("form")),
                        autocomplete: Some("off"),
                        placeholder: Some("username"),
                        icon: Some("user-plus"),
                        autofocus: !shown.errors.is_empty(),
                        ..Field::default()
                    }))
                    div { button.button.small.secondary type="submit" data-busy="Adding" { span.label { "Add" } } }
                }
            }
            form role="search" method="get" action=(list) {
                label.visually-hidden for="member-search" { "Search the members" }
                div.input-group {
                    (icon("search"))
                    input.input #member-search type="search" name="q" value=(shown.q) maxlength="64" autocomplete="off" spellcheck="false"
                        placeholder="Search" hx-get=(list) hx-trigger="input changed delay:200ms" hx-target="#member-list"
                        hx-select="#member-list" hx-swap="outerHTML" hx-sync="this:replace";
                }
            }
            (member_list(ctx, shown, &list))
        }
    }
}

/// This page of them, who are online first. In a room it is asked for again when somebody came, went or changed.
fn member_list(ctx: &Ctx, shown: &MembersPage, list: &str) -> Markup {
    let (online, offline): (Vec<_>, Vec<_>) = shown
        .members
        .iter()
        .partition(|member| shown.online.contains(&member.person.id));
    html! {
        div #member-list class="grid grid-cols-1 gap-4" hx-get=(shown.path) hx-select="#member-list" hx-swap="outerMorph" hx-trigger="room:changed delay:1s" {
            @if shown.members.is_empty() { p class="text-t2" role="status" { "Nobody found." } }
            @for (title, is_online, some) in [("Online", true, online), ("Offline", false, offline)] {
                @if !some.is_empty() {
                    div {
                        h3 class="side-label px-0" { (title) }
                        ul { @for one in some { (row(ctx, &shown.membership, one, is_online, list)) } }
                    }
                }
            }
            (show_more(list, &[("q", &shown.q)], shown.after.as_deref()))
        }
    }
}

fn row(ctx: &Ctx, mine: &Membership, Member { person, role }: &Member, is_online: bool, list: &str) -> Markup {
    let is_me = person.id == mine.user;
    html! {
        li id={ "member-" (person.id) } class="flex min-h-11 items-center gap-2.5" data-author=(person.id) {
            span.with-dot { (avatar(person.face(), 32)) span.dot.hollow[!is_online] {} }
            div class="min-w-0 flex-1" {
                p class="truncate" { a class="author font-550 text-t1 hover:underline" href=(profile_path(&person.username)) { bdi { (person.name) } } }
                p class="truncate text-12 text-t3" { "@" (person.username) @if is_me { " · You" } }
            }
            @if let Some(word) = word(*role) { span class="text-12 text-t3" { (word) } }
            (row_actions(ctx, mine, person, *role, list))
        }
    }
}

/// What a role is called; a member is what everybody is.
fn word(role: MemberRole) -> Option<&'static str> {
    match role {
        MemberRole::Owner => Some("Owner"),
        MemberRole::Moderator => Some("Moderator"),
        MemberRole::Member => None,
    }
}

/// What I can do about a member: their role, and putting them out.
fn row_actions(ctx: &Ctx, mine: &Membership, person: &Author, role: MemberRole, list: &str) -> Markup {
    let is_me = person.id == mine.user;
    let of_person = format!("{list}/{}", profile_path(&person.username).trim_start_matches("/@"));
    let may_become = |new: MemberRole| {
        new != role
            && if is_me {
                role.may_become(new)
            } else {
                mine.role.may_promote(role)
            }
    };
    let roles = [
        (MemberRole::Owner, "Make an owner"),
        (
            MemberRole::Moderator,
            if is_me {
                "Become a moderator"
            } else {
                "Make a moderator"
            },
        ),
        (
            MemberRole::Member,
            if is_me { "Become a member" } else { "Make a member" },
        ),
    ];
    let roles: Vec<_> = roles.into_iter().filter(|(new, _)| may_become(*new)).collect();
    let may_remove = mine.role.may_remove(role);
    html! {
        @if may_remove || !roles.is_empty() {
            details.popup {
                summary class="icon-button" aria-label={ "What to do about " (person.name) } { (icon("ellipsis-vertical")) }
                div.menu {
                    @for (new, label) in roles {
                        (action(ctx, &format!("{of_person}/role"), Some(new), "", label))
                    }
                    @if may_remove { (action(ctx, &format!("{of_person}/remove"), None, "quiet-danger", "Remove from the room")) }
                }
            }
        }
    }
}

fn action(ctx: &Ctx, path: &str, role: Option<MemberRole>, class: &str, label: &str) -> Markup {
    html! {
        form method="post" action=(path) hx-post=(path) hx-target="#members" hx-swap="outerHTML" {
            (csrf_field(ctx))
            @if let Some(role) = role { input type="hidden" name="role" value=(role.as_str()); }
            button class=(class) type="submit" data-busy="One moment" { span.label { (label) } }
        }
    }
}
