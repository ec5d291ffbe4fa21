//! Making the first administrator. Once somebody has an account, this page does not exist.

use maud::Markup;
use poem::web::{Data, Form, Query};
use poem::{IntoResponse, Response, handler};

use super::{answer, unless_sent_before};
use crate::accounts::current_user::MaybeUser;
use crate::accounts::device_cookie::DeviceCookie;
use crate::accounts::model::SignUpForm;
use crate::accounts::{setup, views};
use crate::error::FieldErrors;
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// Says where the code is; with a code (the printed address has it) it shows the form.
#[handler]
pub async fn new(app: Data<&App>, ctx: Ctx, Query(form): Query<SignUpForm>) -> Result<Markup> {
    if !setup::is_needed(&app).await? {
        return Err(Error::NotFound);
    }
    if form.code.is_empty() {
        return Ok(views::setup_waiting(&ctx));
    }
    let form = SignUpForm {
        code: form.code,
        ..SignUpForm::default()
    };
    Ok(views::setup(&ctx, &form, &FieldErrors::default()))
}

/// Makes the administrator and leads to the making of rooms. The page that asks for the code alone sends nothing else:
/// with the right one the form comes.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    client: Client,
    device: DeviceCookie,
    Form(form): Form<SignUpForm>,
) -> Result<Response> {
    let is_needed = setup::is_needed(&app).await?;
    // Before the code is judged, whatever else was sent: the limit is one on guessing it.
    let outcome = match app.throttle.check_address(client.address).await {
        Err(_) if !is_needed => return Err(Error::NotFound),
        Ok(()) if !is_needed => Err(Error::NotFound),
        Ok(()) if form.is_code_only() && setup::check_code(&app, &form.code).await?.is_ok() => {
            return Ok(views::setup(&ctx, &form, &FieldErrors::default()).into_response());
        }
        Ok(()) => setup::set_up(&app, &form, ctx.theme, &client).await,
        Err(error) => Err(error),
    };
    let outcome = unless_sent_before(&app, &form, outcome).await;
    answer(
        &app,
        MaybeUser(None),
        device,
        outcome,
        see_other("/admin/rooms"),
        |errors| views::setup(&ctx, &form, errors),
    )
    .await
}
