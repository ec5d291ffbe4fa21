//! Making an account.

use maud::Markup;
use poem::web::{Data, Form, Query};
use poem::{IntoResponse, Response, handler};

use super::sessions::{Destination, page_after};
use super::{answer, unless_sent_before};
use crate::accounts::current_user::MaybeUser;
use crate::accounts::device_cookie::DeviceCookie;
use crate::accounts::model::SignUpForm;
use crate::accounts::{actions, views};
use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// The empty form; whoever is logged in has an account already.
#[handler]
pub fn new(
    Data(ctx): Data<&Ctx>,
    MaybeUser(user): MaybeUser,
    Query(Destination { next }): Query<Destination>,
) -> Response {
    if user.is_some() {
        return see_other(page_after(&next));
    }
    let typed = SignUpForm {
        next,
        ..SignUpForm::default()
    };
    form(ctx, &typed, &FieldErrors::default()).into_response()
}

/// Stands in the answer to whoever has just made an account on the way through an invite link.
#[derive(Clone)]
pub struct SignedUpByInvite {
    pub user: UserId,
    pub token: String,
}

/// Makes the account, and leads to the page that was asked for before.
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
    let mut next = see_other(page_after(&typed.next));
    if let (Ok(logged_in), Some(token)) = (&outcome, typed.invite()) {
        let (user, token) = (logged_in.user, token.to_owned());
        next.extensions_mut().insert(SignedUpByInvite { user, token });
    }
    answer(&app, before, device, outcome, next, |errors| form(&ctx, &typed, errors)).await
}

fn form(ctx: &Ctx, typed: &SignUpForm, errors: &FieldErrors) -> Markup {
    views::sign_up(ctx, typed, errors)
}
