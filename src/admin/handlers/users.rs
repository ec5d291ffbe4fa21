//! The people of this server.

use maud::Markup;
use poem::handler;
use poem::web::{Data, Query};
use serde::Deserialize;

use crate::accounts::Administrator;
use crate::admin::queries;
use crate::admin::views::{self, UsersPage};
use crate::chat::{Open, Shell};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::lists::{limit, page_of};
use crate::{App, Result};

/// Whom to look for, and from where on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Search {
    pub(super) q: String,
    pub(super) after: String,
}

/// Everybody, or those who fit the search; the list alone while somebody types.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Query(search): Query<Search>,
) -> Result<Markup> {
    let page = find(&app, search).await?;
    if ctx.htmx {
        return Ok(views::people(&ctx, &user.viewer, &page));
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::users(&shell, &page))
}

/// Everybody who fits the search.
pub(super) async fn find(app: &App, search: Search) -> Result<UsersPage> {
    let wanted = fold(search.q.trim().trim_start_matches('@'));
    let found = queries::list_people(&app.db, &wanted, &fold(&search.after), limit()).await?;
    let (people, after) = page_of(found, |person| person.username.clone());
    Ok(UsersPage {
        q: search.q,
        total: queries::count_people(&app.db, &wanted).await?,
        people,
        admins: queries::count_admins(&app.db).await?,
        after,
    })
}
