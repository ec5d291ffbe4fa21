//! What the addresses do.

pub mod docs;
pub mod members;
pub mod messages;
pub mod rooms;
pub mod tokens;
pub mod uploads;
pub mod users;

use poem::Request;
use uuid::Uuid;

use crate::accounts::CurrentUser;
use crate::ids::RoomId;
use crate::rooms::actions::enter;
use crate::rooms::model::{Kind, Membership, RoomAddress};
use crate::{App, Error, Result};

/// The id in an address; what is none names nothing that exists.
fn parse_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| Error::NotFound)
}

/// The room of that id, as one of its members, if it is one of those that the address is about.
async fn enter_by_id(app: &App, user: &CurrentUser, request: &Request, id: &str) -> Result<Membership> {
    let membership = enter(app, user.id, RoomAddress::Id(RoomId(parse_id(id)?))).await?;
    if kinds(request).contains(&membership.room.kind) {
        Ok(membership)
    } else {
        Err(Error::NotFound)
    }
}

/// The kinds of rooms that the address is about, by the name that it has for them.
fn kinds(request: &Request) -> &'static [Kind] {
    if is_groups(request) {
        &[Kind::Private, Kind::Group]
    } else {
        &[Kind::Public, Kind::Private, Kind::Group, Kind::Direct]
    }
}

fn is_groups(request: &Request) -> bool {
    request.original_uri().path().starts_with("/api/groups")
}
