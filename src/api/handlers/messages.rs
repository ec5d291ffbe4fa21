//! Messages.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::{enter_by_id, is_groups, parse_id};
use crate::accounts::CurrentUser;
use crate::api::body::{Typed, answer, created, page};
use crate::api::model::{Message, MessageChange, NewMessage, message_seq};
use crate::api::query::Query;
use crate::error::FieldErrors;
use crate::ids::{ClientId, RoomId, Seq};
use crate::messages::model::{Body, SendError};
use crate::messages::sending::{Sender, Sent, send_and_wait};
use crate::messages::{editing, history};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress};
use crate::{App, Error, Result};

/// So far back `offset` goes; `before` goes further, and costs the same everywhere.
const MOST_OFFSET: i64 = 10_000;

/// A page of messages, the newest last. Without a query the newest; `offset` counts from the newest one, `before` and `after`
/// are numbers of messages.
#[utoipa::path(get, path = "/api/rooms/{id}/messages/", tag = "Messages", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room."),
           ("limit" = Option<i64>, Query, description = "Messages on one page.", minimum = 1, maximum = 100, example = 50),
           ("offset" = Option<i64>, Query, description = "How many of the newest are left out.", minimum = 0, maximum = 10000),
           ("before" = Option<i64>, Query, description = "Only messages before that number.", minimum = 1),
           ("after" = Option<i64>, Query, description = "Only messages after that number, oldest first.", minimum = 0)),
    responses((status = 200, description = "A page of messages.", body = [Message],
        headers(("Link" = Option<String>, description = "The next page, if there is one: `rel=\"next\"`.")))))]
#[handler]
pub async fn index(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let query = query.only(&["limit", "offset", "before", "after"])?;
    let limit = query.limit()?;
    let offset = query.number("offset", 0, MOST_OFFSET)?;
    let before = query.number("before", 1, i64::MAX)?;
    let after = query.number("after", 0, i64::MAX)?;
    if [offset, before, after].iter().flatten().count() > 1 {
        let sentence = "Give one of offset, before and after.";
        return Err(Error::Invalid(FieldErrors::one("offset", sentence)));
    }
    let membership = enter_by_id(&app, &user, request, &id).await?;
    let (messages, next) = if let Some(after) = after {
        let (messages, has_more) = history::messages_after(&app, &membership, Seq(after), limit).await?;
        let last = messages.last().filter(|_| has_more);
        let next = last.map(|message| format!("after={}&limit={limit}", message.seq));
        (messages, next)
    } else {
        let newest = membership.room.last_seq.0 + 1 - offset.unwrap_or(0);
        let before = Seq(before.unwrap_or(newest));
        let (messages, has_more) = history::messages_before(&app, &membership, before, limit).await?;
        let first = messages.first().filter(|_| has_more);
        let next = first.map(|message| format!("before={}&limit={limit}", message.seq));
        (messages, next)
    };
    let room = membership.room.id;
    let messages: Vec<_> = messages.into_iter().map(|message| Message::of(room, message)).collect();
    page(request.original_uri().path(), next.as_deref(), &messages)
}

/// Sends a message. The same `client_id` again is answered with the message that stands.
#[utoipa::path(post, path = "/api/rooms/{id}/messages/", tag = "Messages", security(("token" = [])), request_body = NewMessage,
    params(("id" = Uuid, Path, description = "Which room.")),
    responses((status = 201, description = "It is stored.", body = Message,
                  headers(("Location" = String, description = "Where the message is."))),
              (status = 200, description = "It was stored before.", body = Message)))]
#[handler]
pub async fn create(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path(id): Path<String>,
    Typed(sent): Typed<NewMessage>,
) -> Result<Response> {
    let room = RoomId(parse_id(&id)?);
    // What is rarely asked of the database waits in a box, or every request would be given the memory for it.
    let enter = || Box::pin(enter_by_id(&app, &user, request, &id));
    if is_groups(request) {
        // `send` knows the room from memory, but not of which kind it is.
        enter().await?;
    }
    match send(&app, &user, room, sent).await {
        Ok((message, true)) => answer(StatusCode::OK, &message),
        Ok((message, false)) => {
            let list = request.original_uri().path().trim_end_matches('/');
            created(&format!("{list}/{}/", message.id), &message)
        }
        Err(error) => {
            // Who does not belong there learns nothing else, and `send` may have found them there from memory.
            enter().await?;
            Err(error)
        }
    }
}

