//! The chat's pages: the side bar, the home, a room, and the page to join one.

mod home;
mod room;
mod side_bar;

pub use home::{home, join};
pub use room::{online, room, unsent};
pub use side_bar::{Open, room_row, side_bar};
