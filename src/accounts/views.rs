//! The cards of log-in, sign-up and setup, and how people are named.

mod links;

use maud::{Markup, html};

pub use links::{
    ask_reset, choose_password, confirm_email, confirmation_over, email_confirmed, reset_asked, reset_by_administrator,
    reset_done, reset_over,
};

use super::model::{Author, CONSENT_VERSION, ConsentForm, LogInForm, SignUpForm};
use super::queries::Consent;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Field, alert, checkbox, csrf_field, field, password_field, profile_path};
use crate::web::errors::with_next;
use crate::web::icons::icon;
use crate::web::layout;
use crate::web::session::Lifetime;
use crate::web::typed_form::{TypedForm, typed_text};

/// What the privacy page says that the version before it did not.
const NEWS: [&str; 4] = [
    "The network address that each login came from is stored with it, for you to recognise it.",
    "A cookie says which accounts you have logged in to with this browser.",
    "You can hide that you are online.",
    "You can download everything that is stored about you.",
];

const WHERE_THE_CODE_IS: &str = "The terminal where UmbraChat was started prints the address with this code.";

/// A person among others: the name, and the username, because somebody else may have the same name.
pub fn names(person: &Author) -> Markup {
    html! { bdi { (person.name) } @if !person.is_erased() { " " span.username { "@" (person.username) } } }
}

/// The same, leading to the person's profile, where there is one. It is no stop of the Tab key: behind hundreds of messages
/// nobody would reach the composer. The list of members leads to the profiles as well.
pub fn linked_names(person: &Author) -> Markup {
    html! {
        @if person.is_erased() {
            b.author { (names(person)) }
        } @else {
            a.author href=(profile_path(&person.username)) tabindex="-1" { (names(person)) }
        }
    }
}

/// The page on which somebody makes an account.
pub fn sign_up(ctx: &Ctx, form: &SignUpForm, errors: &FieldErrors) -> Markup {
    let first = first_wrong(
        errors,
        &["first_name", "last_name", "username", "email", "password", "consent"],
    );
    let card = html! {
        (card_title("Create your account", &html! { "Already have one? " a class="font-550 hover:underline" href=(with_next("/accounts/login", &form.next)) { "Log in" } }))
        form class="grid gap-5" method="post" action="/accounts/signup" novalidate {
            (csrf_field(ctx))
            @if !form.next.is_empty() { input type="hidden" name="next" value=(form.next); }
            (form_id(form))
            (form_error(errors))
            (person(form, errors, first.unwrap_or("first_name")))
            (consent(form, errors))
            (submit(if form.invite().is_some() { "Create account and join the room" } else { "Create account" }, "Creating"))
        }
    };
    layout::card(ctx, "Create your account", card)
}

/// The page on which somebody logs in, by username or e-mail address.
pub fn log_in(ctx: &Ctx, form: &LogInForm, errors: &FieldErrors) -> Markup {
    // After a refusal the name is known already: the password is what has to be typed again.
    let again = errors.get("login").is_none() && !form.login.is_empty();
    let refused = TypedForm::from_field(&form.again);
    let card = html! {
        (card_title("Log in", &html! {
            @if refused.is_some() {
                "You are not logged in any more. What you typed is kept: log in, and it is in its place again."
            } @else {
                "New here? " a class="font-550 hover:underline" href=(with_next("/accounts/signup", &form.next)) { "Create an account" }
            }
        }))
        @if let Some(refused) = &refused { div class="-mt-2 mb-6" { (typed_text(refused)) } }
        form class="grid gap-5" method="post" action="/accounts/login" novalidate {
            (csrf_field(ctx))
            @if !form.next.is_empty() { input type="hidden" name="next" value=(form.next); }
            @if refused.is_some() { input type="hidden" name="again" value=(form.again); }
            (form_error(errors))
            (field(Field {
                label: "Username or e-mail",
                name: "login",
                value: &form.login,
                error: errors.get("login"),
                autocomplete: Some("username"),
                max_length: Some(254),
                autofocus: !again,
                ..Field::default()
            }))
            (password_field(Field {
                label: "Password",
                name: "password",
                error: errors.get("password"),
                autocomplete: Some("current-password"),
                autofocus: again,
                ..Field::default()
            }, false))
            p class="text-13" { a class="font-550 hover:underline" href="/accounts/reset" { "Forgot your password?" } }
            (checkbox("remember", form.lifetime() == Lifetime::Device, false, &html! { "Stay logged in on this device for 30 days" }, None))
            (submit("Log in", "Logging in"))
        }
    };
    layout::card(ctx, "Log in", card)
}

