//! My name, my picture, and what I say of myself.

use maud::{Markup, html};

use super::heading;
use crate::accounts::model::{MAX_BIO, ProfileForm};
use crate::accounts::views::first_wrong;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::components::{Face, Field, avatar, csrf_field, field, profile_path, text_area};
use crate::web::icons::icon;

/// The section: the picture, then the form as it is stored or as it was typed, with what is wrong.
pub fn profile(ctx: &Ctx, face: Face<'_>, form: &ProfileForm, errors: &FieldErrors) -> Markup {
    html! {
        div class="grid gap-6" {
            (heading("Profile", "How others on this server see you."))
            (picture(ctx, face, errors))
            (profile_form(ctx, face, form, errors))
        }
    }
}

/// The picture, and the form to choose another one. The script lets one choose the part to show; without it that is the
/// middle.
pub fn picture(ctx: &Ctx, face: Face<'_>, errors: &FieldErrors) -> Markup {
    let error = errors.get("picture");
    html! {
        div #picture data-author=(face.id) class="card flex flex-wrap items-start gap-5 p-5" {
            div { (avatar(face, 72)) }
            div class="grid min-w-0 flex-1 basis-60 gap-4" {
                form class="grid gap-4" method="post" action="/settings/picture" enctype="multipart/form-data"
                    hx-post="/settings/picture" hx-target="#picture" hx-swap="outerHTML" hx-status:422="target:#picture" x-data="crop"
                {
                    // The token comes first: without script nothing is read before it.
                    (csrf_field(ctx))
                    div.field {
                        label for="field-picture" { "Picture" }
                        input #field-picture class="input file:me-3 file:font-600 file:text-accent" type="file" name="picture" required accept="image/jpeg,image/png,image/gif,image/webp"
                            aria-invalid=[error.map(|_| "true")] aria-describedby="picture-note" x-on:change="choose";
                        @if let Some(error) = error {
                            p.field-error #picture-note { (icon("circle-alert")) span { (error) } }
                        } @else {
                            p.hint #picture-note { "JPEG, PNG, GIF or WebP, up to 5 MB. Where it was taken is not kept." }
                        }
                    }
                    div class="grid justify-items-start gap-2" hidden x-bind:hidden="closed" {
                        canvas class="size-48 cursor-grab touch-none rounded-full bg-field" width="288" height="288" tabindex="0" role="img" x-ref="canvas"
                            aria-label="The part that others see. Drag it, or move it with the arrow keys; plus and minus zoom."
                            x-on:pointerdown="grab" x-on:pointermove="drag" x-on:pointerup="drop" x-on:pointercancel="drop"
                            x-on:wheel="wheel" x-on:keydown="key" {}
                        label class="flex items-center gap-2.5 text-13 text-t2" {
                            "Zoom" input type="range" min="1" max="5" step="0.05" x-bind:value="zoom" x-on:input="slide";
                        }
                    }
                    @for name in ["x", "y", "size"] { input type="hidden" name=(name) x-bind:value=(name) disabled x-bind:disabled="closed"; }
                    div { button #save-picture .button.secondary type="submit" data-busy="Saving" { span.label { "Save picture" } } }
                }
                @if face.picture.is_some() {
                    form method="post" action="/settings/picture/delete" hx-post="/settings/picture/delete" hx-target="#picture" hx-swap="outerHTML" {
                        (csrf_field(ctx))
                        button.button.small.quiet-danger type="submit" data-busy="Removing" { (icon("trash-2")) span.label { "Remove the picture" } }
                    }
                }
            }
        }
    }
}

/// The form.
pub fn profile_form(ctx: &Ctx, face: Face<'_>, form: &ProfileForm, errors: &FieldErrors) -> Markup {
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
            form #profile class="grid gap-5" method="post" action="/settings/profile" hx-post="/settings/profile"
                hx-target="#profile" hx-swap="outerHTML" hx-status:422="target:#profile" novalidate
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
                    a.button.ghost href=(profile_path(face.username)) { "See your profile" }
                }
            }
    }
}
