//! A person's public profile.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Path};

use crate::accounts::{MaybeUser, queries};
use crate::chat::{Open, Shell, views};
use crate::friends::queries::find_relation;
use crate::rooms::queries::find_last_seen;
use crate::text::fold;
use crate::web::Ctx;
use crate::{App, Error, Result};

/// The page, or for htmx the card alone. It exists for people with an account only.
#[handler]
pub async fn show(
    app: Data<&App>,
    ctx: Ctx,
    MaybeUser(user): MaybeUser,
    Path(username): Path<String>,
) -> Result<Markup> {
    let user = user.ok_or(Error::NotFound)?;
    let found = queries::find_profile(&app.db, &fold(&username)).await?;
    let found = found.ok_or(Error::NotFound)?;
    let relation = if found.id == user.id {
        None
    } else {
        Some(find_relation(&app.db, user.id, found.id).await?)
    };
    let seen = find_last_seen(&app.db, user.id, found.id)
        .await?
        .filter(|_| relation.is_some());
    let seen = seen.map(|last_seen| (app.presence.is_online(found.id), last_seen));
    if ctx.htmx {
        return Ok(views::profile_in_dialog(&ctx, &found, relation, seen));
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Home).await?;
    Ok(views::profile(&shell, &found, relation, seen))
}
