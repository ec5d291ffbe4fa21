//! The question for the password, before an administrator's act is carried out.

use maud::{Markup, html};

use super::{Tab, page};
use crate::chat::Shell;
use crate::error::FieldErrors;
use crate::web::components::{Field, alert, ask, choices, csrf_field, password_field};
use crate::web::typed_form::fields_again;
use crate::web::{Ctx, TypedForm};

/// The question as a page, under the tab that the act belongs to.
pub fn confirmation_page(shell: &Shell<'_>, form: &TypedForm, errors: &FieldErrors) -> Markup {
    let tab = match shell.ctx.path.split('/').nth(2) {
        Some("rooms") => Tab::Rooms,
        Some("users") => Tab::Users,
        Some("jobs") => Tab::Jobs,
        _ => Tab::Overview,
    };
    page(shell, tab, &confirmation(shell.ctx, form, None, errors))
}

/// The question alone. Its form is sent as `form` was; what comes of it stands in `target` then, else a whole page follows.
pub fn confirmation(ctx: &Ctx, form: &TypedForm, target: Option<&str>, errors: &FieldErrors) -> Markup {
    let in_dialog = target.map(|_| form.action());
    ask(
        "confirm-title",
        "Confirm it is you",
        "You last gave your password more than 15 minutes ago. Give it again, and what you were about to do is done.",
        &html! {
            form class="mt-5 grid gap-3" method="post" action=(form.action()) hx-post=[in_dialog] hx-target=[target]
                hx-swap="outerHTML" hx-status:422="target:#question" novalidate
            {
                (csrf_field(ctx))
                (fields_again(form))
                @if let Some(sentence) = errors.get("form") { (alert("bad", sentence)) }
                (password_field(Field {
                    label: "Your password",
                    name: "password",
                    scope: "confirm-",
                    error: errors.get("password"),
                    autocomplete: Some("current-password"),
                    autofocus: true,
                    ..Field::default()
                }, false))
                (choices(&html! {
                    a.button.ghost href="/admin/" data-close { "Cancel" }
                    button.button.primary type="submit" data-busy="One moment" { span.label { "Confirm" } }
                }))
            }
        },
    )
}
