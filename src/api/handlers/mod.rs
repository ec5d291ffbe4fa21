//! What the addresses do.

pub mod docs;
pub mod members;
pub mod messages;
pub mod rooms;
pub mod tokens;
pub mod uploads;
pub mod users;

use uuid::Uuid;

use crate::accounts::CurrentUser;
use crate::ids::RoomId;
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress};
use crate::{App, Error, Result};

/// The id in an address; what is none names nothing that exists.
fn parse_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| Error::NotFound)
}

/// The room of that id, as one of its members.
async fn enter_by_id(app: &App, user: &CurrentUser, id: &str) -> Result<Membership> {
    enter(app, user.id, RoomAddress::Id(RoomId(parse_id(id)?))).await
}
