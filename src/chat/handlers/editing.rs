//! One message: how it stands, what its reader can do with it, and changing it. The links of messages are relative to their
//! room's page (`?around=`): where that is drawn at an address of these, it leads there.

use maud::Markup;
use poem::http::StatusCode;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use super::{Page, rooms};
use crate::accounts::CurrentUser;
use crate::chat::views::about_message;
use crate::chat::{Open, Shell};
use crate::ids::Seq;
use crate::messages::editing::{self, Text};
use crate::messages::history;
use crate::messages::model::{Body, MessageView, Quote, SendError};
use crate::messages::views::{self, Draft, Edit, answered, delete_question, editor};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress, message_path};
use crate::web::htmx::changed;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// A message: for htmx alone, for everybody else in its room.
#[handler]
pub async fn show(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
    Query(page): Query<Page>,
) -> Result<Response> {
    let (membership, message) = find(&app, &user, &slug, seq).await?;
    if !ctx.htmx {
        let seq = page.around.unwrap_or(seq);
        return Ok(see_other(&message_path(&membership.room.slug, Seq(seq))));
    }
    Ok(views::message(&message).into_response())
}

/// What the reader can do with a message: for htmx, to stand beside it.
#[handler]
pub async fn menu(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
) -> Result<Response> {
    let (membership, message) = find(&app, &user, &slug, seq).await?;
    if !ctx.htmx {
        return Ok(see_other(&message_path(&membership.room.slug, Seq(seq))));
    }
    let possible = rooms::possible(&membership, &user, &message);
    Ok(views::menu(&ctx, &membership.room.slug, message.seq, &possible).into_response())
}

/// What the composer shows of a message that is to be answered.
#[handler]
pub async fn show_reply(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
    Query(page): Query<Page>,
) -> Result<Response> {
    let (membership, message) = find(&app, &user, &slug, seq).await?;
    if !membership.may_write {
        return Err(Error::NotFound);
    }
    let slug = &membership.room.slug;
    if let Some(seq) = page.around {
        return Ok(see_other(&message_path(slug, Seq(seq))));
    }
    let quote = Quote::of(message);
    if ctx.htmx {
        return Ok(answered(slug, &quote).into_response());
    }
    let draft = Draft {
        reply: Some(&quote),
        ..Draft::default()
    };
    let page = rooms::draw(&app, &ctx, &user, &membership, None, draft).await?;
    Ok(page.into_response())
}

/// The form to change a message: in place of the composer.
#[handler]
pub async fn show_form(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
    Query(page): Query<Page>,
) -> Result<Response> {
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    if let Some(seq) = page.around {
        return Ok(see_other(&message_path(&membership.room.slug, Seq(seq))));
    }
    let Text { body, version, .. } = editing::find_own(&app, &membership, Seq(seq)).await?;
    let edit = Edit {
        seq: Seq(seq),
        version,
        body: &body,
        error: None,
    };
    Ok(draw(&app, &ctx, &user, &membership, edit).await?.into_response())
}

/// A new text.
#[derive(Deserialize)]
pub struct NewText {
    body: String,
    /// The version of what was changed; a program may leave it out, and changes whatever stands.
    version: Option<i32>,
}

/// Changes a message. The line itself comes to the page by its socket.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
    Form(form): Form<NewText>,
) -> Result<Response> {
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    let version = form.version.unwrap_or_default();
    let body = match Body::parse(&form.body) {
        // Files need no words.
        Err(SendError::Empty) if editing::find_own(&app, &membership, Seq(seq)).await?.has_files => {
            Body::beside_files(&form.body)
        }
        body => body,
    };
    let (status, version, error) = match body {
        Err(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, version, refusal.message().to_owned()),
        Ok(body) => match editing::edit(&app, &membership, Seq(seq), form.version, &body).await {
            Ok(Ok(())) if ctx.htmx => return Ok(Markup::default().into_response()),
            Ok(Ok(())) => return Ok(see_other(&message_path(&membership.room.slug, Seq(seq)))),
            Ok(Err(Text { body, version, .. })) => (StatusCode::CONFLICT, version, changed_meanwhile(&body)),
            Err(Error::Conflict(sentence)) => (StatusCode::CONFLICT, version, sentence),
            Err(error) => return Err(error),
        },
    };
    let edit = Edit {
        seq: Seq(seq),
        version,
        body: &form.body,
        error: Some(&error),
    };
    let drawn = draw(&app, &ctx, &user, &membership, edit).await?;
    Ok(drawn.with_status(status).into_response())
}

fn changed_meanwhile(body: &str) -> String {
    format!("You changed this message somewhere else meanwhile. It says now: “{body}” Save once more to replace that.")
}

/// The question before a message is deleted: for htmx alone, for everybody else on a page.
#[handler]
pub async fn ask_to_delete(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
) -> Result<Markup> {
    let (membership, message) = find(&app, &user, &slug, seq).await?;
    if message.is_deleted || !membership.may_delete(message.author.id, user.viewer.is_admin) {
        return Err(Error::NotFound);
    }
    let question = delete_question(&ctx, &membership.room.slug, &message);
    if ctx.htmx {
        return Ok(question);
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Room(membership.room.id)).await?;
    Ok(about_message(&shell, "Delete a message", &question))
}

/// Deletes a message. The line that stays comes to the page by its socket.
#[handler]
pub async fn delete(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
) -> Result<Response> {
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    editing::delete(&app, &membership, Seq(seq), user.viewer.is_admin).await?;
    let nothing = async { Ok(Markup::default()) };
    changed(
        &ctx,
        &message_path(&membership.room.slug, Seq(seq)),
        "The message is deleted.",
        nothing,
    )
    .await
}

/// For htmx the form alone, for everybody else the room with it.
async fn draw(app: &App, ctx: &Ctx, user: &CurrentUser, membership: &Membership, edit: Edit<'_>) -> Result<Markup> {
    if ctx.htmx {
        return Ok(editor(ctx, &membership.room.slug, edit));
    }
    let draft = Draft {
        edit: Some(edit),
        ..Draft::default()
    };
    rooms::draw(app, ctx, user, membership, None, draft).await
}

pub(super) async fn find(app: &App, user: &CurrentUser, slug: &str, seq: i64) -> Result<(Membership, MessageView)> {
    let membership = enter(app, user.id, RoomAddress::Slug(slug)).await?;
    let mut db = app.db.acquire().await?;
    let message = history::find(app, &mut db, &membership, Seq(seq)).await?;
    Ok((membership, message))
}
