//! The pages of the settings: a list of sections, and beside it (on a phone: after it) the one that is open.

mod api;
mod appearance;
mod blocks;
mod data;
mod email;
mod password;
mod profile;
mod sessions;

use maud::{Markup, html};

pub use api::{ApiPage, api, api_key_made};
pub use appearance::appearance;
pub use blocks::blocks;
pub use data::{DataForm, DataPage, data, switches};
pub use email::{EmailPage, email};
pub use password::password;
pub use profile::{picture, profile, profile_form};
pub use sessions::{SessionsPage, sessions};

use crate::chat::{self, Shell};
use crate::web::components::back_to_chats;
use crate::web::icons::icon;
use crate::web::layout;

/// The sections, in the order of their list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// My name, and what I say of myself.
    Profile,
    /// Night, dawn, or as the system says.
    Appearance,
    /// My address.
    Email,
    /// A new password.
    Password,
    /// Where I am logged in.
    Sessions,
    /// The programs that act for me, and their keys.
    Api,
    /// Whom I block.
    Blocks,
    /// What others see of me, and what is stored about me.
    Data,
}

/// Each section with its address, its icon and its name.
const SECTIONS: [(Section, &str, &str, &str); 8] = [
    (Section::Profile, "/settings/profile", "user", "Profile"),
    (Section::Appearance, "/settings/appearance", "palette", "Appearance"),
    (Section::Email, "/settings/email", "at-sign", "E-mail"),
    (Section::Password, "/settings/password", "key-round", "Password"),
    (Section::Sessions, "/settings/sessions", "monitor", "Sessions"),
    (Section::Api, "/settings/api", "terminal", "Programs"),
    (Section::Blocks, "/settings/blocks", "user-x", "Blocked people"),
    (Section::Data, "/settings/data", "shield", "Privacy and data"),
];

/// One section.
pub fn page(shell: &Shell<'_>, open: Section, content: &Markup) -> Markup {
    let title = SECTIONS
        .iter()
        .find(|(section, ..)| *section == open)
        .map_or("", |(_, _, _, name)| name);
    let back = html! {
        a class="icon-button back -ms-2.5 md:hidden" href="/settings" aria-label="Back to the settings" { (icon("arrow-left")) }
    };
    frame(
        shell,
        &format!("{title} · Settings"),
        &back,
        ("max-md:hidden", ""),
        Some(open),
        content,
    )
}

/// All sections. On a wide screen `content`, the first one, stands beside the list.
pub fn list(shell: &Shell<'_>, first: Section, content: &Markup) -> Markup {
    frame(
        shell,
        "Settings",
        &back_to_chats(),
        ("", "max-md:hidden"),
        Some(first),
        content,
    )
}

/// `(list, content)` are the classes that hide either on a phone.
fn frame(
    shell: &Shell<'_>,
    title: &str,
    back: &Markup,
    (list, content_class): (&str, &str),
    open: Option<Section>,
    content: &Markup,
) -> Markup {
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            div class="flex-none border-b border-line" { (layout::sheet_header(back, "Settings")) }
            div class="flex min-h-0 flex-1" {
                nav class={ "w-50 flex-none border-e border-line p-2.5 max-md:w-full max-md:border-0 " (list) } aria-label="Settings" {
                    ul class="grid gap-0.5" {
                        @for (section, href, sign, name) in SECTIONS {
                            @let here = open == Some(section);
                            li { a.row.open[here] href=(href) aria-current=[here.then_some("page")] {
                                span.tile { (icon(sign)) }
                                span.row-text { span.row-name { (name) } }
                            } }
                        }
                    }
                }
                div class={ "@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))] " (content_class) } {
                    div class="mx-auto grid max-w-170 grid-cols-1 gap-7" { (content) }
                }
            }
        }
    };
    chat::views::page(shell, title, &sheet)
}

/// What a section begins with.
fn heading(title: &str, lead: &str) -> Markup {
    html! {
        header {
            h2 class="text-24 font-680 tracking-title" tabindex="-1" { (title) }
            p class="mt-1 text-t2" { (lead) }
        }
    }
}
