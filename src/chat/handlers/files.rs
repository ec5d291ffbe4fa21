//! Sending files that go with messages.

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, IntoResponse, Request, Response, handler};
use serde_json::json;
use uuid::Uuid;

use super::messages::{NewMessageForm, store};
use crate::accounts::CurrentUser;
use crate::chat::views::about_message;
use crate::chat::{Open, Shell};
use crate::files::form::{ReceivedForm, refused};
use crate::files::queries::find_unsent;
use crate::files::{File, removing};
use crate::ids::{ClientId, FileId};
use crate::messages::views::files::{FilesForm, files_form};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress, path};
use crate::web::csrf::{OUT_OF_DATE, TokenChecked, is_token};
use crate::web::form_data::FormStream;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// The form to send files without script.
#[handler]
pub async fn new(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    let membership = open_room(&app, &user, &slug).await?;
    let page = draw(&app, &ctx, &user, &membership, &FilesForm::default()).await?;
    Ok(page.into_response())
}

/// Takes a file, to be sent later: JSON says which it is. A form without script sends all of its files and its text at
/// once, and says so by a field.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    request: &Request,
    body: Body,
) -> Result<Response> {
    let is_checked = request.data::<TokenChecked>().is_some();
    let Some(mut parts) = ReceivedForm::open(&app, request, body) else {
        return Err(if is_checked {
            refused("Choose a file.")
        } else {
            Error::Forbidden(OUT_OF_DATE)
        });
    };
    let mut form = SentForm::default();
    let error = match form.answer(&app, &ctx, &user, &slug, (&mut parts, is_checked)).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    if !matches!(error, Error::Forbidden(_)) {
        parts.drain().await;
    }
    form.0.remove(&app, user.id).await;
    if !form.is_message() {
        return Err(error);
    }
    let membership = open_room(&app, &user, &slug).await?;
    let typed = FilesForm {
        body: form.0.value("body").to_owned(),
        client_id: form
            .0
            .value("client_id")
            .parse()
            .map_or_else(|_| ClientId::new(), ClientId),
        error: Some(sentence(&error)),
    };
    let page = draw(&app, &ctx, &user, &membership, &typed).await?;
    Ok(page.with_status(ResponseError::status(&error)).into_response())
}

/// Deletes a file that its sender has not sent.
#[handler]
pub async fn destroy(app: Data<&App>, user: CurrentUser, Path(id): Path<String>) -> Result<StatusCode> {
    removing::remove(&app, user.id, parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same by the address of the room that it was received for.
#[handler]
pub async fn destroy_in_room(
    app: Data<&App>,
    user: CurrentUser,
    Path((slug, id)): Path<(String, String)>,
) -> Result<StatusCode> {
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    let id = parse_id(&id)?;
    if find_unsent(&app.db, id, user.id).await? != Some(membership.room.id) {
        return Err(Error::NotFound);
    }
    removing::remove(&app, user.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A form with files, as far as it has come.
#[derive(Default)]
struct SentForm(ReceivedForm);

impl SentForm {
    /// Takes the form, and answers it.
    async fn answer(
        &mut self,
        app: &App,
        ctx: &Ctx,
        user: &CurrentUser,
        slug: &str,
        (parts, is_checked): (&mut FormStream, bool),
    ) -> Result<Response> {
        let membership = open_room(app, user, slug).await?;
        app.throttle
            .check_message(user.id)
            .map_err(|retry_after| Error::TooMany { retry_after })?;
        self.take(app, ctx, user, &membership, (parts, is_checked)).await?;
        match self.0.files.as_slice() {
            [] => Err(refused("Choose a file.")),
            _ if self.is_message() => self.send(app, user, &membership).await,
            [file] => Ok(described(file)),
            _ => Err(refused("Send one file after the other.")),
        }
    }

    /// Takes the parts. The token comes first, where it was not in the header.
    async fn take(
        &mut self,
        app: &App,
        ctx: &Ctx,
        user: &CurrentUser,
        membership: &Membership,
        (parts, mut is_checked): (&mut FormStream, bool),
    ) -> Result<()> {
        let check = |field: Option<(&str, &str)>| {
            is_checked |= field.is_some_and(|(name, value)| name == "csrf_token" && is_token(ctx, value));
            if is_checked {
                Ok(())
            } else {
                Err(Error::Forbidden(OUT_OF_DATE))
            }
        };
        self.0.take(app, membership, user.key, parts, check).await
    }

    /// Whether all of it is a message.
    fn is_message(&self) -> bool {
        self.0.fields.iter().any(|(name, _)| name == "send")
    }

    /// Sends the message.
    async fn send(&self, app: &App, user: &CurrentUser, membership: &Membership) -> Result<Response> {
        let mut fields = self.0.fields.clone();
        fields.extend(
            self.0
                .files
                .iter()
                .map(|file| ("files".to_owned(), file.id.to_string())),
        );
        let form = NewMessageForm::from(fields).with_client_id();
        match store(app, user, membership, &form).await? {
            Ok(stored) => {
                if stored.is_duplicate {
                    // It has the files of the first time.
                    self.0.remove(app, user.id).await;
                }
                Ok(see_other(&format!("{}#m-{}", path(&membership.room.slug), stored.seq)))
            }
            Err(refusal) => Err(Error::Conflict(refusal.page_message().to_owned())),
        }
    }
}

/// The room, if the person may write there.
async fn open_room(app: &App, user: &CurrentUser, slug: &str) -> Result<Membership> {
    let membership = enter(app, user.id, RoomAddress::Slug(slug)).await?;
    if membership.may_write {
        Ok(membership)
    } else {
        Err(Error::Conflict("Nobody can write in this room now.".into()))
    }
}

async fn draw(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    membership: &Membership,
    typed: &FilesForm,
) -> Result<maud::Markup> {
    let room = &membership.room;
    let shell = Shell::load(app, ctx, user, Open::Room(room.id)).await?;
    let form = files_form(ctx, room, app.config.max_upload, typed);
    Ok(about_message(&shell, "Send files", &form))
}

/// What was stored, for whoever sends it.
fn described(file: &File) -> Response {
    let details = file.details.as_ref();
    let described = json!({
        "id": file.id,
        "name": details.map(|details| &details.name),
        "size": file.size.0,
        "type": details.map(|details| &details.content_type),
    });
    Response::builder()
        .status(StatusCode::CREATED)
        .content_type("application/json")
        .body(described.to_string())
}

/// What an error says about the form to whoever filled it in.
fn sentence(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => fields.summary(),
        Error::TooLarge(sentence) | Error::Conflict(sentence) => sentence.clone(),
        Error::TooMany { .. } => "You are sending too fast. Wait a moment, and send it again.".into(),
        _ => "The server cannot take this right now. Send it again; it will not be sent twice.".into(),
    }
}

pub(super) fn parse_id(id: &str) -> Result<FileId> {
    Uuid::parse_str(id).map(FileId).map_err(|_| Error::NotFound)
}
