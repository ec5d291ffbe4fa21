//! My password.

use maud::Markup;
use poem::web::{Data, Form, Query};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::model::PasswordForm;
use crate::accounts::{CurrentUser, passwords};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::settings::views::{self, Section};
use crate::web::errors::redraw;
use crate::web::forwarded::Client;
use crate::web::session::set_session;
use crate::web::{Ctx, see_other};
use crate::{App, Result};

/// Whether it was changed just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Outcome {
    changed: bool,
}

/// The form.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser, Query(outcome): Query<Outcome>) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    let section = views::password(&ctx, &FieldErrors::default(), outcome.changed);
    Ok(views::page(&shell, Section::Password, &section))
}

/// Changes it. The session goes on with a new id, to which the tokens of open pages do not belong: a whole page follows.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    client: Client,
    Form(form): Form<PasswordForm>,
) -> Result<Response> {
    match passwords::change(&app, &user, &form, &client).await {
        Ok((cookie, lifetime)) => {
            let mut response = see_other("/settings/password?changed=true");
            set_session(&mut response, &app, cookie, lifetime);
            Ok(response)
        }
        Err(error) => {
            let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
            redraw(error, |errors| {
                views::page(&shell, Section::Password, &views::password(&ctx, errors, false))
            })
        }
    }
}
