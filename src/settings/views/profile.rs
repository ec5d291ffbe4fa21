//! My name, and what I say of myself.

use maud::{Markup, html};

use super::heading;
use crate::accounts::model::{MAX_BIO, ProfileForm, profile_path};
use crate::accounts::views::first_wrong;
use crate::error::FieldErrors;
use crate::web::components::{Field, csrf_field, field, text_area};
use crate::web::{Ctx, Viewer};

/// The section: the form as it is stored or as it was typed, with what is wrong.
pub fn profile(ctx: &Ctx, viewer: &Viewer, form: &ProfileForm, errors: &FieldErrors) -> Markup {
    let first_wrong = first_wrong(errors, &["display_name", "first_name", "last_name", "bio"]);
    let name = |label, name, value, autocomplete, hint| Field {
        label,
        name,
        value,
        optional: true,
        hint,
        error: errors.get(name),
        autocomplete: Some(autocomplete),
        max_length: Some(64),
        autofocus: first_wrong == Some(name),
        ..Field::default()
    };
    html! {
        div #profile class="grid gap-6" {
            (heading("Profile", "How others on this server see you."))
            form class="grid gap-5" method="post" action="/settings/profile" hx-post="/settings/profile" hx-target="#profile"
                hx-swap="outerHTML" hx-status:422="target:#profile" novalidate
            {
                (csrf_field(ctx))
                (field(name("Display name", "display_name", &form.display_name, "nickname",
                    Some("Others see this name. Without one they see your first and last name, or else your username."))))
                div class="grid grid-cols-2 items-start gap-3 max-md:grid-cols-1 max-md:gap-5" {
                    (field(name("First name", "first_name", &form.first_name, "given-name", None)))
                    (field(name("Last name", "last_name", &form.last_name, "family-name", None)))
                }
                (text_area(Field {
                    label: "About you",
                    name: "bio",
                    value: &form.bio,
                    optional: true,
                    hint: Some("A few lines, up to 500 characters."),
                    error: errors.get("bio"),
                    max_length: Some(MAX_BIO),
                    autofocus: first_wrong == Some("bio"),
                    ..Field::default()
                }, 4))
                div class="flex flex-wrap items-center gap-2.5" {
                    button #save-profile .button.primary type="submit" data-busy="Saving" { span.label { "Save" } }
                    a.button.ghost href=(profile_path(&viewer.username)) { "See your profile" }
                }
            }
        }
    }
}
