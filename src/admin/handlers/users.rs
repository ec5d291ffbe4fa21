//! The people of this server.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Query};
use serde::Deserialize;

use super::{limit, page_of};
use crate::accounts::Administrator;
use crate::accounts::model::fold;
use crate::admin::queries;
use crate::admin::views::{self, UsersPage};
use crate::chat::{Open, Shell};
use crate::web::Ctx;
use crate::{App, Result};

/// Whom to look for, and from where on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    after: String,
}

/// Everybody, or those who fit the search; the list alone while somebody types.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Query(search): Query<Search>,
) -> Result<Markup> {
    let wanted = fold(search.q.trim().trim_start_matches('@'));
    let found = queries::list_people(&app.db, &wanted, &fold(&search.after), limit()).await?;
    let (people, after) = page_of(found, |person| person.username.clone());
    let total = queries::count_people(&app.db, &wanted).await?;
    let admins = queries::count_admins(&app.db).await?;
    let page = UsersPage {
        q: search.q,
        total,
        people,
        admins,
        after,
    };
    if ctx.htmx {
        return Ok(views::people(&ctx, &user.viewer, &page));
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::users(&shell, &page))
}
