//! The link that shows that an e-mail address is its reader's.

use maud::Markup;
use poem::web::{Data, Path};
use poem::{IntoResponse, Response, handler};

use super::unless_over;
use crate::accounts::{emails, views};
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// A button: programs that look through mails open links, but press nothing.
#[handler]
pub async fn edit(app: Data<&App>, ctx: Ctx, Path(token): Path<String>) -> Result<Response> {
    let question = emails::find_claim(&app, &token)
        .await
        .map(|owner| views::confirm_email(&ctx, &token, &owner).into_response());
    unless_over(question, || views::confirmation_over(&ctx))
}

/// Confirms the address.
#[handler]
pub async fn update(app: Data<&App>, ctx: Ctx, client: Client, Path(token): Path<String>) -> Result<Response> {
    let outcome = emails::verify(&app, &token, &client).await;
    let outcome = outcome.map(|()| see_other("/accounts/email/done"));
    unless_over(outcome, || views::confirmation_over(&ctx))
}

/// Says that it is done.
#[handler]
pub fn done(Data(ctx): Data<&Ctx>) -> Markup {
    views::email_confirmed(ctx)
}
