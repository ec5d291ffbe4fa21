//! What everybody with an account may know of a person.

use maud::{Markup, html};

use super::page;
use crate::accounts::model::Profile;
use crate::chat::Shell;
use crate::ids::UserId;
use crate::web::components::{avatar, back_to_chats};

/// The page at `/@<username>`.
pub fn profile(shell: &Shell<'_>, shown: &Profile) -> Markup {
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            header class="flex min-h-15 flex-none items-center gap-1 border-b border-line ps-5.5 pe-3 max-md:box-content max-md:min-h-14.5 max-md:ps-2.5 max-md:pt-safe-top" {
                (back_to_chats())
                h1 class="text-16 font-650 tracking-tight" { "Profile" }
            }
            div class="min-h-0 flex-1 overflow-y-auto overscroll-contain p-6 max-md:p-4" {
                (profile_card(shell.viewer.id, shown, &html! {}))
            }
        }
    };
    page(shell, &shown.name, &sheet)
}

/// The same as a card that stands over the page.
pub fn profile_in_dialog(reader: UserId, shown: &Profile) -> Markup {
    profile_card(
        reader,
        shown,
        &html! { button.button.ghost type="button" data-close { "Close" } },
    )
}

fn profile_card(reader: UserId, shown: &Profile, action: &Markup) -> Markup {
    let is_own = shown.id == reader;
    html! {
        section.card data-author=(shown.id) class="mx-auto w-full max-w-110 p-6" aria-labelledby="profile-name" {
            div class="flex items-center gap-4" {
                (avatar(shown.face(), 72))
                div class="min-w-0" {
                    h2 #profile-name class="author wrap-anywhere" tabindex="-1" { bdi { (shown.name) } }
                    p class="wrap-anywhere text-t2" { "@" (shown.username) }
                }
            }
            @if !shown.form.bio.is_empty() {
                p class="mt-5 text-15 whitespace-pre-wrap wrap-anywhere" dir="auto" { (shown.form.bio) }
            }
            p class="mt-5 text-13 text-t3" {
                "Here since "
                time datetime=(shown.created_at.format("%Y-%m-%dT%H:%M:%SZ")) data-format="date" { (shown.created_at.format("%-d %B %Y")) }
            }
            @if is_own || !action.0.is_empty() {
                div class="mt-5 flex flex-wrap justify-end gap-2" {
                    (action)
                    @if is_own { a.button.secondary href="/settings/profile" { "Edit profile" } }
                }
            }
        }
    }
}
