//! The chat's addresses: rooms, their messages, and the viewer's own style.

pub mod messages;
pub mod rooms;
pub mod style;

use serde::Deserialize;
use uuid::Uuid;

/// Which page of history is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Page {
    before: Option<i64>,
    /// Of which room, whatever the address means by now.
    room: Option<Uuid>,
}
