//! Changing a message: the form that takes the composer's place, and the question before one is deleted.

use maud::{Markup, html};

use super::super::model::{MAX_CHARS, MessageView};
use crate::ids::Seq;
use crate::rooms::model::{message_path, path};
use crate::web::Ctx;
use crate::web::components::{ask, choices, csrf_field};
use crate::web::icons::icon;

/// What stands in the form.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// Which message.
    pub seq: Seq,
    /// Of which version the text was.
    pub version: i32,
    /// The text.
    pub body: &'a str,
    /// Why it was not saved.
    pub error: Option<&'a str>,
}

/// The form to change a message. While it is there the composer is hidden, and keeps what was typed into it.
pub fn editor(ctx: &Ctx, slug: &str, edit: Edit<'_>) -> Markup {
    let Edit {
        seq,
        version,
        body,
        error,
    } = edit;
    let room = path(slug);
    let action = format!("{room}/messages/{seq}");
    html! {
        form #editor .composer method="post" action=(action) hx-post=(action) hx-swap="outerHTML"
            hx-status:409="swap:outerHTML" hx-status:422="swap:outerHTML"
        {
            (csrf_field(ctx))
            input type="hidden" name="version" value=(version);
            div class="composer-box relative flex-wrap" {
                p class="flex w-full items-center gap-2 text-13 text-t2" {
                    (icon("pencil")) span class="flex-1" { "Change your message" }
                    a.icon-button data-cancel href=(message_path(slug, seq)) aria-label="Cancel" title="Cancel" { (icon("x")) }
                }
                label.visually-hidden for="editor-body" { "Your message" }
                textarea #editor-body name="body" rows="1" required dir="auto" data-max=(MAX_CHARS) enterkeyhint="enter" autofocus
                    aria-invalid=[error.map(|_| "true")] aria-describedby="editor-error" { "\n" (body) }
                button.send type="submit" aria-label="Save" { (icon("check")) }
            }
            p #editor-error role="alert" class="px-4 pt-1.5 text-13 text-bad empty:hidden" { @if let Some(error) = error { (error) } }
        }
    }
}

/// What asks before a message is deleted, in a dialog or on a page of its own.
pub fn delete_question(ctx: &Ctx, slug: &str, message: &MessageView) -> Markup {
    let room = path(slug);
    let action = format!("{room}/messages/{}/delete", message.seq);
    let in_dialog = ctx.htmx.then_some(&action);
    let sentence = "It is gone for everybody, for good. That there was a message stays to be seen.";
    let back = message_path(slug, message.seq);
    ask(
        "delete-message",
        "Delete this message?",
        sentence,
        &html! {
            @if let Some(body) = &message.body {
                blockquote class="mt-4 line-clamp-4 rounded-field border border-line bg-s2 px-3.5 py-3 text-t2 wrap-anywhere" dir="auto" { (body) }
            }
            form method="post" action=(action) hx-post=[in_dialog] hx-swap="none" {
                (csrf_field(ctx))
                (choices(&html! {
                    a.button.ghost href=(back) data-close autofocus { "Keep" }
                    button.button.danger type="submit" data-busy="Deleting" { span.label { "Delete" } }
                }))
            }
        },
    )
}
