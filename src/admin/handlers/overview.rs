//! The numbers of this server.

use chrono::{NaiveTime, Utc};
use maud::Markup;
use poem::handler;
use poem::web::Data;

use crate::accounts::Administrator;
use crate::admin::{queries, views};
use crate::chat::{Open, Shell};
use crate::rooms::model::Show;
use crate::web::Ctx;
use crate::{App, Result, accounts, rooms};

/// The administration's first page.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, Administrator(user): Administrator) -> Result<Markup> {
    let midnight = app
        .now()
        .date_naive()
        .and_time(NaiveTime::MIN)
        .and_local_timezone(Utc)
        .earliest();
    let sockets = app.hub.connections() + app.presence.sockets_elsewhere();
    let numbers = views::Overview {
        users: accounts::queries::count_users(&app.db).await?,
        users_online: i64::try_from(app.presence.everybody()).unwrap_or(i64::MAX),
        sockets: i64::try_from(sockets).unwrap_or(i64::MAX),
        messages: rooms::queries::count_messages(&app.db).await?,
        messages_today: queries::count_messages_since(&app.db, midnight.unwrap_or_else(|| app.now())).await?,
        rooms_open: rooms::queries::count_public_rooms(&app.db, Show::Open).await?,
        rooms_archived: rooms::queries::count_public_rooms(&app.db, Show::Archived).await?,
    };
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::overview(&shell, &numbers))
}
