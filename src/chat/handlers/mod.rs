//! The chat's addresses: rooms, the ways into them, their messages, members and settings, people, the quick switcher, and the
//! viewer's own style.

pub mod editing;
pub mod friends;
pub mod invitations;
pub mod invites;
pub mod members;
pub mod messages;
pub mod own_rooms;
pub mod profile;
pub mod room_settings;
pub mod rooms;
pub mod style;
pub mod switcher;

use serde::Deserialize;
use uuid::Uuid;

use crate::ids::{Change, RoomId, Seq};
use crate::messages::model::Cursor;
use crate::rooms::model::RoomAddress;

/// Which page of history is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Page {
    before: Option<i64>,
    event: Option<i64>,
    /// Of which room, whatever the address means by now.
    room: Option<Uuid>,
}

impl Page {
    /// The room that is asked for by this slug.
    fn address<'a>(&self, slug: &'a str) -> RoomAddress<'a> {
        self.room
            .map_or(RoomAddress::Slug(slug), |id| RoomAddress::Id(RoomId(id)))
    }

    /// Where it ends.
    fn end(&self) -> Option<Cursor> {
        let event = self.event.map(Change);
        self.before.map(|seq| Cursor {
            before: Seq(seq),
            event,
        })
    }
}
