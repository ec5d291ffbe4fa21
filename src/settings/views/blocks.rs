//! Whom I block.

use maud::{Markup, html};

use super::heading;
use crate::friends::model::Contact;
use crate::friends::views::contact;
use crate::web::Ctx;
use crate::web::lists::show_more;

/// The section.
pub fn blocks(ctx: &Ctx, contacts: &[Contact], after: Option<&str>) -> Markup {
    html! {
        (heading("Blocked people", "They cannot ask you or write to you alone, and their messages are folded. They are not told."))
        div {
            @if contacts.is_empty() {
                p class="text-t2" { "You block nobody. Whom you want to block has a profile with a button for it." }
            } @else {
                ul.card.card-list { @for one in contacts { (contact(ctx, one, &html! {})) } }
            }
            (show_more("/settings/blocks", &[], after))
        }
    }
}
