//! What others see of me, and what is stored about me.

use maud::Markup;
use poem::http::header;
use poem::web::{Data, Form, Query};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::{self, CurrentUser, passwords, queries};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::privacy;
use crate::privacy::actions::{AccountForm, MessagesForm};
use crate::settings::views::{self, DataForm, DataPage, Section};
use crate::web::errors::redraw;
use crate::web::forwarded::Client;
use crate::web::htmx::changed;
use crate::web::session::clear_session;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// What a switch is set to.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    On,
    Off,
}

/// What the form sends: the switches that are to change.
#[derive(Deserialize)]
pub struct Choice {
    presence: Option<Switch>,
    receipts: Option<Switch>,
}

/// What came of a form that led back here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Outcome {
    erasing: bool,
}

/// What can be chosen, taken along, and deleted.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser, Query(outcome): Query<Outcome>) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    let hidden = queries::find_hidden(&app.db, user.id).await?;
    let page = DataPage {
        hidden,
        is_erasing: outcome.erasing,
        refused: None,
    };
    Ok(views::page(&shell, Section::Data, &views::data(&shell, &page)))
}

/// Sets switches.
#[handler]
pub async fn update(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(choice): Form<Choice>) -> Result<Response> {
    if let Some(presence) = choice.presence {
        accounts::privacy::hide_presence(&app, user.id, presence == Switch::Off).await?;
    }
    if let Some(receipts) = choice.receipts {
        accounts::privacy::hide_receipts(&app, user.id, receipts == Switch::Off).await?;
    }
    let section = async {
        let hidden = queries::find_hidden(&app.db, user.id).await?;
        Ok(views::switches(&ctx, hidden))
    };
    changed(&ctx, "/settings/data", "Saved.", section).await
}

/// What the form of the download sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Confirmation {
    password: String,
}

/// Sends everything along, as a file to be kept.
#[handler]
pub async fn export(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    client: Client,
    Form(form): Form<Confirmation>,
) -> Result<Response> {
    let mut errors = FieldErrors::default();
    let confirmed = passwords::confirm(&app, &user, &client, ("password", &form.password), &mut errors).await;
    let confirmed = match confirmed {
        Ok(_) if !errors.is_empty() => Err(Error::Invalid(errors)),
        confirmed => confirmed,
    };
    match confirmed {
        Ok(_) => {
            let body = privacy::actions::export(&app, user.id).await?;
            let name = format!(
                "attachment; filename=\"umbrachat-{}.zip\"",
                app.now().format("%Y-%m-%d")
            );
            let response = Response::builder().content_type("application/zip");
            Ok(response.header(header::CONTENT_DISPOSITION, name).body(body))
        }
        Err(error) => refuse(&app, &ctx, &user, DataForm::Export, error).await,
    }
}

/// Has my messages deleted.
#[handler]
pub async fn destroy_messages(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    client: Client,
    Form(form): Form<MessagesForm>,
) -> Result<Response> {
    match privacy::actions::delete_messages(&app, &user, &form, &client).await {
        Ok(()) => Ok(see_other("/settings/data?erasing=true")),
        Err(error) => refuse(&app, &ctx, &user, DataForm::Messages(&form.room), error).await,
    }
}

/// Deletes my account.
#[handler]
pub async fn destroy(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    client: Client,
    Form(form): Form<AccountForm>,
) -> Result<Response> {
    match privacy::actions::delete_account(&app, &user, &form, &client).await {
        Ok(()) => {
            let mut response = see_other("/");
            clear_session(&mut response, &app);
            Ok(response)
        }
        Err(error) => refuse(&app, &ctx, &user, DataForm::Account(&form.username), error).await,
    }
}

/// The page again, with what is wrong in that form.
async fn refuse(app: &App, ctx: &Ctx, user: &CurrentUser, form: DataForm<'_>, error: Error) -> Result<Response> {
    if !matches!(error, Error::Invalid(_) | Error::TooMany { .. }) {
        return Err(error);
    }
    let shell = Shell::load(app, ctx, user, Open::Settings).await?;
    let hidden = queries::find_hidden(&app.db, user.id).await?;
    redraw(error, |errors| {
        let page = DataPage {
            hidden,
            is_erasing: false,
            refused: Some((form, errors)),
        };
        views::page(&shell, Section::Data, &views::data(&shell, &page))
    })
}
