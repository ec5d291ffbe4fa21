//! Rooms that somebody can go to.

use super::Kind;
use crate::accounts::model::Author;
use crate::ids::RoomId;

/// A room of somebody, or a public one that they may join.
#[derive(Debug, Clone)]
pub struct OpenRoom {
    /// Which room.
    pub id: RoomId,
    /// What kind of room.
    pub kind: Kind,
    /// Its place in addresses.
    pub slug: String,
    /// Its name; empty for a direct chat, which is called by the other person.
    pub title: String,
    /// Whether it can be read only.
    pub archived: bool,
    /// Whether they are a member.
    pub joined: bool,
    /// The other person of a direct chat.
    pub partner: Option<Author>,
}
