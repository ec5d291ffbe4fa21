//! The viewer's membership: joining creates it, leaving ends it, reading moves it on.

use poem::http::StatusCode;
use poem::web::{Data, Form, Path};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use super::actions;
use super::model::{Read, RoomAddress, path};
use crate::accounts::CurrentUser;
use crate::ids::Seq;
use crate::web::htmx::lead_to;
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// Joins, and leads into the room.
#[handler]
pub async fn create(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    let room = actions::join(&app, user.id, &slug).await?;
    Ok(lead_to(&ctx, &path(&room.slug)))
}

/// Leaves, and leads to the chat home.
#[handler]
pub async fn destroy(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    actions::leave(&app, user.id, &slug).await?;
    Ok(lead_to(&ctx, "/chat/"))
}

/// A message of the room.
#[derive(Deserialize)]
pub struct At {
    seq: i64,
    /// How often they had marked something as unread, as far as the page knows.
    version: Option<i64>,
}

/// Notes that the viewer has read up to there; without script it leads back to the room.
#[handler]
pub async fn read(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(At { seq, version }): Form<At>,
) -> Result<Response> {
    let room = actions::enter(&app, user.id, RoomAddress::Slug(&slug)).await?.room;
    let read = Read {
        room: room.id,
        user: user.id,
        seq: Seq(seq),
        version,
    };
    actions::note_read(&app, &[read]).await?;
    if ctx.htmx {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(see_other(&path(&room.slug)))
}

/// Makes that message the first unread one, and leads to the chat home, where it waits.
#[handler]
pub async fn unread(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(At { seq, .. }): Form<At>,
) -> Result<Response> {
    actions::mark_unread(&app, user.id, &slug, Seq(seq)).await?;
    Ok(lead_to(&ctx, "/chat/"))
}
