//! Being asked for consent again.

use poem::http::StatusCode;
use poem::web::{Data, Form, Query};
use poem::{IntoResponse, Response, handler};

use super::sessions::{Destination, page_after};
use crate::accounts::CurrentUser;
use crate::accounts::model::ConsentForm;
use crate::accounts::{privacy, queries, views};
use crate::error::FieldErrors;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// What is new, and the question; whoever has agreed is led on.
#[handler]
pub async fn new(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Query(Destination { next }): Query<Destination>,
) -> Result<Response> {
    if user.has_consented {
        return Ok(see_other(page_after(&next)));
    }
    let form = ConsentForm {
        next,
        ..ConsentForm::default()
    };
    draw(&app, &ctx, &user, &form, &FieldErrors::default()).await
}

/// Agrees, and leads to the page that was asked for before.
#[handler]
pub async fn create(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(form): Form<ConsentForm>) -> Result<Response> {
    match privacy::agree(&app, user.id, &form).await {
        Ok(()) => Ok(see_other(page_after(&form.next))),
        Err(Error::Invalid(errors)) => {
            let page = draw(&app, &ctx, &user, &form, &errors).await?;
            Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn draw(app: &App, ctx: &Ctx, user: &CurrentUser, form: &ConsentForm, errors: &FieldErrors) -> Result<Response> {
    let before = queries::find_consent(&app.db, user.id).await?;
    Ok(views::consent_again(ctx, form, before.as_ref(), errors).into_response())
}
