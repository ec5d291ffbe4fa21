//! The HTML of mails: plain, without a theme and without anything that would be loaded.

use maud::{DOCTYPE, Markup, html};

use super::Mail;

/// The whole document.
pub(super) fn html(mail: &Mail) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (mail.subject) }
            }
            body style="margin:0;padding:24px;font:16px/1.5 sans-serif" {
                div style="max-width:34em" {
                    @for paragraph in &mail.paragraphs { p { (paragraph) } }
                    @if let Some((label, address)) = &mail.link {
                        p { a href=(address) style="font-weight:bold" { (label) } }
                        p style="font-size:13px;word-break:break-all" { (address) }
                    }
                    @for note in &mail.notes { p style="font-size:13px" { (note) } }
                }
            }
        }
    }
}
