//! Who is banned, and whose log-ins end.

use maud::Markup;
use poem::web::{Data, Form, Path};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::model::BanReason;
use crate::accounts::queries::find_author;
use crate::accounts::{Administrator, CurrentUser, moderation};
use crate::admin::views;
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::text::fold;
use crate::web::errors::redraw;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

const USERS: &str = "/admin/users";

/// Why somebody is banned.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Ban {
    reason: String,
}

/// Asks why.
#[handler]
pub async fn new(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Path(username): Path<String>,
) -> Result<Markup> {
    ask(&app, &ctx, &user, &username, "", &FieldErrors::default()).await
}

/// Bans somebody.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Path(username): Path<String>,
    Form(Ban { reason }): Form<Ban>,
) -> Result<Response> {
    let banned = match BanReason::parse(&reason) {
        Ok(checked) => moderation::ban(&app, user.id, &username, &checked).await,
        Err(sentence) => Err(Error::Invalid(FieldErrors::one("reason", sentence))),
    };
    match banned {
        Ok(()) => Ok(see_other(USERS)),
        Err(Error::Invalid(errors)) => {
            let page = ask(&app, &ctx, &user, &username, &reason, &errors).await?;
            redraw(Error::Invalid(errors), |_| page)
        }
        Err(error) => Err(error),
    }
}

/// Ends a ban.
#[handler]
pub async fn destroy(
    app: Data<&App>,
    Administrator(user): Administrator,
    Path(username): Path<String>,
) -> Result<Response> {
    moderation::unban(&app, user.id, &username).await?;
    Ok(see_other(USERS))
}

/// Ends all of somebody's log-ins.
#[handler]
pub async fn end_sessions(
    app: Data<&App>,
    Administrator(user): Administrator,
    Path(username): Path<String>,
) -> Result<Response> {
    moderation::end_all_sessions(&app, user.id, &username).await?;
    Ok(see_other(USERS))
}

async fn ask(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    username: &str,
    reason: &str,
    errors: &FieldErrors,
) -> Result<Markup> {
    let person = find_author(&app.db, &fold(username)).await?.ok_or(Error::NotFound)?;
    let shell = Shell::load(app, ctx, user, Open::Admin).await?;
    Ok(views::ban(&shell, &person, reason, errors))
}
