//! Links for people who forgot their password.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Path};

use crate::accounts::{Administrator, passwords};
use crate::admin::views;
use crate::chat::{Open, Shell};
use crate::web::Ctx;
use crate::{App, Result};

/// Makes a link and shows it, this once.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Path(username): Path<String>,
) -> Result<Markup> {
    let link = passwords::create_reset_link(&app, user.id, &username).await?;
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::reset_link(&shell, &username, &link))
}
