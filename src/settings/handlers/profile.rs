//! My name, my picture, and what I say of myself.

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

/// The picture and the form.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let section = section(&app, &ctx, &user).await?;
    page(&app, &ctx, &user, &section).await
}

/// Keeps what the form says.
#[handler]
pub async fn update(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(form): Form<ProfileForm>) -> Result<Response> {
    match profile::update(&app, user.id, &form).await {
        Ok(()) => {
            let saved = async {
                let found = stored(&app, &user).await?;
                Ok(views::profile_form(
                    &ctx,
                    found.face(),
                    &found.form,
                    &FieldErrors::default(),
                ))
            };
            changed(&ctx, "/settings/profile", "Your profile is saved.", saved).await
        }
        Err(Error::Invalid(errors)) => {
            let found = stored(&app, &user).await?;
            let answer = if ctx.htmx {
                views::profile_form(&ctx, found.face(), &form, &errors)
            } else {
                page(&app, &ctx, &user, &views::profile(&ctx, found.face(), &form, &errors)).await?
            };
            Ok(answer.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The section on its page.
pub(super) async fn page(app: &App, ctx: &Ctx, user: &CurrentUser, section: &Markup) -> Result<Markup> {
    let shell = Shell::load(app, ctx, user, Open::Settings).await?;
    Ok(views::page(&shell, Section::Profile, section))
}

/// What is stored by now; the log-in may know what was before.
pub(super) async fn stored(app: &App, user: &CurrentUser) -> Result<Profile> {
    let found = queries::find_profile(&app.db, &fold(&user.viewer.username)).await?;
    found.ok_or(Error::NotFound)
}

async fn section(app: &App, ctx: &Ctx, user: &CurrentUser) -> Result<Markup> {
    let found = stored(app, user).await?;
    Ok(views::profile(ctx, found.face(), &found.form, &FieldErrors::default()))
}
