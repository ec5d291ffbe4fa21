//! The look that a person chooses.

use maud::Markup;
use poem::web::{Data, Form};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::{CurrentUser, actions};
use crate::chat::{Open, Shell};
use crate::settings::views::{self, Section};
use crate::web::htmx::with_event;
use crate::web::session::set_theme;
use crate::web::{Ctx, Theme, see_other};
use crate::{App, Result};

/// What the form sends.
#[derive(Deserialize)]
pub struct Choice {
    theme: Theme,
}

/// The looks to choose from.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    Ok(views::page(
        &shell,
        Section::Appearance,
        &views::appearance(&ctx, ctx.theme),
    ))
}

/// Keeps the choice in the account and in the browser. For htmx the page stays: it is told the look, and sets it.
#[handler]
pub async fn update(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(choice): Form<Choice>) -> Result<Response> {
    actions::choose_theme(&app, user.id, choice.theme).await?;
    let mut response = if ctx.htmx {
        with_event(views::appearance(&ctx, choice.theme), "theme", choice.theme.as_str())
    } else {
        see_other("/settings/appearance")
    };
    set_theme(&mut response, &app.config, choice.theme);
    Ok(response)
}
