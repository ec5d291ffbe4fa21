//! Where I am logged in.

use maud::Markup;
use poem::web::{Data, Path, Query};
use poem::{Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::{CurrentUser, actions, queries};
use crate::chat::{Open, Shell};
use crate::ids::SessionId;
use crate::settings::views::{self, Section, SessionsPage};
use crate::web::Ctx;
use crate::web::htmx::changed;
use crate::{App, Error, Result};

/// Log-ins on one page.
const PAGE_ROWS: usize = 50;

/// Of the programs' log-ins that ended because a token was copied, the newest so many are shown.
const SHOWN_REPLAYED: i64 = 3;

/// From where on.
#[derive(Default, Deserialize)]
pub struct Page {
    before: Option<Uuid>,
}

/// This device, then the others.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser, Query(page): Query<Page>) -> Result<Markup> {
    let shell = Shell::load(&app, &ctx, &user, Open::Settings).await?;
    let sessions = find(&app, &user, page).await?;
    Ok(views::page(
        &shell,
        Section::Sessions,
        &views::sessions(&ctx, &sessions),
    ))
}

/// Ends one of them. This one's own end leads to the log-in.
#[handler]
pub async fn destroy(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(id): Path<String>) -> Result<Response> {
    let id = Uuid::parse_str(&id).map_err(|_| Error::NotFound)?;
    actions::end_session(&app, user.id, SessionId(id)).await?;
    answer(&app, &ctx, &user, "The session has ended.").await
}

/// Ends all but this one.
#[handler]
pub async fn destroy_others(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Response> {
    actions::end_other_sessions(&app, user.id, user.session_id).await?;
    answer(&app, &ctx, &user, "All other sessions have ended.").await
}

async fn answer(app: &App, ctx: &Ctx, user: &CurrentUser, notice: &str) -> Result<Response> {
    let list = async {
        let sessions = find(app, user, Page::default()).await?;
        Ok(views::sessions(ctx, &sessions))
    };
    changed(ctx, "/settings/sessions", notice, list).await
}

async fn find(app: &App, user: &CurrentUser, page: Page) -> Result<SessionsPage> {
    let (now, before) = (app.now(), page.before.map(SessionId));
    let limit = i64::try_from(PAGE_ROWS + 1).unwrap_or(i64::MAX);
    let mut sessions = queries::list_own_sessions(&app.db, user.id, now, before, limit).await?;
    let has_more = sessions.len() > PAGE_ROWS;
    sessions.truncate(PAGE_ROWS);
    let replayed = queries::list_replayed_sessions(&app.db, user.id, SHOWN_REPLAYED).await?;
    Ok(SessionsPage {
        replayed,
        current: user.session_id,
        now,
        before: sessions.last().filter(|_| has_more).map(|session| session.id),
        sessions,
    })
}
