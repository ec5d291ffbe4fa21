//! The form for a new password.

use maud::{Markup, html};

use super::heading;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, alert, csrf_field, password_field};

/// The section; `changed` says that it was just done.
pub fn password(ctx: &Ctx, errors: &FieldErrors, changed: bool) -> Markup {
    html! {
        div #password class="grid gap-6" {
            (heading("Password", "Changing it ends all other sessions. This one stays."))
            @if changed { (alert("ok", "Your password is changed, and all other sessions have ended.")) }
            @if let Some(sentence) = errors.get("form") { (alert("bad", sentence)) }
            form class="card grid gap-5 p-6" method="post" action="/settings/password" novalidate {
                (csrf_field(ctx))
                (password_field(Field {
                    label: "Current password",
                    name: "current_password",
                    error: errors.get("current_password"),
                    autocomplete: Some("current-password"),
                    autofocus: errors.get("current_password").is_some(),
                    ..Field::default()
                }, false))
                (password_field(Field {
                    label: "New password",
                    name: "password",
                    hint: Some("At least 10 characters. A few unrelated words work well."),
                    error: errors.get("password"),
                    autocomplete: Some("new-password"),
                    autofocus: errors.get("current_password").is_none() && errors.get("password").is_some(),
                    ..Field::default()
                }, true))
                div { button.button.primary type="submit" data-busy="Changing" { span.label { "Change password" } } }
            }
        }
    }
}
