//! The cards of forgotten passwords and of links in mails.

use maud::{Markup, html};

use super::{card_title, form_error, submit};
use crate::accounts::model::ResetForm;
use crate::accounts::queries::TokenOwner;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, csrf_field, field, password_field};
use crate::web::layout;

const FORGOTTEN: &str = "Forgot your password?";
const OVER: &str = "This link does not work any more";

/// Asks whose password is forgotten.
pub fn ask_reset(ctx: &Ctx, form: &ResetForm, errors: &FieldErrors) -> Markup {
    let card = html! {
        (card_title(FORGOTTEN, &html! { "A link to choose a new one is mailed to the confirmed address of your account." }))
        form class="grid gap-5" method="post" action="/accounts/reset" novalidate {
            (csrf_field(ctx))
            (form_error(errors))
            (field(Field {
                label: "Username or e-mail",
                name: "login",
                value: &form.login,
                error: errors.get("login"),
                autocomplete: Some("username"),
                max_length: Some(254),
                autofocus: true,
                ..Field::default()
            }))
            (submit("Send the link", "Sending"))
        }
    };
    layout::card(ctx, FORGOTTEN, card)
}

/// Says the same whoever was asked for.
pub fn reset_asked(ctx: &Ctx) -> Markup {
    let below = html! {
        "If there is such an account and it has a confirmed e-mail address, a link is on its way there. It works for an hour. "
        "Without such an address, ask an administrator."
    };
    notice(
        ctx,
        "Look into your mail",
        &below,
        ("/accounts/login", "Back to the log-in"),
    )
}

/// Says who helps where no mail is sent.
pub fn reset_by_administrator(ctx: &Ctx) -> Markup {
    let below = html! { "This server is not set up to send mail. Ask an administrator: they can give you a link to choose a new password." };
    notice(ctx, FORGOTTEN, &below, ("/accounts/login", "Back to the log-in"))
}

/// The form behind a link.
pub fn choose_password(ctx: &Ctx, token: &str, username: &str, errors: &FieldErrors) -> Markup {
    let card = html! {
        (card_title("Choose a new password", &html! { "For the account @" (username) ". All sessions end with it." }))
        form class="grid gap-5" method="post" action={ "/accounts/reset/" (token) } novalidate {
            (csrf_field(ctx))
            (form_error(errors))
            (password_field(Field {
                label: "New password",
                name: "password",
                hint: Some("At least 10 characters. A few unrelated words work well."),
                error: errors.get("password"),
                autocomplete: Some("new-password"),
                autofocus: true,
                ..Field::default()
            }, true))
            (submit("Set the password", "Setting"))
        }
    };
    layout::card(ctx, "Choose a new password", card)
}

/// Says that a password was set.
pub fn reset_done(ctx: &Ctx) -> Markup {
    let below = html! { "All sessions of the account have ended. Log in with the new password." };
    notice(ctx, "Your password is changed", &below, ("/accounts/login", "Log in"))
}

/// Says that a link to choose a new password is used, too old, or none.
pub fn reset_over(ctx: &Ctx) -> Markup {
    let below = html! { "A link works once, within an hour. If you still need a new password, ask for another one." };
    notice(ctx, OVER, &below, ("/accounts/reset", "Ask for a new link"))
}

/// The button behind a link in a mail.
pub fn confirm_email(ctx: &Ctx, token: &str, owner: &TokenOwner) -> Markup {
    let email = owner.email.as_deref().unwrap_or_default();
    let card = html! {
        (card_title("Confirm your address", &html! {
            "Is " span class="font-600 wrap-anywhere" { (email) } " the address of your account @" (owner.username)
            "? If that account is not yours, close this page."
        }))
        form class="grid gap-5" method="post" action={ "/accounts/email/verify/" (token) } {
            (csrf_field(ctx))
            (submit("Yes, confirm it", "Confirming"))
        }
    };
    layout::card(ctx, "Confirm your address", card)
}

/// Says that an address was confirmed.
pub fn email_confirmed(ctx: &Ctx) -> Markup {
    let below = html! { "You can log in with it, and it brings you back in when you forget your password." };
    notice(ctx, "Your address is confirmed", &below, ("/chat/", "To the chats"))
}

/// Says that a link to confirm an address is used, too old, or none.
pub fn confirmation_over(ctx: &Ctx) -> Markup {
    let below = html! { "A link works once, within an hour. Your settings tell whether the address is confirmed, and mail another one." };
    notice(ctx, OVER, &below, ("/settings/email", "To the settings"))
}

fn notice(ctx: &Ctx, title: &str, below: &Markup, (href, label): (&str, &str)) -> Markup {
    let card = html! {
        (card_title(title, below))
        a.button.primary.large.wide href=(href) { (label) }
    };
    layout::card(ctx, title, card)
}
