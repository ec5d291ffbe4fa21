//! The chat's addresses: rooms, the ways into them, their messages, members and settings, people, the quick switcher, and the
//! viewer's own style.

pub mod downloads;
pub mod editing;
pub mod files;
pub mod friends;
pub mod invitations;
pub mod invites;
pub mod members;
pub mod messages;
pub mod own_rooms;
pub mod profile;
pub mod reactions;
pub mod room_settings;
pub mod rooms;
pub mod style;
pub mod switcher;

use chrono::NaiveDate;
use serde::Deserialize;
use uuid::Uuid;

use crate::ids::{Change, RoomId, Seq};
use crate::messages::history::PAGE_MESSAGES;
use crate::messages::model::Cursor;
use crate::rooms::model::RoomAddress;

/// Which page of history is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Page {
    /// What comes after that message.
    after: Option<i64>,
    /// What stands around the first message of that day (UTC), or else the one that comes next.
    date: Option<NaiveDate>,
    /// What stands around that message.
    around: Option<i64>,
    /// What comes before that message.
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
        let after = self.after.map(|seq| seq.saturating_add(PAGE_MESSAGES + 1));
        let around = self.around.map(|seq| seq.saturating_add(PAGE_MESSAGES / 2));
        self.before.or(after).or(around).map(|seq| Cursor {
            before: Seq(seq),
            event,
        })
    }

    /// Where the same page is, as a query with its `?`; nothing for the newest.
    fn query(&self) -> String {
        let query = self.end().map(|cursor| format!("?{}", cursor.query()));
        query.unwrap_or_default()
    }
}
