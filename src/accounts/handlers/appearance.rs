//! The look that a reader chooses.

use poem::http::header;
use poem::web::{Data, Form};
use poem::{Request, Response, handler};
use serde::Deserialize;

use crate::accounts::actions;
use crate::accounts::current_user::MaybeUser;
use crate::web::components::theme_choice;
use crate::web::htmx::with_event;
use crate::web::normalise::is_local;
use crate::web::session::set_theme;
use crate::web::{Ctx, Theme, see_other};
use crate::{App, Result};

/// What the theme's menu sends.
#[derive(Deserialize)]
pub struct Choice {
    theme: Theme,
}

/// Keeps the theme in the browser, and in the account of whoever is logged in; leads back to the page. For htmx the
/// page stays: it is told the theme, and sets it.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    user: MaybeUser,
    request: &Request,
    Form(choice): Form<Choice>,
) -> Result<Response> {
    if let Some(user) = user.0 {
        actions::choose_theme(&app, user.id, choice.theme).await?;
    }
    let mut response = if ctx.htmx {
        with_event(theme_choice(&ctx, choice.theme), "theme", choice.theme.as_str())
    } else {
        see_other(&page_before(&app, request))
    };
    set_theme(&mut response, &app.config, choice.theme);
    Ok(response)
}

/// The page of ours that the request comes from; else the start page.
fn page_before(app: &App, request: &Request) -> String {
    let referrer = request
        .header(header::REFERER)
        .and_then(|text| url::Url::parse(text).ok());
    referrer
        .filter(|url| app.origins.contains(&url.origin().ascii_serialization()))
        .map(|url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
        .filter(|path| is_local(path))
        .unwrap_or_else(|| "/".to_owned())
}