/// Stores a message; whether it stood there already.
async fn send(app: &App, user: &CurrentUser, room: RoomId, new: NewMessage) -> Result<(Message, bool)> {
    let sender = Sender::at(app, user.id, user.key, room).await?;
    check_number("reply_to", new.reply_to)?;
    let sent = Sent {
        body: Body::parse(&new.plaintext).map_err(refused)?,
        client_id: new.client_id.map_or_else(ClientId::new, ClientId),
        reply_to: new.reply_to.map(Seq),
        files: Vec::new(),
    };
    let (stored, created_at) = send_and_wait(app, &sender, sent.clone()).await.map_err(refused)?;
    if stored.is_duplicate {
        let standing = async {
            let membership = enter(app, user.id, RoomAddress::Id(room)).await?;
            find(app, &membership, stored.seq).await
        };
        return Ok((Box::pin(standing).await?, true));
    }
    let message = Message::sent(room, &user.viewer.username, sent, (stored, created_at));
    Ok((message, false))
}

/// A message.
#[utoipa::path(get, path = "/api/rooms/{id}/messages/{message}/", tag = "Messages", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room."), ("message" = Uuid, Path, description = "Which message.")),
    responses((status = 200, description = "The message.", body = Message)))]
#[handler]
pub async fn show(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path((id, message)): Path<(String, String)>,
) -> Result<Response> {
    let (membership, seq) = open(&app, &user, request, (&id, &message)).await?;
    answer(StatusCode::OK, &find(&app, &membership, seq).await?)
}

/// Changes the text of what one wrote. With `version` it is refused when a newer one stands; without, the last change counts.
#[utoipa::path(patch, path = "/api/rooms/{id}/messages/{message}/", tag = "Messages", security(("token" = [])),
    request_body = MessageChange,
    params(("id" = Uuid, Path, description = "Which room."), ("message" = Uuid, Path, description = "Which message.")),
    responses((status = 200, description = "The message as it is now.", body = Message)))]
#[handler]
pub async fn update(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path((id, message)): Path<(String, String)>,
    Typed(sent): Typed<MessageChange>,
) -> Result<Response> {
    let (membership, seq) = open(&app, &user, request, (&id, &message)).await?;
    check_number("version", sent.version.map(i64::from))?;
    let standing = editing::find_own(&app, &membership, seq).await?;
    let body = if standing.has_files {
        Body::beside_files(&sent.plaintext)
    } else {
        Body::parse(&sent.plaintext)
    };
    let changed = editing::edit(&app, &membership, seq, sent.version, &body.map_err(refused)?).await?;
    if let Err(text) = changed {
        return Err(Error::Conflict(format!(
            "This message was changed meanwhile: version {} stands. Its text is: {}",
            text.version, text.body
        )));
    }
    answer(StatusCode::OK, &find(&app, &membership, seq).await?)
}

/// Deletes a message: only its place stays.
#[utoipa::path(delete, path = "/api/rooms/{id}/messages/{message}/", tag = "Messages", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which room."), ("message" = Uuid, Path, description = "Which message.")),
    responses((status = 204, description = "It is deleted.")))]
#[handler]
pub async fn destroy(
    app: Data<&App>,
    user: CurrentUser,
    request: &Request,
    Path((id, message)): Path<(String, String)>,
) -> Result<StatusCode> {
    let (membership, seq) = open(&app, &user, request, (&id, &message)).await?;
    editing::delete(&app, &membership, seq, user.viewer.is_admin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The room, and the number of the message of that id in it.
async fn open(
    app: &App,
    user: &CurrentUser,
    request: &Request,
    (id, message): (&str, &str),
) -> Result<(Membership, Seq)> {
    let membership = enter_by_id(app, user, request, id).await?;
    let seq = message_seq(membership.room.id, parse_id(message)?);
    Ok((membership, seq.ok_or(Error::NotFound)?))
}

pub(super) async fn find(app: &App, membership: &Membership, seq: Seq) -> Result<Message> {
    let mut db = app.db.acquire().await?;
    let message = history::find(app, &mut db, membership, seq).await?;
    Ok(Message::of(membership.room.id, message))
}

/// Messages and versions are counted from 1.
fn check_number(field: &'static str, number: Option<i64>) -> Result<()> {
    if number.is_some_and(|number| number < 1) {
        return Err(Error::Invalid(FieldErrors::one(field, "Give a number, 1 or more.")));
    }
    Ok(())
}

/// Why a message was not taken, by the field that caused it.
pub(super) fn refused(error: SendError) -> Error {
    let field = match error {
        SendError::TooFast(retry_after) => return Error::TooMany { retry_after },
        SendError::NotAMember | SendError::NotFriends => return Error::Conflict(error.message().into()),
        SendError::Busy | SendError::Unavailable => return Error::Unavailable(error.message().into()),
        SendError::Malformed(_) | SendError::Empty | SendError::TooLong => "plaintext",
        SendError::UnknownReply => "reply_to",
        SendError::UnknownFile => "file",
    };
    Error::Invalid(FieldErrors::one(field, error.message()))
}
