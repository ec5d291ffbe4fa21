//! A forgotten password: ask for a link, choose a new one by it.

use maud::Markup;
use poem::web::{Data, Form, Path};
use poem::{IntoResponse, Response, handler};

use super::unless_over;
use crate::accounts::model::{NewPasswordForm, ResetForm};
use crate::accounts::{passwords, views};
use crate::error::FieldErrors;
use crate::web::errors::redraw;
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Result, mail};

/// The form that asks whose password it is.
#[handler]
pub fn new(Data(app): Data<&App>, Data(ctx): Data<&Ctx>) -> Markup {
    if !mail::is_set_up(app) {
        return views::reset_by_administrator(ctx);
    }
    views::ask_reset(ctx, &ResetForm::default(), &FieldErrors::default())
}

/// Has the link mailed, and says the same whether there is such an account or not.
#[handler]
pub async fn create(app: Data<&App>, ctx: Ctx, client: Client, Form(form): Form<ResetForm>) -> Result<Response> {
    if !mail::is_set_up(&app) {
        return Ok(views::reset_by_administrator(&ctx).into_response());
    }
    match passwords::request_reset(&app, &form.login, &client).await {
        Ok(()) => Ok(views::reset_asked(&ctx).into_response()),
        Err(error) => redraw(error, |errors| views::ask_reset(&ctx, &form, errors)),
    }
}

/// The form behind a link. Opening it uses nothing up.
#[handler]
pub async fn edit(app: Data<&App>, ctx: Ctx, Path(token): Path<String>) -> Result<Response> {
    let form = passwords::find_reset(&app, &token)
        .await
        .map(|username| views::choose_password(&ctx, &token, &username, &FieldErrors::default()).into_response());
    unless_over(form, || views::reset_over(&ctx))
}

/// Sets the new password.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    client: Client,
    Path(token): Path<String>,
    Form(form): Form<NewPasswordForm>,
) -> Result<Response> {
    let outcome = set(&app, &ctx, &token, &form, &client).await;
    unless_over(outcome, || views::reset_over(&ctx))
}

async fn set(app: &App, ctx: &Ctx, token: &str, form: &NewPasswordForm, client: &Client) -> Result<Response> {
    // Before the password is judged: without a link nothing is said about it.
    let username = passwords::find_reset(app, token).await?;
    match passwords::reset(app, token, form, client).await {
        Ok(()) => Ok(see_other("/accounts/reset/done")),
        Err(error) => redraw(error, |errors| views::choose_password(ctx, token, &username, errors)),
    }
}

/// Says that it is done.
#[handler]
pub fn done(Data(ctx): Data<&Ctx>) -> Markup {
    views::reset_done(ctx)
}
