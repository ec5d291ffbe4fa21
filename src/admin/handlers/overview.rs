//! The numbers of this server.

use maud::Markup;
use poem::handler;
use poem::web::Data;

use crate::accounts::Administrator;
use crate::admin::views;
use crate::chat::{Open, Shell};
use crate::rooms::model::Show;
use crate::web::Ctx;
use crate::{App, Result, accounts, jobs, rooms};

/// The administration's first page.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, Administrator(user): Administrator) -> Result<Markup> {
    let messages = rooms::queries::count_messages(&app.db, app.now()).await?;
    let sockets = app.hub.connections() + app.presence.sockets_elsewhere();
    let numbers = views::Overview {
        users: accounts::queries::count_users(&app.db).await?,
        users_online: i64::try_from(app.presence.everybody()).unwrap_or(i64::MAX),
        sockets: i64::try_from(sockets).unwrap_or(i64::MAX),
        messages: messages.all,
        messages_today: messages.today,
        rooms_open: rooms::queries::count_public_rooms(&app.db, Show::Open).await?,
        rooms_archived: rooms::queries::count_public_rooms(&app.db, Show::Archived).await?,
        jobs_given_up: jobs::count_given_up(&app).await?,
    };
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::overview(&shell, &numbers))
}
