//! What stands around every page inside the application.

use super::mine::{self, Mine};
use crate::accounts::CurrentUser;
use crate::ids::RoomId;
use crate::rooms::model::RoomList;
use crate::rooms::queries::list_public_rooms;
use crate::web::{Ctx, Viewer};
use crate::{App, Result};

/// Which entry of the side bar is the open page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// The chat home or a person: no entry.
    Home,
    /// A room.
    Room(RoomId),
    /// The people I know.
    Friends,
    /// The rooms that I am invited to.
    Invitations,
    /// The settings.
    Settings,
    /// The administration.
    Admin,
}

/// Who reads the page, and what the side bar shows them: loaded once per page, and handed to its views.
#[derive(Debug)]
pub struct Shell<'a> {
    /// The request.
    pub ctx: &'a Ctx,
    /// The reader.
    pub viewer: &'a Viewer,
    /// The origins whose pages may send.
    pub origins: &'a [String],
    /// How many bytes a file may have.
    pub max_upload: u64,
    /// The public rooms.
    pub rooms: RoomList,
    /// What is the reader's own.
    pub mine: Mine,
    /// The open entry.
    pub open: Open,
}

impl<'a> Shell<'a> {
    /// Loads the list of rooms for this page of that person.
    pub async fn load(app: &'a App, ctx: &'a Ctx, user: &'a CurrentUser, open: Open) -> Result<Self> {
        let mut connection = app.db.acquire().await?;
        let rooms = list_public_rooms(&mut *connection, user.id).await?;
        let mine = mine::load(app, &mut connection, &[user.id]).await?.remove(&user.id);
        Ok(Self {
            ctx,
            viewer: &user.viewer,
            origins: &app.origins,
            max_upload: app.config.max_upload,
            rooms,
            mine: mine.unwrap_or_default(),
            open,
        })
    }
}
