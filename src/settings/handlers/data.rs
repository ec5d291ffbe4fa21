//! What others see of me, and what is stored about me.

use maud::Markup;
use poem::web::{Data, Form};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::{CurrentUser, privacy, queries};
use crate::chat::{Open, Shell};
use crate::settings::views::{self, Section};
use crate::web::Ctx;
use crate::web::htmx::changed;
use crate::{App, Result};

/// What a switch is set to.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    On,
    Off,
}

/// What the form sends: the switches that are to change.
#[derive(Deserialize)]
pub struct Choice {
    presence: Option<Switch>,
    receipts: Option<Switch>,
}

/// What can be chosen, and taken along.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    let hidden = queries::find_hidden(&app.db, user.id).await?;
    Ok(views::page(&shell, Section::Data, &views::data(&ctx, hidden)))
}

/// Sets switches.
#[handler]
pub async fn update(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(choice): Form<Choice>) -> Result<Response> {
    if let Some(presence) = choice.presence {
        privacy::hide_presence(&app, user.id, presence == Switch::Off).await?;
    }
    if let Some(receipts) = choice.receipts {
        privacy::hide_receipts(&app, user.id, receipts == Switch::Off).await?;
    }
    let section = async {
        let hidden = queries::find_hidden(&app.db, user.id).await?;
        Ok(views::data(&ctx, hidden))
    };
    changed(&ctx, "/settings/data", "Saved.", section).await
}
