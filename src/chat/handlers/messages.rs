//! A room's history, and sending without a socket.

use poem::http::{StatusCode, header};
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::{Page, rooms};
use crate::accounts::CurrentUser;
use crate::chat::views::Draft;
use crate::ids::{ClientId, Seq};
use crate::messages::model::{Body, Refusal, Stored};
use crate::messages::{actions, views};
use crate::rooms::model::{MemberRoom, path};
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// What the composer sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewMessageForm {
    body: String,
    client_id: String,
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
    let member = actions::enter(&app, user.id, &slug).await?;
    match store(&app, &user, &member, &form).await? {
        Ok(stored) if ctx.htmx => {
            let message = actions::find(&app, &member, stored.seq).await?;
            Ok(views::message(&message).into_response())
        }
        Ok(stored) => Ok(see_other(&format!("{}#m-{}", path(&member.room.slug), stored.seq))),
        Err(refusal) => {
            let draft = Draft {
                body: &form.body,
                error: Some(refusal.message()),
            };
            let page = rooms::draw(&app, &ctx, &user, &member, None, draft).await?;
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
    let client_id = match form.client_id.as_str() {
        "" => Ok(ClientId::new()),
        text => Uuid::parse_str(text)
            .map(ClientId)
            .map_err(|_| Refusal::Malformed("client_id must be a UUID.")),
    };
    let (body, client_id) = match (Body::parse(&form.body), client_id) {
        (Ok(body), Ok(client_id)) => (body, client_id),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
    };
    let sender = actions::sender(app, user.author(), &member.room).await?;
    match actions::send(app, &sender, body, client_id) {
        Ok(receipt) => Ok(actions::settled(receipt).await),
        Err(refusal) => Ok(Err(refusal)),
    }
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
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
