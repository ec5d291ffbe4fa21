//! People in lists, and what can be done about them.

use maud::{Markup, html};

use super::model::{Contact, Relation};
use crate::accounts::model::Author;
use crate::web::Ctx;
use crate::web::components::{avatar, chip, csrf_field, profile_path};
use crate::web::icons::icon;

/// A person in a list; `more` stands below the name.
pub fn contact(ctx: &Ctx, contact: &Contact, more: &Markup) -> Markup {
    let Contact { person, relation, .. } = contact;
    html! {
        li id={ "person-" (person.id) } class="@max-[640px]:flex-wrap" data-author=(person.id) {
            (avatar(person.face(), 40))
            div class="min-w-0 flex-1 @max-[640px]:basis-3/5" {
                p class="wrap-anywhere" {
                    a class="author font-600 text-t1 hover:underline" href=(profile_path(&person.username)) { bdi { (person.name) } }
                    " " span class="text-13 text-t3" { "@" (person.username) }
                }
                @if !more.0.is_empty() { p class="mt-0.5 text-13 text-t3" { (more) } }
            }
            (actions(ctx, person, *relation))
        }
    }
}

/// What I can do about a person, by what they are to me. Each form swaps this for what can be done afterwards.
pub fn actions(ctx: &Ctx, person: &Author, relation: Relation) -> Markup {
    let of_person = |prefix: &str, action: &str| {
        format!(
            "{prefix}{}/{action}",
            profile_path(&person.username).trim_start_matches("/@")
        )
    };
    let request = |action: &str| of_person("/friends/requests/", action);
    let direct = of_person("/chat/with/", "");
    let direct = direct.trim_end_matches('/');
    let name = &person.name;
    html! {
        div class="relation flex flex-none flex-wrap items-center gap-2 @max-[640px]:ps-13" {
            @match relation {
                Relation::Stranger => {
                    (button(ctx, "/friends/requests", Some(&person.username), "button small secondary", "user-plus", "Add friend", &format!("Add {name} as a friend")))
                }
                Relation::Requested => {
                    (chip("", "Waiting"))
                    (button(ctx, &request("cancel"), None, "button small ghost", "", "Cancel", &format!("Cancel the request to {name}")))
                }
                Relation::Asking => {
                    (button(ctx, &request("accept"), None, "button small primary", "", "Accept", &format!("Accept the request of {name}")))
                    (button(ctx, &request("decline"), None, "button small ghost", "", "Decline", &format!("Decline the request of {name}")))
                }
                Relation::Friend => {
                    form method="post" action=(direct) {
                        (csrf_field(ctx))
                        button.button.small.secondary type="submit" aria-label={ "Message " (name) } { (icon("message-circle")) span.label { "Message" } }
                    }
                    (button(ctx, &of_person("/friends/", "remove"), None, "button small ghost", "", "Remove", &format!("Remove {name} from your friends")))
                }
                Relation::Blocked => {
                    (chip("", "Blocked"))
                    (button(ctx, &of_person("/people/", "unblock"), None, "button small secondary", "", "Unblock", &format!("Unblock {name}")))
                }
            }
            @if relation != Relation::Blocked {
                (button(ctx, &of_person("/people/", "block"), None, "button small quiet-danger", "", "Block", &format!("Block {name}")))
            }
        }
    }
}

fn button(ctx: &Ctx, path: &str, username: Option<&str>, class: &str, sign: &str, label: &str, spoken: &str) -> Markup {
    html! {
        form method="post" action=(path) hx-post=(path) hx-target="closest .relation" hx-swap="outerHTML" {
            (csrf_field(ctx))
            @if let Some(username) = username { input type="hidden" name="username" value=(username); }
            button class=(class) type="submit" data-busy="One moment" aria-label=(spoken) {
                @if !sign.is_empty() { (icon(sign)) }
                span.label { (label) }
            }
        }
    }
}
