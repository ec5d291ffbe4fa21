//! The e-mail address, and the form for another one.

use maud::{Markup, html};

use super::heading;
use crate::accounts::model::EmailForm;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, alert, chip, csrf_field, field, password_field};

/// What the section shows.
#[derive(Debug)]
pub struct EmailPage {
    /// The address, if there is one.
    pub email: Option<String>,
    /// Whether its owner has confirmed it.
    pub is_verified: bool,
    /// Whether a link was mailed just now.
    pub is_mailed: bool,
    /// Whether this server sends mails.
    pub has_mail: bool,
}

/// The section, with what was typed.
pub fn email(ctx: &Ctx, page: &EmailPage, form: &EmailForm, errors: &FieldErrors) -> Markup {
    html! {
        div #email class="grid gap-6" {
            (heading("E-mail", "Another way to log in, and the way back in when you forget your password. Only administrators see it."))
            @if page.is_mailed {
                (alert("ok", "Look into your mail: the address is yours once you open the link there, within an hour."))
            }
            @if !page.has_mail {
                (alert("warn", "This server is not set up to send mail: links lie in its data directory. Ask an administrator."))
            }
            @if let Some(sentence) = errors.get("form") { (alert("bad", sentence)) }
            p {
                @if let Some(email) = &page.email {
                    span class="font-600 wrap-anywhere" { (email) } " "
                    @if page.is_verified { (chip("ok", "Confirmed")) } @else { (chip("warn", "Not confirmed")) }
                } @else {
                    span class="text-t2" { "You have given no address." }
                }
            }
            form class="card grid gap-5 p-6" method="post" action="/settings/email" novalidate {
                (csrf_field(ctx))
                (field(Field {
                    label: "Address",
                    name: "email",
                    kind: "email",
                    value: if form.email.is_empty() && !page.is_verified { page.email.as_deref().unwrap_or_default() } else { &form.email },
                    hint: Some("A link is mailed there. Until you open it, everything stays as it is."),
                    error: errors.get("email"),
                    autocomplete: Some("email"),
                    placeholder: Some("you@example.org"),
                    max_length: Some(254),
                    autofocus: errors.get("email").is_some(),
                    ..Field::default()
                }))
                (password_field(Field {
                    label: "Password",
                    name: "password",
                    error: errors.get("password"),
                    autocomplete: Some("current-password"),
                    autofocus: errors.get("email").is_none() && errors.get("password").is_some(),
                    ..Field::default()
                }, false))
                div { button.button.primary type="submit" data-busy="Sending" { span.label { "Send the link" } } }
            }
        }
    }
}
