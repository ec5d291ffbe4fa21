//! Rooms: those that one belongs to.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::{enter_by_id, is_groups, kinds};
use crate::accounts::{CurrentUser, passwords};
use crate::api::body::{Typed, answer, created, page};
use crate::api::model::{NewRoom, Room, RoomChange};
use crate::api::query::{Query, cut};
use crate::error::FieldErrors;
use crate::ids::RoomId;
use crate::rooms::model::{Entry, Kind, Membership, RoomName, RoomTitle, Settings, Topic};
use crate::rooms::{actions, model, queries};
use crate::{App, Error, Result};

/// What the actions call the fields, and what they are called here.
const NAMES: [(&str, &str); 3] = [
    ("title", "name"),
    ("topic", "description"),
    ("members", "invited_usernames"),
];

/// Why nobody is invited to a public room.
pub(super) const OPEN_TO_EVERYBODY: &str = "Nobody is invited to a public room: everybody may join it.";

/// Usernames that an answer holds at most.
const SHOWN: i64 = 100;

/// The rooms that one belongs to.
#[utoipa::path(get, path = "/api/rooms/", tag = "Rooms", security(("token" = [])),
    params(("cursor" = Option<Uuid>, Query, description = "Where the next page begins, from the `Link` of the last one."),
           ("limit" = Option<i64>, Query, description = "Rooms on one page.", minimum = 1, maximum = 100, example = 50)),
    responses((status = 200, description = "A page of rooms.", body = [Room],
        headers(("Link" = Option<String>, description = "The next page, if there is one: `rel=\"next\"`.")))))]
#[handler]
pub async fn index(app: Data<&App>, user: CurrentUser, request: &Request, query: Query) -> Result<Response> {
    let query = query.only(&["cursor", "limit"])?;
    let (limit, after) = (query.limit()?, query.cursor()?);
    let kinds = kinds(request);
    let found = queries::list_rooms_with_members(&app.db, user.id, kinds, RoomId(after), limit + 1).await?;
    let (rooms, has_more) = cut(found, limit);
    let next = rooms
        .last()
        .filter(|_| has_more)
        .map(|room| format!("cursor={}&limit={limit}", room.id));
    let username = &user.viewer.username;
    let rooms: Vec<_> = rooms
        .into_iter()
        .map(|room| Room::of(room, Vec::new(), username))
        .collect();
    page(&format!("{}/", base(request)), next.as_deref(), &rooms)
}

/// Makes a room, of which one is the owner; a public one as an administrator, whose log-in is not older than a quarter of an
/// hour.
#[utoipa::path(post, path = "/api/rooms/", tag = "Rooms", security(("token" = [])), request_body = NewRoom,
    responses((status = 201, description = "The room is made.", body = Room,
        headers(("Location" = String, description = "Where the room is.")))))]
#[handler]
pub async fn create(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Typed(sent): Typed<NewRoom>,
) -> Result<Response> {
    let made = if sent.is_private {
        create_private(&app, &user, sent).await
    } else {
        create_public(&app, &user, &sent).await
    };
    let room = made.map_err(renamed)?;
    let membership = actions::enter(&app, user.id, model::RoomAddress::Id(room.id)).await?;
    let location = format!("{}/{}/", base(request), room.id);
    created(&location, &detail(&app, &user, &membership).await?)
}

async fn create_private(app: &App, user: &CurrentUser, sent: NewRoom) -> Result<model::Room> {
    let mut errors = FieldErrors::default();
    let title = errors.take("name", RoomTitle::parse(&sent.name));
    let topic = errors.take("description", Topic::parse(&sent.description));
    let (Some(title), Some(topic)) = (title, topic) else {
        return Err(Error::Invalid(errors));
    };
    let new = model::NewRoom {
        kind: Kind::Private,
        title,
        topic,
        chosen: sent.invited_usernames,
        entry: Entry::ByRelation,
    };
    actions::create_own(app, user.id, new).await
}

async fn create_public(app: &App, user: &CurrentUser, sent: &NewRoom) -> Result<model::Room> {
    check_administrator(app, user).await?;
    let mut errors = FieldErrors::default();
    let name = errors.take("name", RoomName::parse(&sent.name));
    let topic = errors.take("description", Topic::parse(&sent.description));
    if !sent.invited_usernames.is_empty() {
        errors.add("invited_usernames", OPEN_TO_EVERYBODY);
    }
    match (name, topic) {
        (Some(name), Some(topic)) if errors.is_empty() => actions::create_and_join(app, user.id, name, topic).await,
        _ => Err(Error::Invalid(errors)),
    }
}

/// A room.
#[utoipa::path(get, path = "/api/rooms/{id}/", tag = "Rooms", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 200, description = "The room.", body = Room)))]
#[handler]
pub async fn show(app: Data<&App>, user: CurrentUser, request: &Request, Path(id): Path<String>) -> Result<Response> {
    let membership = enter_by_id(&app, &user, request, &id).await?;
    answer(StatusCode::OK, &detail(&app, &user, &membership).await?)
}

/// Changes name and description; what is left out becomes empty. People are taken in or invited who are not yet; nobody
/// is put out by it.
#[utoipa::path(put, path = "/api/rooms/{id}/", tag = "Rooms", security(("token" = [])), request_body = NewRoom,
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 200, description = "The room as it is now.", body = Room)))]
#[handler]
pub async fn replace(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    Typed(sent): Typed<NewRoom>,
) -> Result<Response> {
    let change = RoomChange {
        name: Some(sent.name),
        description: Some(sent.description),
        is_private: Some(sent.is_private),
        invited_usernames: sent.invited_usernames,
    };
    change_room(&app, &user, request, &id, change).await
}

