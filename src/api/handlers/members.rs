//! Who belongs to a room.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::enter_by_id;
use super::rooms::{OPEN_TO_EVERYBODY, direct_stays};
use crate::accounts::CurrentUser;
use crate::api::body::{Typed, answer, page};
use crate::api::model::{Admission, Member, NewMember, Read};
use crate::api::query::{Query, cut};
use crate::error::FieldErrors;
use crate::ids::Seq;
use crate::rooms::model::{self, Kind, Settings};
use crate::rooms::{actions, queries};
use crate::text::fold;
use crate::{App, Error, Result};

/// The members of a room, by username.
#[utoipa::path(get, path = "/api/rooms/{id}/members/", tag = "Members", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room."),
           ("cursor" = Option<String>, Query, description = "Where the next page begins, from the `Link` of the last one."),
           ("limit" = Option<i64>, Query, description = "Members on one page.", minimum = 1, maximum = 100, example = 50)),
    responses((status = 200, description = "A page of members.", body = [Member],
        headers(("Link" = Option<String>, description = "The next page, if there is one: `rel=\"next\"`.")))))]
#[handler]
pub async fn index(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let query = query.only(&["cursor", "limit"])?;
    let limit = query.limit()?;
    let room = enter_by_id(&app, &user, request, &id).await?.room;
    let found = queries::list_members(&app.db, room.id, "", &fold(query.text("cursor")), limit + 1).await?;
    let (members, has_more) = cut(found, limit);
    let next = members.last().filter(|_| has_more).map(|member| {
        let pairs = [("cursor", member.person.username.clone()), ("limit", limit.to_string())];
        serde_urlencoded::to_string(pairs).unwrap_or_default()
    });
    let online = app.presence.online_among(members.iter().map(|member| member.person.id));
    let members: Vec<_> = members
        .iter()
        .map(|member| Member::of(&member.person, member.role, online.contains(&member.person.id)))
        .collect();
    page(request.original_uri().path(), next.as_deref(), &members)
}

/// Takes somebody in: a friend at once; others are invited to a private room, and a group takes friends alone. Twice is once.
#[utoipa::path(post, path = "/api/rooms/{id}/members/", tag = "Members", security(("token" = [])), request_body = NewMember,
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 200, description = "They are in it, or invited.", body = Admission)))]
#[handler]
pub async fn create(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    Typed(sent): Typed<NewMember>,
) -> Result<Response> {
    let room = enter_by_id(&app, &user, request, &id).await?.room;
    match room.kind {
        Kind::Public => return Err(Error::Invalid(FieldErrors::one("username", OPEN_TO_EVERYBODY))),
        Kind::Direct => return Err(direct_stays()),
        Kind::Private | Kind::Group => {}
    }
    let usernames = [sent.username];
    let taken = actions::update(&app, user.id, &room.slug, &Settings::default(), &usernames).await;
    let invited = taken.map_err(|error| match error {
        Error::Invalid(errors) => Error::Invalid(errors.renamed(&[("members", "username")])),
        error => error,
    })?;
    let [username] = usernames;
    let status = if invited.is_empty() { "member" } else { "invited" };
    answer(StatusCode::OK, &Admission { username, status })
}

/// Puts a member out; oneself: leaves. What they wrote stays.
#[utoipa::path(delete, path = "/api/rooms/{id}/members/{username}/", tag = "Members", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room."), ("username" = String, Path, description = "Whom.")),
    responses((status = 204, description = "They are not in the room any more.")))]
#[handler]
pub async fn destroy(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path((id, username)): Path<(String, String)>,
) -> Result<StatusCode> {
    let room = enter_by_id(&app, &user, request, &id).await?.room;
    if fold(&username) == fold(&user.viewer.username) {
        actions::leave(&app, user.id, &room.slug).await?;
    } else {
        actions::remove(&app, user.id, &room.slug, &username).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Notes how far one has read.
#[utoipa::path(post, path = "/api/rooms/{id}/read/", tag = "Messages", security(("token" = [])), request_body = Read,
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 204, description = "It is noted.")))]
#[handler]
pub async fn read(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    Typed(sent): Typed<Read>,
) -> Result<StatusCode> {
    let room = enter_by_id(&app, &user, request, &id).await?.room;
    if sent.seq < 1 || sent.seq > room.last_seq.0 {
        let sentence = format!("The room's messages go from 1 to {}.", room.last_seq);
        return Err(Error::Invalid(FieldErrors::one("seq", sentence)));
    }
    let read = model::Read {
        user: user.id,
        room: room.id,
        seq: Seq(sent.seq),
        version: None,
    };
    actions::note_read(&app, &[read]).await?;
    Ok(StatusCode::NO_CONTENT)
}
