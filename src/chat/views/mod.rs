//! The chat's pages: the side bar, the home, a room, and the page to join one.

mod home;
mod room;
mod side_bar;

pub use home::{home, join};
pub use room::{online, room, unsent};
pub use side_bar::room_row;

use maud::Markup;

use super::Shell;
use crate::web::layout;

/// A page inside the application: the sheet beside the side bar.
pub fn page(shell: &Shell<'_>, title: &str, sheet: Markup) -> Markup {
    layout::shell(shell.ctx, title, side_bar::side_bar(shell), sheet)
}
