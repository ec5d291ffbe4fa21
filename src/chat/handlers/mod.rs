//! The chat's addresses: rooms, their messages, and the viewer's own style.

pub mod messages;
pub mod rooms;
pub mod style;

use serde::Deserialize;

/// Which page of history is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Page {
    before: Option<i64>,
}
