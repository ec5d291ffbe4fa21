//! The viewer's membership: joining creates it, leaving ends it.

use poem::web::{Data, Path};
use poem::{Response, handler};

use super::actions;
use super::model::path;
use crate::accounts::CurrentUser;
use crate::web::see_other;
use crate::{App, Result};

/// Joins, and leads into the room.
#[handler]
pub async fn create(app: Data<&App>, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    let room = actions::join(&app, user.id, &slug).await?;
    Ok(see_other(&path(&room.slug)))
}

/// Leaves, and leads to the chat home.
#[handler]
pub async fn destroy(app: Data<&App>, user: CurrentUser, Path(slug): Path<String>) -> Result<Response> {
    actions::leave(&app, user.id, &slug).await?;
    Ok(see_other("/chat/"))
}
