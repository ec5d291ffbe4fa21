//! A room's history, and sending without a socket.

use std::borrow::Cow;

use chrono::NaiveTime;
use percent_encoding::percent_decode_str;
use poem::http::StatusCode;
use poem::web::{Data, Form, Path, Query};
use poem::{FromRequest, IntoResponse, Request, Response, handler};
use uuid::Uuid;

use super::{Page, rooms};
use crate::accounts::CurrentUser;
use crate::chat::views::{lost, unsent};
use crate::ids::{ClientId, RoomId, Seq};
use crate::messages::history;
use crate::messages::model::{Body, SendError, Stored, parse_files};
use crate::messages::queries::find_message_since;
use crate::messages::sending::{Sender, Sent, send_and_wait};
use crate::messages::views::{self, Draft};
use crate::middleware::Next;
use crate::rooms::actions::{enter, join};
use crate::rooms::model::{Membership, Room, RoomAddress, message_path, path};
use crate::rooms::queries::find_public_room;
use crate::text::fold;
use crate::web::components::alert;
use crate::web::csrf::OUT_OF_DATE;
use crate::web::errors::set_retry_after;
use crate::web::{Ctx, TypedForm, see_other};
use crate::{App, Error, Result};

/// Above a message that was written under another name of its room.
const MOVED: &str = "This room has moved: it has another name now. Your message is not sent yet.";

/// What the composer sends.
#[derive(Debug, Default)]
pub struct NewMessageForm {
    body: String,
    client_id: String,
    /// The number of the message that it answers, if any.
    reply_to: String,
    /// The ids of the files that go with it.
    files: Vec<String>,
    /// The id of the room that the message is meant for; a program may leave it to the address.
    room: String,
    /// Not empty where its writer is to join the room first.
    join: String,
}

impl From<&TypedForm> for NewMessageForm {
    fn from(typed: &TypedForm) -> Self {
        let value = |name| typed.value(name).to_owned();
        Self {
            body: value("body"),
            client_id: value("client_id"),
            reply_to: value("reply_to"),
            files: typed.values("files").map(str::to_owned).collect(),
            room: value("room"),
            join: String::new(),
        }
    }
}

/// The fields by their names; `files` may come many times.
impl From<Vec<(String, String)>> for NewMessageForm {
    fn from(fields: Vec<(String, String)>) -> Self {
        let mut form = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "body" => form.body = value,
                "client_id" => form.client_id = value,
                "reply_to" => form.reply_to = value,
                "files" => form.files.push(value),
                "room" => form.room = value,
                "join" => form.join = value,
                _ => {}
            }
        }
        form
    }
}

impl NewMessageForm {
    /// The page brings an id for the message; a program may leave it out.
    pub(super) fn with_client_id(mut self) -> Self {
        if self.client_id.is_empty() {
            self.client_id = ClientId::new().to_string();
        }
        self
    }

    fn client_id(&self) -> Result<ClientId, SendError> {
        let id = Uuid::parse_str(&self.client_id).map(ClientId);
        id.map_err(|_| SendError::Malformed("client_id must be a UUID."))
    }

    fn reply_to(&self) -> Result<Option<Seq>, SendError> {
        if self.reply_to.is_empty() {
            return Ok(None);
        }
        let seq = self.reply_to.parse().map(Seq);
        seq.map(Some).map_err(|_| SendError::UnknownReply)
    }

    /// Where it is to go. An id that is none is no room's.
    fn room(&self) -> Result<Option<RoomId>> {
        if self.room.is_empty() {
            return Ok(None);
        }
        let id = Uuid::parse_str(&self.room).map_err(|_| Error::NotFound)?;
        Ok(Some(RoomId(id)))
    }

    fn address<'a>(&self, slug: &'a str) -> Result<RoomAddress<'a>> {
        Ok(self.room()?.map_or(RoomAddress::Slug(slug), RoomAddress::Id))
    }

    /// What the composer shows again: the same text under the same id, so that it cannot be stored twice.
    fn draft<'a>(&'a self, error: &'a str) -> Draft<'a> {
        Draft {
            room: self.room().ok().flatten(),
            body: &self.body,
            client_id: self.client_id().unwrap_or_else(|_| ClientId::new()),
            error: Some(error),
            ..Draft::default()
        }
    }
}

/// A page of history: the fragment for htmx, with the way on in the direction of the request, and the page of that time for
/// everybody else.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(mut page): Query<Page>,
) -> Result<Response> {
    let membership = enter(&app, user.id, page.address(&slug)).await?;
    if let Some(date) = page.date {
        let Membership { room, begins, .. } = &membership;
        let since = date.and_time(NaiveTime::MIN).and_utc();
        let seq = find_message_since(&app.db, room.id, since)
            .await?
            .max(Seq(begins.seq.0 + 1));
        if !ctx.htmx {
            return Ok(see_other(&message_path(&room.slug, seq.min(room.last_seq))));
        }
        page.around = Some(seq.0);
    }
    if !ctx.htmx {
        return Ok(see_other(&format!("{}{}", path(&membership.room.slug), page.query())));
    }
    let mut history = match page.after {
        Some(seq) => history::page_after(&app, &membership, Seq(seq)).await?,
        None => history::page(&app, &membership, page.end()).await?,
    };
    if page.before.is_some() {
        history.newer = None;
    }
    Ok(views::history(&membership.room.slug, membership.room.id, &history, None).into_response())
}

