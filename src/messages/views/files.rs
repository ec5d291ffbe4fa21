//! Files as they stand in a message, and the page to send some without script.

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::model::MAX_CHARS;
use crate::files::{Details, File, Kind, MOST, Picture, Size};
use crate::ids::{ClientId, FileId};
use crate::rooms::model::{Room, path};
use crate::web::Ctx;
use crate::web::components::{Field, csrf_field, text_area};

use crate::web::icons::icon;

/// What is escaped in the last part of a file's address.
const OUTSIDE_NAMES: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// Into how many pixels a picture is fitted, its width and its height; one of several is smaller.
const ONE: (u32, u32) = (360, 320);
const SEVERAL: (u32, u32) = (240, 180);

/// Where a file is.
pub fn file_path(id: FileId, details: &Details) -> String {
    // These two names are other addresses; what the file is called stands in the answer too.
    let name = match details.name.as_str() {
        "thumbnail" | "delete" => "file",
        name => name,
    };
    format!("/files/{id}/{}", utf8_percent_encode(name, &OUTSIDE_NAMES))
}

/// What goes with a message: pictures beside each other, then everything else.
pub(super) fn files(files: &[File]) -> Markup {
    let is_picture = |file: &&File| file.details.as_ref().is_some_and(|details| details.picture.is_some());
    let (pictures, others): (Vec<_>, Vec<_>) = files.iter().partition(is_picture);
    let room = if pictures.len() == 1 { ONE } else { SEVERAL };
    html! {
        @if !pictures.is_empty() {
            div class="flex flex-wrap items-start gap-1.5" {
                @for file in pictures {
                    @if let Some(details) = &file.details {
                        @if let Some(picture) = &details.picture { (thumbnail(file.id, details, picture, room)) }
                    }
                }
            }
        }
        @for file in others {
            @match &file.details {
                Some(details) => (played_or_saved(file, details)),
                None => p class="flex items-center gap-2 text-t3 italic" { (icon("file")) "File could not be decrypted" },
            }
        }
    }
}

/// The small picture, with the space that it will take while it is not there.
fn thumbnail(id: FileId, details: &Details, picture: &Picture, room: (u32, u32)) -> Markup {
    let (width, height) = fit((picture.width, picture.height), room);
    html! {
        a class="relative block max-w-full overflow-hidden rounded-image border border-line bg-s3" data-picture data-name=(details.name) data-width=(picture.width) data-height=(picture.height) href=(file_path(id, details)) {
            img class="block h-auto max-w-full" src={ "/files/" (id) "/thumbnail" } width=(width) height=(height) alt=(details.name) loading="lazy" decoding="async";
            @if details.content_type == "image/gif" {
                span class="absolute start-1.5 bottom-1.5 rounded-field bg-s1 px-1.5 text-11 font-600 text-t1" { "GIF" }
            }
        }
    }
}

/// Sides in the same ratio that fit into the room; what is small already stays as it is.
fn fit((width, height): (u32, u32), room: (u32, u32)) -> (u32, u32) {
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (most, tallest) = (u64::from(room.0), u64::from(room.1));
    let (mut fitted_width, mut fitted_height) = (width, height);
    if fitted_width > most {
        (fitted_width, fitted_height) = (most, height * most / width);
    }
    if fitted_height > tallest {
        (fitted_width, fitted_height) = (width * tallest / height, tallest);
    }
    let side = |pixels: u64| u32::try_from(pixels.max(1)).unwrap_or(u32::MAX);
    (side(fitted_width), side(fitted_height))
}

fn played_or_saved(file: &File, details: &Details) -> Markup {
    let source = file_path(file.id, details);
    html! {
        @match details.kind() {
            Kind::Audio => audio class="block w-80 max-w-full" controls preload="none" src=(source) aria-label=(details.name) {},
            Kind::Video => video class="block max-h-80 max-w-full rounded-image bg-s3" controls preload="metadata" src=(source) aria-label=(details.name) {},
            Kind::Picture | Kind::Other => {}
        }
        a class="flex min-h-14 w-80 max-w-full items-center gap-3 rounded-field border border-line bg-s2 px-3 py-2 text-t1 no-underline hover:bg-s3" data-file href=(source) download {
            (icon(sign(details.kind())))
            span class="min-w-0 flex-1" {
                bdi class="block truncate text-14 font-550" { (details.name) }
                span class="block text-12 text-t2" { (label(details)) " · " (file.size) }
            }
            (icon("download"))
        }
    }
}

fn sign(kind: Kind) -> &'static str {
    match kind {
        Kind::Picture => "image",
        Kind::Audio => "music",
        Kind::Video => "film",
        Kind::Other => "file",
    }
}

/// What kind of file it calls itself.
fn label(details: &Details) -> String {
    details
        .name
        .ending()
        .map_or_else(|| "File".to_owned(), str::to_uppercase)
}

/// What was typed into the form for files, and why it was not sent.
#[derive(Debug)]
pub struct FilesForm {
    /// The text.
    pub body: String,
    /// The id that it will be stored under, once, however often the form is sent.
    pub client_id: ClientId,
    /// Why not.
    pub error: Option<String>,
}

impl Default for FilesForm {
    fn default() -> Self {
        Self {
            body: String::new(),
            client_id: ClientId::new(),
            error: None,
        }
    }
}

/// Sends files with a text, for pages without script: the browser shows how far it is.
pub fn files_form(ctx: &Ctx, room: &Room, max_upload: u64, typed: &FilesForm) -> Markup {
    let room_path = path(&room.slug);
    html! {
        form class="card mx-auto grid w-full max-w-120 gap-4 p-6" method="post" action={ (room_path) "/files" } enctype="multipart/form-data" {
            (csrf_field(ctx))
            input type="hidden" name="client_id" value=(typed.client_id);
            // Before the files: what comes after one that is refused is not read.
            input type="hidden" name="send" value="on";
            h2 class="text-18 font-600" { "Send files" }
            (text_area(Field { label: "Message", name: "body", value: &typed.body, optional: true, max_length: u16::try_from(MAX_CHARS).ok(), ..Field::default() }, 3))
            div.field {
                label for="files" { "Files" }
                input #files class="input file:me-3 file:font-600 file:text-accent" type="file" name="file" multiple required aria-invalid=[typed.error.as_ref().map(|_| "true")] aria-describedby="files-note";
                @if let Some(error) = &typed.error {
                    p.field-error #files-note { (icon("circle-alert")) span { (error) } }
                } @else {
                    p.hint #files-note { "Up to " (MOST) " files, each of at most " (Size(max_upload)) ". Where JPEG, PNG, GIF and WebP pictures were taken is not kept." }
                }
            }
            div class="flex flex-wrap justify-end gap-3" {
                a.button.ghost href=(room_path) { "Cancel" }
                button.button.primary type="submit" { (icon("arrow-up")) span.label { "Send" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_fitted_and_keep_their_ratio() {
        assert_eq!(fit((4000, 3000), ONE), (360, 270));
        assert_eq!(fit((3000, 4000), ONE), (240, 320));
        assert_eq!(fit((100, 50), ONE), (100, 50));
        assert_eq!(fit((12_000, 1), ONE), (360, 1));
        assert_eq!(fit((1, 12_000), ONE), (1, 320));
    }
}
