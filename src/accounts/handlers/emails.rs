//! The link that shows that an e-mail address is its reader's.

use maud::Markup;
use poem::web::{Data, Path};
use poem::{Response, handler};

use crate::accounts::{emails, views};
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// A button: programs that look through mails open links, but press nothing.
#[handler]
pub async fn edit(app: Data<&App>, ctx: Ctx, Path(token): Path<String>) -> Result<Markup> {
    let owner = emails::find_claim(&app, &token).await?;
    Ok(views::confirm_email(&ctx, &token, &owner))
}

/// Confirms the address.
#[handler]
pub async fn update(app: Data<&App>, client: Client, Path(token): Path<String>) -> Result<Response> {
    emails::verify(&app, &token, &client).await?;
    Ok(see_other("/accounts/email/done"))
}

/// Says that it is done.
#[handler]
pub fn done(Data(ctx): Data<&Ctx>) -> Markup {
    views::email_confirmed(ctx)
}