/// The page on which the first administrator makes their account, with the one-time code from the start.
pub fn setup(ctx: &Ctx, form: &SignUpForm, errors: &FieldErrors) -> Markup {
    let order = [
        "code",
        "first_name",
        "last_name",
        "username",
        "email",
        "password",
        "consent",
    ];
    let focus = first_wrong(errors, &order).unwrap_or(if form.code.is_empty() { "code" } else { "first_name" });
    let card = html! {
        (card_title("Set up UmbraChat", &html! { "Make the first account. It is the administrator's: it makes the rooms and can appoint others." }))
        form class="grid gap-5" method="post" action="/setup" novalidate {
            (csrf_field(ctx))
            (form_id(form))
            (form_error(errors))
            (code_field(&form.code, Some(WHERE_THE_CODE_IS), errors.get("code"), focus == "code"))
            (person(form, errors, focus))
            (consent(form, errors))
            (submit("Create the administrator", "Creating"))
        }
    };
    layout::card(ctx, "Set up", card)
}

/// What an empty server shows to somebody who comes without the code: where it is, and a field for it.
pub fn setup_waiting(ctx: &Ctx) -> Markup {
    let card = html! {
        (card_title("Almost there", &html! { "This server is new and has no account yet. The first one needs the one-time code that only its owner can see." }))
        div class="mb-6 flex gap-3 rounded-image border border-line bg-s2 px-4 py-3.5 text-t2" {
            span class="mt-px text-accent" { (icon("terminal")) }
            p {
                "The terminal where UmbraChat was started prints the address, with the code in it. It looks like this:"
                code class="mt-1.5 block text-13 text-t1" { "/setup?code=…" }
            }
        }
        form class="grid gap-5" method="post" action="/setup" {
            (csrf_field(ctx))
            (code_field("", None, None, true))
            (submit("Go on", "One moment"))
        }
    };
    layout::card(ctx, "Set up", card)
}

/// The page that asks for consent again; `before` is what its reader agreed to.
pub fn consent_again(ctx: &Ctx, form: &ConsentForm, before: Option<&Consent>, errors: &FieldErrors) -> Markup {
    let why = html! {
        @if let Some(consent) = before {
            "On " (consent.at.format("%-d %B %Y")) " you agreed to its version " (consent.version) ". "
        }
        "This is version " (CONSENT_VERSION) "."
    };
    let card = html! {
        (card_title("The privacy page has changed", &why))
        h2 class="text-15 font-600" { "What is new" }
        ul class="mt-1.5 mb-6 grid list-disc gap-1 ps-5 text-15 text-t2" {
            @for line in NEWS { li { (line) } }
        }
        form class="grid gap-5" method="post" action="/consent" novalidate {
            (csrf_field(ctx))
            @if !form.next.is_empty() { input type="hidden" name="next" value=(form.next); }
            (checkbox("consent", form.has_consent(), true, &consent_label(), errors.get("consent")))
            (submit("Agree and go on", "One moment"))
        }
        div class="mt-6 border-t border-line pt-5" {
            p class="text-t2" { "If you do not agree: see what is stored about you and take it along, or log out. Nothing is deleted meanwhile." }
            form class="mt-4 flex flex-wrap gap-2" method="post" action="/accounts/logout" {
                (csrf_field(ctx))
                a.button.secondary href="/settings/data" { "Privacy and data" }
                button.button.ghost type="submit" data-busy="Logging out" { span.label { "Log out" } }
            }
        }
    };
    layout::card(ctx, "The privacy page has changed", card)
}

