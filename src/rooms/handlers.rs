//! The viewer's membership: joining creates it, leaving ends it.

use poem::web::{Data, Path};
use poem::{Response, handler};

use super::actions;
use super::model::path;
use crate::accounts::CurrentUser;
use crate::web::Ctx;
use crate::web::htmx::lead_to;
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
