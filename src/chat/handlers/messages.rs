//! A room's history, and sending without a socket.

use poem::http::StatusCode;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::{Page, rooms};
use crate::accounts::CurrentUser;
use crate::chat::views::unsent;
use crate::ids::{ClientId, Seq};
use crate::messages::history;
use crate::messages::model::{Body, SendError, Stored};
use crate::messages::sending::{Sender, send_and_wait};
use crate::messages::views::{self, Draft};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress, path};
use crate::web::errors::set_retry_after;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// What the composer sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewMessageForm {
    body: String,
    client_id: String,
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

    /// What the composer shows again: the same text under the same id, so that it cannot be stored twice.
    fn draft(&self, refusal: SendError) -> Draft<'_> {
        Draft {
            body: &self.body,
            client_id: self.client_id().unwrap_or_else(|_| ClientId::new()),
            error: Some(refusal.page_message()),
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
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    let before = page.before.map(Seq);
    if !ctx.htmx {
        let query = before.map(|seq| format!("?before={seq}")).unwrap_or_default();
        return Ok(see_other(&format!("{}{query}", path(&membership.room.slug))));
    }
    let history = history::page(&app, &membership, before).await?;
    Ok(views::history(&membership.room.slug, &history).into_response())
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
            let page = unsent(&ctx, &slug, form.draft(SendError::Unavailable));
            Ok(answer(SendError::Unavailable, page.into_response()))
        }
        answer => answer,
    }
}

async fn send(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, form: &NewMessageForm) -> Result<Response> {
    let membership = enter(app, user.id, RoomAddress::Slug(slug)).await?;
    match store(app, user, &membership, form).await? {
        Ok(stored) if ctx.htmx => {
            let mut db = app.db.acquire().await?;
            let message = history::find(app, &mut db, &membership, stored.seq).await?;
            Ok(views::message(&message).into_response())
        }
        Ok(stored) => Ok(see_other(&format!("{}#m-{}", path(&membership.room.slug), stored.seq))),
        Err(refusal) => {
            let page = rooms::draw(app, ctx, user, &membership, None, form.draft(refusal)).await?;
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
