//! Invitations of people: mine, and those into a room.

use maud::Markup;
use poem::web::{Data, Path, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::invites;
use crate::accounts::CurrentUser;
use crate::chat::views::InvitesForm;
use crate::chat::{Open, Shell, views};
use crate::ids::RoomId;
use crate::rooms::actions;
use crate::rooms::model::path;
use crate::rooms::queries::list_invitations;
use crate::web::Ctx;
use crate::web::htmx::lead_to;
use crate::web::lists::{limit, page_of};
use crate::{App, Result};

/// From where on a list goes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct After {
    pub(super) after: String,
}

/// The rooms that I am invited to.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    request: &Request,
    Query(After { after }): Query<After>,
) -> Result<Markup> {
    let after = Uuid::parse_str(&after).ok().map(RoomId);
    let found = list_invitations(&app.db, user.id, after, limit()).await?;
    let (found, after) = page_of(found, |invitation| invitation.room.to_string());
    let path = request
        .uri()
        .path_and_query()
        .map_or("/invitations", |path| path.as_str());
    let shell = Shell::load(&app, &ctx, &user, Open::Invitations).await?;
    Ok(views::invitations(&shell, &found, after.as_deref(), path))
}

/// Joins, and leads into the room.
#[handler]
pub async fn accept(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    actions::accept(&app, user.id, &slug).await?;
    Ok(lead_to(&ctx, &path(&slug)))
}

/// Declines.
#[handler]
pub async fn decline(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    actions::decline(&app, user.id, &slug).await?;
    Ok(lead_to(&ctx, "/invitations"))
}

/// Invites somebody into a private room.
pub(super) async fn invite(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, username: String) -> Result<Response> {
    let invited = actions::invite(app, user.id, slug, &username).await;
    let form = InvitesForm {
        username,
        ..InvitesForm::default()
    };
    invites::answer(app, ctx, user, slug, invited, &form).await
}

/// Takes back what invites somebody.
#[handler]
pub async fn withdraw(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, username)): Path<(String, String)>,
) -> Result<Response> {
    actions::withdraw(&app, user.id, &slug, &username).await?;
    Ok(lead_to(&ctx, &invites::page_of_room(&slug)))
}
