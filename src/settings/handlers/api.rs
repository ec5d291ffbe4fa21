//! The programs that act for me, and the keys for their encrypted bodies.

use maud::Markup;
use poem::web::{Data, Form, Path};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::{CurrentUser, actions, api_keys, queries};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::ids::{ApiKeyId, SessionId};
use crate::settings::views::{self, ApiPage, Section};
use crate::web::Ctx;
use crate::web::errors::redraw;
use crate::web::htmx::changed;
use crate::{App, Error, Result};

/// What a new key is to be called.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NewKey {
    name: String,
}

/// The programs and the keys.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let section = section(&app, &ctx, &user).await?;
    page(&app, &ctx, &user, &section).await
}

/// Makes a key, and shows it this once.
#[handler]
pub async fn create(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(form): Form<NewKey>) -> Result<Response> {
    match api_keys::create(&app, &user, &form.name).await {
        Ok(made) => {
            let page = page(&app, &ctx, &user, &views::api_key_made(&made)).await?;
            Ok(page.into_response())
        }
        Err(error) => {
            let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
            let found = find(&app, &user).await?;
            redraw(error, |errors| {
                views::page(&shell, Section::Api, &views::api(&ctx, &found, &form.name, errors))
            })
        }
    }
}

/// Ends a key.
#[handler]
pub async fn revoke(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(id): Path<String>) -> Result<Response> {
    let id = Uuid::parse_str(&id).map_err(|_| Error::NotFound)?;
    api_keys::revoke(&app, user.id, ApiKeyId(id)).await?;
    let section = section(&app, &ctx, &user);
    changed(&ctx, "/settings/api", "The key is revoked.", section).await
}

/// Ends the log-in of a program.
#[handler]
pub async fn end(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(id): Path<String>) -> Result<Response> {
    let id = Uuid::parse_str(&id).map_err(|_| Error::NotFound)?;
    actions::end_session(&app, user.id, SessionId(id)).await?;
    let section = section(&app, &ctx, &user);
    changed(&ctx, "/settings/api", "The program is logged out.", section).await
}

async fn page(app: &App, ctx: &Ctx, user: &CurrentUser, section: &Markup) -> Result<Markup> {
    let shell = Shell::load(app, ctx, user, Open::Settings).await?;
    Ok(views::page(&shell, Section::Api, section))
}

async fn section(app: &App, ctx: &Ctx, user: &CurrentUser) -> Result<Markup> {
    let found = find(app, user).await?;
    Ok(views::api(ctx, &found, "", &FieldErrors::default()))
}

async fn find(app: &App, user: &CurrentUser) -> Result<ApiPage> {
    let now = app.now();
    Ok(ApiPage {
        programs: queries::list_programs(&app.db, user.id, now).await?,
        keys: queries::list_api_keys(&app.db, user.id).await?,
        now,
    })
}
