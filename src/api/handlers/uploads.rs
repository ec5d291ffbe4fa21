//! Messages with files, in one request.

use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};
use utoipa::ToSchema;
use uuid::Uuid;

use super::enter_by_id;
use super::messages::{find, refused};
use crate::accounts::CurrentUser;
use crate::api::body::{answer, created};
use crate::api::model::Message;
use crate::error::FieldErrors;
use crate::files::form::{self, ReceivedForm};
use crate::ids::{ClientId, Seq};
use crate::messages::model;
use crate::messages::sending::{Sender, Sent, send_and_wait};
use crate::rooms::model::Membership;
use crate::web::form_data::FormStream;
use crate::{App, Error, Result};

/// The fields beside the files.
const FIELDS: [&str; 3] = ["plaintext", "client_id", "reply_to"];

/// A message with files.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the form, which is read as it comes")]
pub struct Upload {
    /// The file; up to ten of them.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What is said with it; may be left out.
    plaintext: Option<String>,
    /// The program's own id for the message: sent twice with the same one, it is stored once.
    client_id: Option<Uuid>,
    /// The number of the message that it answers.
    reply_to: Option<i64>,
}

/// Sends a message with files.
#[utoipa::path(post, path = "/api/rooms/{id}/upload/", tag = "Messages", security(("token" = [])),
    request_body(content = Upload, content_type = "multipart/form-data"),
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
    body: Body,
) -> Result<Response> {
    let Some(mut parts) = ReceivedForm::open(&app, request, body) else {
        return Err(Error::UnsupportedType(
            "Send a form with the file: multipart/form-data.",
        ));
    };
    let mut form = ReceivedForm::default();
    let outcome = async {
        let membership = enter_by_id(&app, &user, request, &id).await?;
        if !membership.may_write {
            return Err(Error::Conflict("Nobody can write in this room now.".into()));
        }
        // Before anything is received for it.
        app.throttle
            .check_message(user.id)
            .map_err(|retry_after| Error::TooMany { retry_after })?;
        take(&app, &user, &membership, &mut form, &mut parts).await
    };
    match outcome.await {
        Ok((message, true)) => answer(poem::http::StatusCode::OK, &message),
        Ok((message, false)) => {
            let room = request
                .original_uri()
                .path()
                .trim_end_matches('/')
                .trim_end_matches("/upload");
            created(&format!("{room}/messages/{}/", message.id), &message)
        }
        Err(error) => {
            // A program that is still sending would not read the answer.
            parts.drain().await;
            form.remove(&app, user.id).await;
            Err(error)
        }
    }
}

/// Takes the form and sends the message; whether that stood there already.
async fn take(
    app: &App,
    user: &CurrentUser,
    membership: &Membership,
    form: &mut ReceivedForm,
    parts: &mut FormStream,
) -> Result<(Message, bool)> {
    let known = |field: Option<(&str, &str)>| match field {
        Some((name, _)) if !FIELDS.contains(&name) => {
            let sentence = format!("Unknown here. Known are: file, {}.", FIELDS.join(", "));
            Err(Error::Invalid(FieldErrors::one(name.to_owned(), sentence)))
        }
        _ => Ok(()),
    };
    form.take(app, membership, user.key, parts, known).await?;
    if form.files.is_empty() {
        return Err(form::refused("Send a file."));
    }
    let sent = Sent {
        body: model::Body::beside_files(form.value("plaintext")).map_err(refused)?,
        client_id: match form.value("client_id") {
            "" => ClientId::new(),
            text => ClientId(parse(text, "client_id", "Give a UUID, or leave it out.")?),
        },
        reply_to: match form.value("reply_to") {
            "" => None,
            text => Some(Seq(parse(
                text,
                "reply_to",
                "Give the number of a message, or leave it out.",
            )?)),
        },
        files: form.files.iter().map(|file| file.id).collect(),
    };
    let sender = Sender::new(app, &app.db, membership, user.key).await?;
    let (stored, _) = send_and_wait(app, &sender, sent).await.map_err(refused)?;
    if stored.is_duplicate {
        // It has the files of the first time.
        form.remove(app, user.id).await;
    }
    Ok((find(app, membership, stored.seq).await?, stored.is_duplicate))
}

fn parse<T: std::str::FromStr>(text: &str, field: &'static str, sentence: &str) -> Result<T> {
    text.parse()
        .map_err(|_| Error::Invalid(FieldErrors::one(field, sentence)))
}
