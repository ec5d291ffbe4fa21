//! Files that go with a message: how they are chosen, what shows them until it is sent, and the large view of a picture.
//! What happens in them stands in `assets/js/attachments.js` and `assets/js/lightbox.js`.

use maud::{Markup, html};

use crate::rooms::model::path;
use crate::web::icons::icon;

/// Chooses files; without script it leads to a page with a form for them.
pub(super) fn attach_button(slug: &str) -> Markup {
    html! {
        a #attach class="icon-button -ms-2.5 touch:-my-0.75" href={ (path(slug)) "/files" } aria-label="Attach files" title="Attach files" { (icon("paperclip")) }
    }
}

/// The files that go with the next message. The field has no name, because its files are sent before the message is.
pub(super) fn tray(max_upload: u64) -> Markup {
    html! {
        input #attach-input type="file" multiple hidden data-max=(max_upload);
        // The button to send is as bright as with text.
        ul #attachments aria-label="Files to send" hidden
            class="flex max-h-[30dvh] w-full flex-wrap gap-2 overflow-y-auto py-1 pe-3 [scrollbar-width:thin] [&:not([hidden])~.send]:bg-accent-solid [&:not([hidden])~.send]:text-on-solid" {}
        p #attaching class="w-full pe-3 text-13 text-t2 empty:hidden" {}
        template #attachment { (attachment()) }
    }
}

/// One of them, as the script clones it.
fn attachment() -> Markup {
    html! {
        li class="flex w-full min-w-0 items-center gap-2.5 rounded-tile border border-line bg-s1 p-1.5 md:w-[calc(50%-4px)]" {
            span class="grid size-10 flex-none place-items-center overflow-hidden rounded-row bg-s3 text-t2" {
                (icon("file"))
                canvas class="size-full" width="80" height="80" hidden aria-hidden="true" {}
            }
            div class="min-w-0 flex-1" {
                p data-name class="truncate text-14" dir="auto" {}
                p data-size class="text-12 text-t2 tabular-nums" {}
                progress class="mt-1 block h-1 w-full appearance-none overflow-hidden rounded-full border-0 bg-s3 [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-s3 [&::-webkit-progress-value]:bg-accent" value="0" max="1" aria-label="Upload" {}
                p data-problem class="text-13 wrap-anywhere text-bad empty:hidden" {}
            }
            button.icon-button data-retry type="button" hidden title="Try again" { (icon("rotate-ccw")) }
            button.icon-button data-remove type="button" title="Remove" { (icon("x")) }
        }
    }
}

/// Covers the conversation while files are dragged over it.
pub fn drop_hint() -> Markup {
    html! {
        div #drop-hint hidden class="absolute inset-2 z-20 grid place-items-center rounded-card border-2 border-dashed border-accent bg-sheet p-4 text-center text-16 font-600 text-accent" {
            p class="flex items-center gap-2" { (icon("paperclip")) "Drop files here to send them" }
        }
    }
}

/// Shows the pictures of the conversation, one at a time, as large as they fit.
pub fn lightbox() -> Markup {
    html! {
        dialog #lightbox aria-labelledby="lightbox-name"
            class="m-0 h-dvh max-h-none w-full max-w-none flex-col bg-sky p-0 text-t1 open:flex backdrop:bg-transparent"
        {
            div class="flex flex-none items-center gap-3 px-3 pt-[max(8px,env(safe-area-inset-top))] pb-2" {
                p class="flex min-w-0 flex-1 items-baseline gap-3" aria-live="polite" {
                    span #lightbox-name class="min-w-0 truncate text-14 font-600" dir="auto" {}
                    span #lightbox-place class="flex-none text-13 text-t2 tabular-nums" {}
                }
                a #lightbox-download class="button secondary small w-auto flex-none" href="" download { (icon("download")) "Download" }
                button.icon-button data-close type="button" aria-label="Close" title="Close" { (icon("x")) }
            }
            div class="relative flex min-h-0 flex-1 items-center justify-center px-2 pb-[max(8px,env(safe-area-inset-bottom))]" {
                img #lightbox-picture class="h-auto max-h-full max-w-full rounded-image object-contain" alt="";
                button data-step="-1" class="icon-button absolute start-3 top-1/2 -translate-y-1/2 border-line! bg-s3! shadow-2" type="button" aria-label="Previous picture" title="Previous picture" { (icon("arrow-left")) }
                button data-step="1" class="icon-button absolute end-3 top-1/2 -translate-y-1/2 border-line! bg-s3! shadow-2" type="button" aria-label="Next picture" title="Next picture" { (icon("arrow-right")) }
            }
        }
    }
}
