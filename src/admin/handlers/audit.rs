//! What administrators did.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Query};
use serde::Deserialize;

use crate::accounts::Administrator;
use crate::accounts::queries::list_acts;
use crate::admin::views;
use crate::chat::{Open, Shell};
use crate::web::Ctx;
use crate::web::lists::{limit, page_of};
use crate::{App, Result};

/// From where on.
#[derive(Default, Deserialize)]
pub struct Listed {
    before: Option<i64>,
}

/// A page of it, the newest first.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Query(listed): Query<Listed>,
) -> Result<Markup> {
    let found = list_acts(&app.db, listed.before.unwrap_or(i64::MAX), limit()).await?;
    let (entries, before) = page_of(found, |entry| entry.id.to_string());
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::audit(&shell, &entries, before.as_deref(), app.now()))
}
