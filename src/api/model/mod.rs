//! What programs send and read, as it is written in JSON.

mod messages;
mod people;
mod rooms;

pub use messages::*;
pub use people::*;
pub use rooms::*;