/// Changes what is given.
#[utoipa::path(patch, path = "/api/rooms/{id}/", tag = "Rooms", security(("token" = [])), request_body = RoomChange,
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 200, description = "The room as it is now.", body = Room)))]
#[handler]
pub async fn update(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    Typed(sent): Typed<RoomChange>,
) -> Result<Response> {
    change_room(&app, &user, request, &id, sent).await
}

/// Deletes a room with everything in it. There is no way back.
#[utoipa::path(delete, path = "/api/rooms/{id}/", tag = "Rooms", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 204, description = "The room is deleted.")))]
#[handler]
pub async fn destroy(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    let room = enter_by_id(&app, &user, request, &id).await?.room;
    match room.kind {
        Kind::Public => {
            check_administrator(&app, &user).await?;
            actions::delete(&app, user.id, &room.slug).await?;
        }
        Kind::Private | Kind::Group => actions::delete_own(&app, user.id, &room.slug, &room.title).await?,
        Kind::Direct => return Err(direct_stays()),
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn change_room(app: &App, user: &CurrentUser, request: &Request, id: &str, sent: RoomChange) -> Result<Response> {
    let Membership { room, .. } = enter_by_id(app, user, request, id).await?;
    let mut errors = FieldErrors::default();
    if sent
        .is_private
        .is_some_and(|is_private| is_private == (room.kind == Kind::Public))
    {
        errors.add("is_private", "A room stays private, or public. Make another one.");
    }
    let changed = match room.kind {
        Kind::Public => change_public(app, user, &room, &sent, errors).await,
        Kind::Private | Kind::Group => change_own(app, user, &room, &sent, errors).await,
        Kind::Direct if !errors.is_empty() => Err(Error::Invalid(errors)),
        Kind::Direct if sent.is_empty() => Ok(()),
        Kind::Direct => Err(direct_stays()),
    };
    changed.map_err(renamed)?;
    let membership = actions::enter(app, user.id, model::RoomAddress::Id(room.id)).await?;
    answer(StatusCode::OK, &detail(app, user, &membership).await?)
}

async fn change_own(
    app: &App,
    user: &CurrentUser,
    room: &model::Room,
    sent: &RoomChange,
    mut errors: FieldErrors,
) -> Result<()> {
    let title = sent.name.as_deref().map(RoomTitle::parse).transpose();
    let topic = sent.description.as_deref().map(Topic::parse).transpose();
    let settings = Settings {
        title: errors.take("name", title).flatten(),
        topic: errors.take("description", topic).flatten(),
        history: None,
    };
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    actions::update(app, user.id, &room.slug, &settings, &sent.invited_usernames).await?;
    Ok(())
}

async fn change_public(
    app: &App,
    user: &CurrentUser,
    room: &model::Room,
    sent: &RoomChange,
    mut errors: FieldErrors,
) -> Result<()> {
    check_administrator(app, user).await?;
    let name = RoomName::parse(sent.name.as_deref().unwrap_or(&room.title));
    let name = errors.take("name", name);
    let topic = Topic::parse(sent.description.as_deref().unwrap_or(&room.topic));
    let topic = errors.take("description", topic);
    if !sent.invited_usernames.is_empty() {
        errors.add("invited_usernames", OPEN_TO_EVERYBODY);
    }
    match (name, topic) {
        (Some(name), Some(topic)) if errors.is_empty() => {
            if !sent.is_empty() {
                actions::edit(app, user.id, &room.slug, name, topic).await?;
            }
            Ok(())
        }
        _ => Err(Error::Invalid(errors)),
    }
}

/// Why nothing becomes of a change of a direct chat.
pub(super) fn direct_stays() -> Error {
    Error::Conflict(
        "A direct chat stays as it is: it is called by the other person, and nobody else gets into it.".into(),
    )
}

async fn detail(app: &App, user: &CurrentUser, membership: &Membership) -> Result<Room> {
    let (id, kind) = (membership.room.id, membership.room.kind);
    let found = queries::find_room_with_members(&app.db, user.id, &[kind], id).await?;
    let invited = if membership.may_invite() {
        queries::list_invited(&app.db, id, "", SHOWN).await?
    } else {
        Vec::new()
    };
    let invited = invited.into_iter().map(|invited| invited.person.username).collect();
    Ok(Room::of(found.ok_or(Error::NotFound)?, invited, &user.viewer.username))
}

/// What administrators do needs a password that was given a short while ago, as on their pages.
async fn check_administrator(app: &App, user: &CurrentUser) -> Result<()> {
    if !user.viewer.is_admin {
        return Err(Error::Forbidden("Public rooms are made and changed by administrators."));
    }
    if !passwords::is_confirmed(app, user).await? {
        return Err(Error::Forbidden(
            "The password of this log-in was given more than a quarter of an hour ago. Log in again, and send this then.",
        ));
    }
    Ok(())
}

fn renamed(error: Error) -> Error {
    match error {
        Error::Invalid(errors) => Error::Invalid(errors.renamed(&NAMES)),
        error => error,
    }
}

/// The address of all rooms, by the name that was used for them.
fn base(request: &Request) -> &'static str {
    if is_groups(request) {
        "/api/groups"
    } else {
        "/api/rooms"
    }
}
