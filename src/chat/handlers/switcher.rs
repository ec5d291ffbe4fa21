//! The quick switcher.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Query};
use serde::Deserialize;

use crate::accounts::CurrentUser;
use crate::chat::{Open, Shell, switcher, views};
use crate::web::Ctx;
use crate::{App, Result};

/// What was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    q: String,
}

/// The entries for what was typed; without script on a page of their own.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser, Query(Typed { q }): Query<Typed>) -> Result<Markup> {
    let found = switcher::find(&app, user.id, q).await?;
    if ctx.htmx {
        return Ok(views::switched(&found));
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Home).await?;
    Ok(views::switcher(&shell, &found))
}
