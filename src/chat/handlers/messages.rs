//! A room's history, and sending without a socket.

use poem::http::StatusCode;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::{Page, rooms};
use crate::accounts::CurrentUser;
use crate::chat::views::{lost, unsent};
use crate::ids::{ClientId, RoomId};
use crate::messages::history;
use crate::messages::model::{Body, SendError, Stored};
use crate::messages::sending::{Sender, send_and_wait};
use crate::messages::views::{self, Draft};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress, path};
use crate::text::fold;
use crate::web::components::alert;
use crate::web::errors::set_retry_after;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// Above a message that was written under another name of its room.
const MOVED: &str = "This room has moved: it has another name now. Your message is not sent yet.";

/// What the composer sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewMessageForm {
    body: String,
    client_id: String,
    /// The id of the room that the message is meant for; a program may leave it to the address.
    room: String,
}

impl NewMessageForm {
    /// The page brings an id for the message; a program may leave it out.
    fn with_client_id(mut self) -> Self {
        if self.client_id.is_empty() {
            self.client_id = ClientId::new().to_string();
        }
        self
    }

    fn client_id(&self) -> Result<ClientId, SendError> {
        let id = Uuid::parse_str(&self.client_id).map(ClientId);
        id.map_err(|_| SendError::Malformed("client_id must be a UUID."))
    }

    /// Where it is to go. An id that is none is no room's.
    fn room(&self) -> Result<Option<RoomId>> {
        if self.room.is_empty() {
            return Ok(None);
        }
        let id = Uuid::parse_str(&self.room).map_err(|_| Error::NotFound)?;
        Ok(Some(RoomId(id)))
    }

    /// What the composer shows again: the same text under the same id, so that it cannot be stored twice.
    fn draft<'a>(&'a self, error: &'a str) -> Draft<'a> {
        Draft {
            room: self.room().ok().flatten(),
            body: &self.body,
            client_id: self.client_id().unwrap_or_else(|_| ClientId::new()),
            error: Some(error),
        }
    }
}

/// Older messages: the fragment for htmx, the page of that time for everybody else.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response> {
    let membership = enter(&app, user.id, page.address(&slug)).await?;
    let end = page.end();
    if !ctx.htmx {
        let query = end.map(|cursor| format!("?{}", cursor.query())).unwrap_or_default();
        return Ok(see_other(&format!("{}{query}", path(&membership.room.slug))));
    }
    let history = history::page(&app, &membership, end).await?;
    Ok(views::history(&membership.room.slug, membership.room.id, &history).into_response())
}

/// Sends without a socket: the stored message for htmx, the room for everybody else.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(form): Form<NewMessageForm>,
) -> Result<Response> {
    let form = form.with_client_id();
    match send(&app, &ctx, &user, &slug, &form).await {
        // Not even the room can be drawn: what was typed is, so that it can be sent from there.
        Err(Error::Unavailable(cause)) if !ctx.htmx => {
            tracing::warn!(cause, request = ctx.request_id, "a message could not be taken");
            let page = unsent(&ctx, &slug, form.draft(SendError::Unavailable.page_message()));
            Ok(answer(SendError::Unavailable, page.into_response()))
        }
        Err(Error::NotFound) if !ctx.htmx && !form.room.is_empty() => {
            let page = lost(&ctx, &form.body).with_status(StatusCode::NOT_FOUND);
            Ok(page.into_response())
        }
        answer => answer,
    }
}

async fn send(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, form: &NewMessageForm) -> Result<Response> {
    let address = form.room()?.map_or(RoomAddress::Slug(slug), RoomAddress::Id);
    let membership = enter(app, user.id, address).await?;
    if fold(slug) != fold(&membership.room.slug) {
        // The room has another name by now, and its old one may be another room's: its writer looks, and sends it again.
        let page = rooms::draw(app, ctx, user, &membership, None, form.draft(MOVED)).await?;
        return Ok(page.with_status(StatusCode::CONFLICT).into_response());
    }
    match store(app, user, &membership, form).await? {
        Ok(stored) if ctx.htmx => {
            let mut db = app.db.acquire().await?;
            let message = history::find(app, &mut db, &membership, stored.seq).await?;
            Ok(views::message(&message).into_response())
        }
        Ok(stored) => Ok(see_other(&format!("{}#m-{}", path(&membership.room.slug), stored.seq))),
        // A page with script sends it again by itself.
        Err(refusal) if ctx.htmx => {
            let alert = alert("bad", refusal.message());
            Ok(answer(refusal, alert.into_response()))
        }
        Err(refusal) => {
            let page = rooms::draw(app, ctx, user, &membership, None, form.draft(refusal.page_message())).await?;
            Ok(answer(refusal, page.into_response()))
        }
    }
}

async fn store(
    app: &App,
    user: &CurrentUser,
    membership: &Membership,
    form: &NewMessageForm,
) -> Result<Result<Stored, SendError>> {
    let (body, client_id) = match (Body::parse(&form.body), form.client_id()) {
        (Ok(body), Ok(client_id)) => (body, client_id),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
    };
    let sender = Sender::new(app, &app.db, membership, user.key).await?;
    Ok(send_and_wait(app, &sender, body, client_id).await)
}

/// The status that fits the refusal, around the page that shows it.
fn answer(refusal: SendError, page: Response) -> Response {
    let status = match refusal {
        SendError::Malformed(_) | SendError::Empty | SendError::TooLong => StatusCode::UNPROCESSABLE_ENTITY,
        SendError::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
        SendError::NotAMember => StatusCode::FORBIDDEN,
        SendError::Busy | SendError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = page.with_status(status).into_response();
    if let Some(wait) = refusal.retry_after() {
        set_retry_after(&mut response, wait);
    }
    response
}
