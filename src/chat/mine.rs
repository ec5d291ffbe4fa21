//! What of the side bar is one person's own.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;

use crate::ids::{RoomId, UserId};
use crate::rooms::model::{MyRoom, Unread};
use crate::{App, Result, friends, rooms};

/// What stands in one person's side bar beside the public rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mine {
    /// Requests that wait for an answer.
    pub requests: i64,
    /// Rooms that they are invited to.
    pub invitations: i64,
    /// Rooms that are not public, the one with the newest message first.
    pub rooms: Vec<MyRoom>,
    /// The friends among the others of the direct chats who are online.
    pub online: HashSet<UserId>,
    /// What waits in each room of theirs, public ones too.
    pub unread: HashMap<RoomId, Unread>,
}

/// What is each of these people's own.
pub async fn load(app: &App, db: &mut PgConnection, people: &[UserId]) -> Result<HashMap<UserId, Mine>> {
    let requests = friends::queries::count_requests(&mut *db, people).await?;
    let mut mine: HashMap<UserId, Mine> = HashMap::with_capacity(people.len());
    for (user, requests) in requests {
        mine.entry(user).or_default().requests = requests;
    }
    for (user, invitations) in rooms::queries::count_invitations(&mut *db, people).await? {
        mine.entry(user).or_default().invitations = invitations;
    }
    for (user, room) in rooms::queries::list_own_rooms(&mut *db, people).await? {
        mine.entry(user).or_default().rooms.push(room);
    }
    for (user, unread) in rooms::queries::list_unread(db, people).await? {
        mine.entry(user).or_default().unread.insert(unread.room, unread);
    }
    for mine in mine.values_mut() {
        let friends = mine.rooms.iter().filter(|room| room.is_friend);
        let friends = friends.filter_map(|room| Some(room.partner.as_ref()?.id));
        mine.online = app.presence.online_among(friends);
    }
    Ok(mine)
}
