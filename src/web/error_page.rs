//! What an error looks like: a page with the eclipse, or one line for htmx. `web::errors` decides which.

use maud::{Markup, html};
use poem::http::StatusCode;

use super::components::{alert, csrf_field};
use super::context::{Ctx, Viewer};
use super::icons::icon;
use super::layout;
use super::typed_form::{TypedForm, fields_again, typed_text};

/// Of the forms that are refused with 403, only those of an old page are shown again.
const STALE: &str = "The page was out of date, so nothing was done yet. Look at what you typed, and send it again.";

/// The page of an error. `sentence` takes the place of the standard one where the error brings its own words;
/// `again` is the local address to try once more, empty after a request that a link cannot repeat.
pub fn error_page(ctx: &Ctx, status: StatusCode, sentence: Option<&str>, again: &str) -> Markup {
    let below = html! { div class="mt-7 flex flex-wrap justify-center gap-3" { (way_on(status, again)) } };
    page(ctx, status, sentence, &below)
}

/// The page of an error for whoever sent a form: what they typed, and a way to send it again. Where it is known as whom,
/// that is said: it may be somebody else than when they began to type.
pub fn refused_form(
    ctx: &Ctx,
    status: StatusCode,
    sentence: Option<&str>,
    form: &TypedForm,
    reader: Option<&Viewer>,
) -> Markup {
    let is_stale = status == StatusCode::FORBIDDEN;
    let sentence = if is_stale { Some(STALE) } else { sentence };
    let below = html! {
        div class="mt-6 w-full" { (typed_text(form)) }
        @if let Some(reader) = reader { p class="mt-4" { "You are logged in as " "@" (reader.username) "." } }
        form class="mt-6 flex flex-wrap justify-center gap-3" method="post" action=(form.action()) {
            (csrf_field(ctx))
            (fields_again(form))
            button.button.large.primary type="submit" { (icon("refresh-cw")) span.label { "Send again" } }
            a.button.large.secondary href="/chat/" { (icon("message-circle")) "Back to the chats" }
        }
    };
    page(ctx, status, sentence, &below)
}

fn page(ctx: &Ctx, status: StatusCode, sentence: Option<&str>, below: &Markup) -> Markup {
    let (title, standard) = words(status);
    let above = html! { p class="mt-3 text-13 font-550 text-t3" { "Error " (status.as_u16()) } };
    let below = html! {
        (below)
        @if status.is_server_error() && !ctx.request_id.is_empty() {
            p class="mt-6 text-13 text-t3" { "Request " code { (ctx.request_id) } }
        }
    };
    layout::eclipsed(ctx, title, above, sentence.unwrap_or(standard), below)
}

/// The same for a request of htmx: one alert, to stand where the answer would have stood.
pub fn error_fragment(ctx: &Ctx, status: StatusCode, sentence: Option<&str>) -> Markup {
    let (title, standard) = words(status);
    let mut text = format!("{title}. {}", sentence.unwrap_or(standard));
    if status.is_server_error() && !ctx.request_id.is_empty() {
        text = format!("{text} Request {}.", ctx.request_id);
    }
    alert("bad", &text)
}

/// What is said of a status where the error brings no words of its own.
pub fn standard_sentence(status: StatusCode) -> &'static str {
    words(status).1
}

/// Title and sentence of a status. What went wrong inside is never told here; the log has it under the request id.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        403 => (
            "This was refused",
            "The page may be too old. Go back, load it again and try once more.",
        ),
        404 => (
            "This page lies in the dark",
            "It was moved or deleted, it never was here, or it is not open to you.",
        ),
        405 => (
            "This does not work that way",
            "The address exists, but not for this kind of request.",
        ),
        409 => (
            "This cannot be done right now",
            "Something changed in the meantime. Go back and look again.",
        ),
        413 => ("This is too large", "Send less at once."),
        429 => ("Too many at once", "Wait a moment, then try again."),
        503 => (
            "The server is busy",
            "It cannot do that right now. Nothing is lost. Try again in a moment.",
        ),
        500..=599 => (
            "Something went wrong here",
            "It is not your fault. Try again; if it happens again, tell your administrator the number below.",
        ),
        _ => (
            "This request did not work",
            "The server could not make sense of it. Go back and try again.",
        ),
    }
}

fn way_on(status: StatusCode, again: &str) -> Markup {
    let may_pass = matches!(status.as_u16(), 429 | 500..=599);
    html! {
        @if may_pass && !again.is_empty() {
            a.button.large.primary href=(again) { (icon("refresh-cw")) "Try again" }
            a.button.large.secondary href="/chat/" { (icon("message-circle")) "Back to the chats" }
        } @else {
            a.button.large.primary href="/chat/" { (icon("message-circle")) "Back to the chats" }
            a.button.large.secondary href="/" { (icon("house")) "Start page" }
        }
    }
}