fn card_title(title: &str, below: &Markup) -> Markup {
    html! {
        h1 { (title) }
        p class="mt-1 mb-6 text-15 text-t2" { (below) }
    }
}

fn code_field(value: &str, hint: Option<&str>, error: Option<&str>, autofocus: bool) -> Markup {
    field(Field {
        label: "One-time code",
        name: "code",
        value,
        hint,
        error,
        autocomplete: Some("one-time-code"),
        icon: Some("key-round"),
        max_length: Some(128),
        autofocus,
        ..Field::default()
    })
}

/// Names, username, e-mail and password: what sign-up and setup both ask for. `focus` names the field to start at.
fn person(form: &SignUpForm, errors: &FieldErrors, focus: &str) -> Markup {
    html! {
        div class="grid grid-cols-2 items-start gap-3" {
            (field(Field {
                label: "First name",
                name: "first_name",
                value: &form.first_name,
                error: errors.get("first_name"),
                autocomplete: Some("given-name"),
                max_length: Some(64),
                autofocus: focus == "first_name",
                ..Field::default()
            }))
            (field(Field {
                label: "Last name",
                name: "last_name",
                value: &form.last_name,
                optional: true,
                error: errors.get("last_name"),
                autocomplete: Some("family-name"),
                max_length: Some(64),
                autofocus: focus == "last_name",
                ..Field::default()
            }))
        }
        (field(Field {
            label: "Username",
            name: "username",
            value: &form.username,
            hint: Some("3 to 32 letters, digits, _ and . with a letter first. Others see it."),
            error: errors.get("username"),
            autocomplete: Some("username"),
            icon: Some("at-sign"),
            max_length: Some(32),
            autofocus: focus == "username",
            ..Field::default()
        }))
        (field(Field {
            label: "E-mail",
            name: "email",
            value: &form.email,
            kind: "email",
            optional: true,
            hint: Some("Another way to log in. Only administrators see it."),
            error: errors.get("email"),
            autocomplete: Some("email"),
            placeholder: Some("you@example.org"),
            max_length: Some(254),
            autofocus: focus == "email",
            ..Field::default()
        }))
        (password_field(Field {
            label: "Password",
            name: "password",
            hint: Some("At least 10 characters. A few unrelated words work well."),
            error: errors.get("password"),
            autocomplete: Some("new-password"),
            autofocus: focus == "password",
            ..Field::default()
        }, true))
    }
}

fn consent(form: &SignUpForm, errors: &FieldErrors) -> Markup {
    checkbox(
        "consent",
        form.has_consent(),
        true,
        &consent_label(),
        errors.get("consent"),
    )
}

fn consent_label() -> Markup {
    html! {
        "I have read the " a class="underline" href="/privacy" target="_blank" { "privacy page" }
        " and agree that my account and my messages are stored on this server, encrypted as it says there."
    }
}

fn form_id(form: &SignUpForm) -> Markup {
    html! { input type="hidden" name="form_id" value=(form.form_id.0) autocomplete="off"; }
}

fn form_error(errors: &FieldErrors) -> Markup {
    html! { @if let Some(sentence) = errors.get("form") { (alert("bad", sentence)) } }
}

/// The one primary button of a card; `busy` takes the place of its words while the form is on its way.
fn submit(label: &str, busy: &str) -> Markup {
    html! { button.button.primary.large.wide type="submit" data-busy=(busy) { span.label { (label) } } }
}

/// The first field in the page's order that is wrong.
pub fn first_wrong<'a>(errors: &FieldErrors, order: &[&'a str]) -> Option<&'a str> {
    order.iter().copied().find(|name| errors.get(name).is_some())
}
