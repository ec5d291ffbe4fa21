//! My name, and what I say of myself.

use maud::Markup;
use poem::http::StatusCode;
use poem::web::{Data, Form};
use poem::{IntoResponse, Response, handler};

use crate::accounts::model::{Profile, ProfileForm};
use crate::accounts::{CurrentUser, profile, queries};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::settings::views::{self, Section};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::htmx::changed;
use crate::{App, Error, Result};

/// The list of all settings; on a wide screen the first of them stands beside it.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    Ok(views::list(
        &shell,
        Section::Profile,
        &section(&app, &ctx, &user).await?,
    ))
}

/// The form.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    Ok(views::page(
        &shell,
        Section::Profile,
        &section(&app, &ctx, &user).await?,
    ))
}

/// Keeps what the form says.
#[handler]
pub async fn update(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(form): Form<ProfileForm>) -> Result<Response> {
    match profile::update(&app, user.id, &form).await {
        Ok(()) => {
            let saved = section(&app, &ctx, &user);
            changed(&ctx, "/settings/profile", "Your profile is saved.", saved).await
        }
        Err(Error::Invalid(errors)) => {
            let typed = views::profile(&ctx, &user.viewer, &form, &errors);
            let answer = if ctx.htmx {
                typed
            } else {
                let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
                views::page(&shell, Section::Profile, &typed)
            };
            Ok(answer.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The section as it is stored.
async fn section(app: &App, ctx: &Ctx, user: &CurrentUser) -> Result<Markup> {
    let found = queries::find_profile(&app.db, &fold(&user.viewer.username)).await?;
    let Profile { form, .. } = found.ok_or(Error::NotFound)?;
    Ok(views::profile(ctx, &user.viewer, &form, &FieldErrors::default()))
}
