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
use crate::messages::actions;
use crate::messages::model::{Body, Refusal, Stored};
use crate::messages::views::{self, Draft};
use crate::rooms::model::{MemberRoom, path};
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

    fn client_id(&self) -> Result<ClientId, Refusal> {
        let id = Uuid::parse_str(&self.client_id).map(ClientId);
        id.map_err(|_| Refusal::Malformed("client_id must be a UUID."))
    }

    /// What the composer shows again: the same text under the same id, so that it cannot be stored twice.
    fn draft(&self, refusal: Refusal) -> Draft<'_> {
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
    let member = actions::enter(&app, user.id, &slug).await?;
    let before = page.before.map(Seq);
    if !ctx.htmx {
        let query = before.map(|seq| format!("?before={seq}")).unwrap_or_default();
        return Ok(see_other(&format!("{}{query}", path(&member.room.slug))));
    }
    let history = actions::history(&app, &member, before).await?;
    Ok(views::history(&member.room.slug, &history).into_response())
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
            let page = unsent(&ctx, &slug, form.draft(Refusal::Unavailable));
            Ok(answer(Refusal::Unavailable, page.into_response()))
        }
        answer => answer,
    }
}

async fn send(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, form: &NewMessageForm) -> Result<Response> {
    let member = actions::enter(app, user.id, slug).await?;
    match store(app, user, &member, form).await? {
        Ok(stored) if ctx.htmx => {
            let message = actions::find(app, &member, stored.seq).await?;
            Ok(views::message(&message).into_response())
        }
        Ok(stored) => Ok(see_other(&format!("{}#m-{}", path(&member.room.slug), stored.seq))),
        Err(refusal) => {
            let page = rooms::draw(app, ctx, user, &member, None, form.draft(refusal)).await?;
            Ok(answer(refusal, page.into_response()))
        }
    }
}

async fn store(
    app: &App,
    user: &CurrentUser,
    member: &MemberRoom,
    form: &NewMessageForm,
) -> Result<Result<Stored, Refusal>> {
    let (body, client_id) = match (Body::parse(&form.body), form.client_id()) {
        (Ok(body), Ok(client_id)) => (body, client_id),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
    };
    let sender = actions::sender(app, user.author(), user.key, &member.room).await?;
    Ok(actions::send_and_wait(app, &sender, body, client_id).await)
}

/// The status that fits the refusal, around the page that shows it.
fn answer(refusal: Refusal, page: Response) -> Response {
    let status = match refusal {
        Refusal::Malformed(_) | Refusal::Empty | Refusal::TooLong => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::NotAMember => StatusCode::FORBIDDEN,
        Refusal::Busy | Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = page.with_status(status).into_response();
    if let Some(wait) = refusal.retry_after() {
        set_retry_after(&mut response, wait);
    }
    response
}
