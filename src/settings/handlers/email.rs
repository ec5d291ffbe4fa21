//! My e-mail address.

use maud::Markup;
use poem::web::{Data, Form, Query};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::model::EmailForm;
use crate::accounts::{CurrentUser, emails, queries};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::settings::views::{self, EmailPage, Section};
use crate::web::errors::redraw;
use crate::web::forwarded::Client;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result, mail};

/// Whether a link was mailed just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Outcome {
    mailed: bool,
}

/// The address, and the form for another one.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser, Query(outcome): Query<Outcome>) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    let page = EmailPage {
        is_mailed: outcome.mailed,
        ..find(&app, &user).await?
    };
    let section = views::email(&ctx, &page, &EmailForm::default(), &FieldErrors::default());
    Ok(views::page(&shell, Section::Email, &section))
}

/// Mails a link to the new address.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    client: Client,
    Form(form): Form<EmailForm>,
) -> Result<Response> {
    match emails::claim(&app, &user, &form, &client).await {
        Ok(()) => Ok(see_other("/settings/email?mailed=true")),
        Err(error) => {
            let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
            let page = find(&app, &user).await?;
            redraw(error, |errors| {
                views::page(&shell, Section::Email, &views::email(&ctx, &page, &form, errors))
            })
        }
    }
}

async fn find(app: &App, user: &CurrentUser) -> Result<EmailPage> {
    let account = queries::find_account(&app.db, user.id).await?;
    let account = account.ok_or(Error::Unauthenticated)?;
    Ok(EmailPage {
        email: account.email,
        is_verified: account.is_verified,
        is_mailed: false,
        has_mail: mail::is_set_up(app),
    })
}
