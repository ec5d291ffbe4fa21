//! Making an account.

use maud::Markup;
use poem::web::{Data, Form};
use poem::{IntoResponse, Response, handler};

use super::{answer, unless_sent_before};
use crate::accounts::current_user::MaybeUser;
use crate::accounts::device_cookie::DeviceCookie;
use crate::accounts::model::SignUpForm;
use crate::accounts::{actions, views};
use crate::error::FieldErrors;
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// The empty form; whoever is logged in has an account already.
#[handler]
pub fn new(Data(ctx): Data<&Ctx>, MaybeUser(user): MaybeUser) -> Response {
    match user {
        Some(_) => see_other("/chat/"),
        None => form(ctx, &SignUpForm::default(), &FieldErrors::default()).into_response(),
    }
}

/// Makes the account and leads to the chats.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    before: MaybeUser,
    client: Client,
    device: DeviceCookie,
    Form(typed): Form<SignUpForm>,
) -> Result<Response> {
    let outcome = actions::sign_up(&app, &typed, ctx.theme, &client).await;
    let outcome = unless_sent_before(&app, &typed, outcome).await;
    answer(&app, before, device, outcome, see_other("/chat/"), |errors| {
        form(&ctx, &typed, errors)
    })
    .await
}

fn form(ctx: &Ctx, typed: &SignUpForm, errors: &FieldErrors) -> Markup {
    views::sign_up(ctx, typed, errors)
}
