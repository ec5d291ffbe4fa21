//! What everybody with an account may know of a person.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::page;
use crate::accounts::model::{Author, Profile};
use crate::chat::Shell;
use crate::friends::model::Relation;
use crate::friends::views::actions;
use crate::web::Ctx;
use crate::web::components::{avatar, back_to_chats, presence};
use crate::web::layout;

/// Whether somebody is online, and when they were last, for a reader who may know it.
type Seen = Option<(bool, Option<DateTime<Utc>>)>;

/// The page at `/@<username>`.
pub fn profile(shell: &Shell<'_>, shown: &Profile, relation: Option<Relation>, seen: Seen) -> Markup {
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back_to_chats(), "Profile")) }
            div class="min-h-0 flex-1 overflow-y-auto overscroll-contain p-6 max-md:p-4" {
                (profile_card(shell.ctx, shown, relation, seen, &html! {}))
            }
        }
    };
    page(shell, &shown.name, &sheet)
}

/// The same as a card that stands over the page.
pub fn profile_in_dialog(ctx: &Ctx, shown: &Profile, relation: Option<Relation>, seen: Seen) -> Markup {
    profile_card(
        ctx,
        shown,
        relation,
        seen,
        &html! { button.button.ghost type="button" data-close { "Close" } },
    )
}

/// Without a relation it is the reader's own.
fn profile_card(ctx: &Ctx, shown: &Profile, relation: Option<Relation>, seen: Seen, action: &Markup) -> Markup {
    let person = Author {
        id: shown.id,
        username: shown.username.clone(),
        name: shown.name.clone(),
        picture: shown.picture,
    };
    html! {
        section data-author=(shown.id) class="card mx-auto w-full max-w-110 p-6" aria-labelledby="profile-name" {
            div class="flex items-center gap-4" {
                (avatar(shown.face(), 72))
                div class="min-w-0" {
                    h2 #profile-name class="author wrap-anywhere" tabindex="-1" { bdi { (shown.name) } }
                    p class="wrap-anywhere text-t2" { "@" (shown.username) }
                    @if let Some((is_online, last_seen)) = seen {
                        p class="mt-1 text-13 text-t2" { (presence(shown.id, is_online, last_seen)) }
                    }
                }
            }
            @if !shown.form.bio.is_empty() {
                p class="mt-5 text-15 whitespace-pre-wrap wrap-anywhere" dir="auto" { (shown.form.bio) }
            }
            p class="mt-5 text-13 text-t3" {
                "Here since "
                time datetime=(shown.created_at.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (shown.created_at.format("%-d %B %Y")) }
            }
            div class="mt-5 flex flex-wrap items-center justify-end gap-2" {
                (action)
                @match relation {
                    Some(relation) => (actions(ctx, &person, relation)),
                    None => a.button.secondary href="/settings/profile" { "Edit profile" },
                }
            }
        }
    }
}
