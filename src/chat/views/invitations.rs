//! The rooms that I am invited to.

use maud::{Markup, html};

use super::page;
use crate::accounts::views::names;
use crate::chat::Shell;
use crate::rooms::model::Invitation;
use crate::web::components::{avatar, back_to_chats, csrf_field, empty_state, profile_path};
use crate::web::layout;
use crate::web::lists::show_more;

/// The page. It is asked for again when something about them changed.
pub fn invitations(shell: &Shell<'_>, invitations: &[Invitation], after: Option<&str>, path: &str) -> Markup {
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(&back_to_chats(), "Invitations")) }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div #invitations class="mx-auto max-w-175" hx-get=(path) hx-select="#invitations" hx-swap="outerMorph" hx-trigger="mine:changed from:body" {
                    @if invitations.is_empty() {
                        div.card { (empty_state("No invitations", "Rooms that somebody invites you to stand here until you answer.", &html! {})) }
                    } @else {
                        ul.card.card-list { @for one in invitations { (invitation(shell, one)) } }
                    }
                    (show_more("/invitations", &[], after))
                }
            }
        }
    };
    page(shell, "Invitations", &sheet)
}

fn invitation(shell: &Shell<'_>, one: &Invitation) -> Markup {
    let Invitation { slug, inviter, .. } = one;
    html! {
        li id={ "invitation-" (slug) } class="@max-[560px]:flex-wrap" data-author=(inviter.id) {
            (avatar(inviter.face(), 40))
            div class="min-w-0 flex-1" {
                p class="font-600 wrap-anywhere" dir="auto" { (one.title) }
                p class="mt-0.5 text-13 text-t3" {
                    "Invited by " a class="author named hover:underline" href=(profile_path(&inviter.username)) { (names(inviter)) } " on "
                    time datetime=(one.at.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (one.at.format("%-d %B %Y")) }
                }
            }
            div class="flex flex-none flex-wrap items-center gap-2" {
                @for (action, class, label) in [("accept", "button small primary", "Accept"), ("decline", "button small ghost", "Decline")] {
                    form method="post" action={ "/invitations/" (slug) "/" (action) } {
                        (csrf_field(shell.ctx))
                        button class=(class) type="submit" data-busy="One moment" aria-label={ (label) " the invitation to " (one.title) } {
                            span.label { (label) }
                        }
                    }
                }
            }
        }
    }
}
