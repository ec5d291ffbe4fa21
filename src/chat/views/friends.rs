//! The people I know, and how I find others.

use std::collections::HashSet;

use maud::{Markup, html};

use super::page;
use crate::chat::Shell;
use crate::friends::model::{Contact, Contacts, MIN_SEARCH};
use crate::friends::views::contact;
use crate::ids::UserId;
use crate::web::Ctx;
use crate::web::components::{back_to_chats, badge, empty_state, presence};
use crate::web::icons::icon;
use crate::web::layout;
use crate::web::lists::show_more;

/// A part of my people.
#[derive(Debug)]
pub struct Section {
    /// Which part.
    pub list: Contacts,
    /// A page of it.
    pub contacts: Vec<Contact>,
    /// Those of them who are online.
    pub online: HashSet<UserId>,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
}

/// What the search found.
#[derive(Debug, Default)]
pub struct Found {
    /// What was searched for.
    pub q: String,
    /// A page of who was found; None while too little was typed.
    pub contacts: Option<Vec<Contact>>,
    /// `?after=` of the next page, if there is one.
    pub after: Option<String>,
}

/// The page: who waits for me, whom I asked, my friends; over them the search.
pub fn friends(shell: &Shell<'_>, sections: &[Section], path: &str) -> Markup {
    people_page(
        shell,
        "Friends",
        &Found::default(),
        &contacts(shell.ctx, sections, path),
    )
}

/// The page of a search without script.
pub fn search(shell: &Shell<'_>, found: &Found) -> Markup {
    people_page(shell, "Find people", found, &html! {})
}

fn people_page(shell: &Shell<'_>, title: &str, search: &Found, below: &Markup) -> Markup {
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back_to_chats(), "Friends")) }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div class="mx-auto grid max-w-175 grid-cols-1 gap-7" {
                    div class="grid gap-4" {
                    form role="search" method="get" action="/friends/search" {
                        label.visually-hidden for="q" { "Find people" }
                        div.input-group {
                            (icon("search"))
                            input.input #q type="search" name="q" value=(search.q) maxlength="64" autocomplete="off" spellcheck="false"
                                placeholder="Find people by name or @username" hx-get="/friends/search"
                                hx-trigger="input changed delay:200ms" hx-target="#found" hx-swap="outerHTML" hx-sync="this:replace";
                        }
                    }
                    (found(shell.ctx, search))
                    }
                    (below)
                }
            }
        }
    };
    page(shell, title, &sheet)
}

/// Who was found, which the search field swaps as one types.
pub fn found(ctx: &Ctx, found: &Found) -> Markup {
    html! {
        section #found aria-label="Found" {
            div role="status" class="text-t2" {
                @match &found.contacts {
                    None if found.q.is_empty() => {}
                    None => p { "Type at least " (MIN_SEARCH) " characters." }
                    Some(contacts) if contacts.is_empty() => p { "Nobody found. Try the beginning of a name or of a username." }
                    Some(_) => {}
                }
            }
            @if let Some(contacts) = found.contacts.as_ref().filter(|contacts| !contacts.is_empty()) {
                ul.card.card-list { @for one in contacts { (contact(ctx, one, &html! {})) } }
            }
            (show_more("/friends/search", &[("q", &found.q)], found.after.as_deref()))
        }
    }
}

/// My people. They are asked for again when something about them changed.
fn contacts(ctx: &Ctx, sections: &[Section], path: &str) -> Markup {
    html! {
        div #contacts class="grid grid-cols-1 gap-7" hx-get=(path) hx-select="#contacts" hx-swap="outerMorph" hx-trigger="mine:changed from:body" {
            @if sections.iter().all(|section| section.contacts.is_empty()) {
                div.card { (empty_state("Nobody yet", "Find people by their name above, and ask them to be your friends.", &html! {})) }
            }
            @for section in sections { @if !section.contacts.is_empty() { (list(ctx, section)) } }
        }
    }
}

fn list(ctx: &Ctx, section: &Section) -> Markup {
    let (title, id, before) = match section.list {
        Contacts::Asking => ("Waiting for you", "asking", "Asked"),
        Contacts::Requested => ("Sent by you", "requested", "No answer yet · asked"),
        Contacts::Friends => ("Friends", "friends", "Friends since"),
        Contacts::Blocked => ("Blocked", "blocked", "Blocked on"),
    };
    let more = [("list", section.list.as_str())];
    html! {
        section aria-labelledby=(id) {
            div class="mb-3 flex min-h-7 items-center gap-2.5" {
                h2 id=(id) tabindex="-1" { (title) }
                @if section.list == Contacts::Asking && section.after.is_none() { (badge(i64::try_from(section.contacts.len()).unwrap_or_default(), true)) }
            }
            ul.card.card-list {
                @for one in &section.contacts {
                    (contact(ctx, one, &html! {
                        @let is_online = section.online.contains(&one.person.id);
                        @if section.list == Contacts::Friends && (is_online || one.last_seen.is_some()) {
                            (presence(one.person.id, is_online, one.last_seen))
                        } @else if let Some(since) = one.since {
                            (before) " "
                            time datetime=(since.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (since.format("%-d %B %Y")) }
                        }
                    }))
                }
            }
            (show_more("/friends", &more, section.after.as_deref()))
        }
    }
}