/// Sends without a socket: the stored message for htmx, the room for everybody else.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let form = NewMessageForm::from(fields).with_client_id();
    match send(&app, &ctx, &user, &slug, &form).await {
        // Not even the room can be drawn: what was typed is, so that it can be sent from there.
        Err(Error::Unavailable(cause)) if !ctx.htmx => {
            tracing::warn!(cause, request = ctx.request_id, "a message could not be taken");
            let page = unsent(&ctx, &slug, form.draft(SendError::Unavailable.page_message()));
            Ok(answer(SendError::Unavailable, page.into_response()))
        }
        Err(Error::NotFound) if !ctx.htmx && !form.room.is_empty() => {
            not_a_member(&app, &ctx, &user, &slug, &form).await
        }
        answer => answer,
    }
}

/// A message whose page does not fit its reader any more, because they logged in since, maybe as somebody else, is not
/// sent: it stands in the composer of its room.
pub async fn show_unsent(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let app = App::of(&request)?.clone();
    let ctx = Ctx::from_request_without_body(&request).await?;
    let user = CurrentUser::of(&request);
    let error = match next.call(request).await {
        Ok(response) => return Ok(response.into_response()),
        Err(error) => error,
    };
    let Some(Error::Forbidden(OUT_OF_DATE)) = error.downcast_ref() else {
        return Err(error);
    };
    match (user, ctx.typed.get(), sent_to(&ctx.path)) {
        (Some(user), Some(typed), Some(slug)) => {
            let form = NewMessageForm::from(typed).with_client_id();
            Ok(unsent_in_room(&app, &ctx, &user, &slug, &form).await?)
        }
        _ => Err(error),
    }
}

/// The room that a message is sent to at this address.
fn sent_to(path: &str) -> Option<Cow<'_, str>> {
    let slug = path.strip_prefix("/chat/room/")?.strip_suffix("/messages")?;
    percent_decode_str(slug).decode_utf8().ok()
}

async fn unsent_in_room(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    slug: &str,
    form: &NewMessageForm,
) -> Result<Response> {
    match enter(app, user.id, form.address(slug)?).await {
        Ok(membership) => {
            let who = format!(
                "You are logged in as @{}. Your message is not sent yet.",
                user.viewer.username
            );
            let page = rooms::draw(app, ctx, user, &membership, None, form.draft(&who)).await?;
            Ok(page.with_status(StatusCode::FORBIDDEN).into_response())
        }
        Err(Error::NotFound) => not_a_member(app, ctx, user, slug, form).await,
        Err(error) => Err(error),
    }
}

/// What was typed for a room that its writer does not belong to: it can be copied and, where they may join, sent so.
async fn not_a_member(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, form: &NewMessageForm) -> Result<Response> {
    let room = find_open_room(app, slug, form).await?;
    let page = lost(ctx, &user.viewer, room.as_ref(), form.draft(""));
    Ok(page.with_status(StatusCode::NOT_FOUND).into_response())
}

/// The room that everybody may join, if it is the one that the message is meant for.
async fn find_open_room(app: &App, slug: &str, form: &NewMessageForm) -> Result<Option<Room>> {
    let Ok(meant) = form.room() else {
        return Ok(None);
    };
    let found = find_public_room(&app.db, &fold(slug)).await?;
    Ok(found.filter(|room| room.archived_at.is_none() && meant.is_none_or(|meant| meant == room.id)))
}

async fn send(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, form: &NewMessageForm) -> Result<Response> {
    if !form.join.is_empty()
        && let Some(room) = find_open_room(app, slug, form).await?
    {
        join(app, user.id, &room.slug).await?;
    }
    let membership = enter(app, user.id, form.address(slug)?).await?;
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

/// Checks the form and sends the message.
pub(super) async fn store(
    app: &App,
    user: &CurrentUser,
    membership: &Membership,
    form: &NewMessageForm,
) -> Result<Result<Stored, SendError>> {
    let parse = || {
        let files = parse_files(form.files.iter().map(String::as_str))?;
        Ok(Sent {
            body: if files.is_empty() {
                Body::parse(&form.body)?
            } else {
                Body::beside_files(&form.body)?
            },
            client_id: form.client_id()?,
            reply_to: form.reply_to()?,
            files,
        })
    };
    let sent = match parse() {
        Ok(sent) => sent,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let sender = Sender::new(app, &app.db, membership, user.key).await?;
    Ok(send_and_wait(app, &sender, sent).await.map(|(stored, _)| stored))
}

/// The status that fits the refusal, around the page that shows it.
fn answer(refusal: SendError, page: Response) -> Response {
    let status = match refusal {
        SendError::Malformed(_)
        | SendError::Empty
        | SendError::TooLong
        | SendError::UnknownReply
        | SendError::UnknownFile => StatusCode::UNPROCESSABLE_ENTITY,
        SendError::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
        SendError::NotAMember | SendError::NotFriends => StatusCode::FORBIDDEN,
        SendError::Busy | SendError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = page.with_status(status).into_response();
    if let Some(wait) = refusal.retry_after() {
        set_retry_after(&mut response, wait);
    }
    response
}
