//! Whom I block.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Query};
use serde::Deserialize;

use crate::accounts::CurrentUser;
use crate::chat::{Open, Shell};
use crate::friends::model::Contacts;
use crate::friends::queries::list_contacts;
use crate::settings::views::{self, Section};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::lists::{limit, page_of};
use crate::{App, Result};

/// From where on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Listed {
    after: String,
}

/// A page of them.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser, Query(listed): Query<Listed>) -> Result<Markup> {
    let found = list_contacts(&app.db, user.id, Contacts::Blocked, &fold(&listed.after), limit()).await?;
    let (contacts, after) = page_of(found, |contact| contact.person.username.clone());
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    let section = views::blocks(&ctx, &contacts, after.as_deref());
    Ok(views::page(&shell, Section::Blocks, &section))
}
