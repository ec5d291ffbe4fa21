//! What a page missed of its room: told by its socket when that opens, and on request to a page that no socket reaches.

use poem::http::StatusCode;
use poem::web::{Data, Path, Query};
use poem::{IntoResponse, Response, handler};
use sqlx::PgConnection;

use super::connect::Shown;
use super::event::{Changes, Event, Placement};
use super::programs::event as programs;
use crate::accounts::CurrentUser;
use crate::ids::{Position, RoomId};
use crate::messages::history;
use crate::messages::model::Item;
use crate::realtime::{Frame, Listener};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, Span, path};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::htmx::lead_to;
use crate::{App, Error, Result};

/// A page that missed more changes than this loads the newest history instead.
const MAX_MISSED: i64 = 500;
/// Changes that are loaded together for a page that missed them.
const CHANGES_PER_LOAD: i64 = 100;

/// Whether a page at that position has to be loaded again, now that its room is at `end`: it missed too much, or the
/// database was set back.
pub(super) fn is_outdated(at: Position, end: Position) -> bool {
    at.change > end.change || end.change.0.saturating_sub(at.change.0) > MAX_MISSED
}

/// Tells the other side of a room's socket that it missed too much to be told it: the room is at `end` now.
pub(super) fn outdated(listener: Listener, room: RoomId, end: Position) -> Frame {
    match listener {
        Listener::Page => Event::PageOutdated.frame(),
        Listener::Program => programs::outdated(room, end),
    }
}

/// What comes next after that position, as that member may see it, and the position up to which it goes.
pub(super) async fn load(
    app: &App,
    db: &mut PgConnection,
    membership: &Membership,
    at: Position,
) -> Result<(Vec<Item>, Position)> {
    let state = membership.room.state();
    let span = Span {
        room: state.id,
        key: state.key,
        begins: membership.begins.seq,
        for_all: false,
        newest: at.seq,
        after: at.change,
        up_to: state.last_change,
    };
    let mut read = history::changes(app, db, &[span], CHANGES_PER_LOAD).await?;
    let (items, change) = read.pop().ok_or_else(|| Error::internal("a span has no answer"))?;
    let newest = items.iter().filter_map(|item| match item {
        Item::Message(message) => Some(message.seq),
        Item::Altered(_) | Item::Event(_) => None,
    });
    let seq = newest.max().unwrap_or(at.seq);
    Ok((items, Position { change, seq }))
}

/// What a page missed, in the same fragments as over its socket: as much as is loaded together, or nothing (204). A page
/// that is outdated, or whose room has another address by now, is led to the room's page.
#[handler]
pub(super) async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response> {
    let membership = enter(&app, user.id, shown.address(&slug)).await?;
    if !membership.may_write {
        return Err(Error::NotFound);
    }
    let room = &membership.room;
    let (at, end) = (shown.position(&membership), room.state().position());
    if !ctx.htmx || fold(&slug) != fold(&room.slug) || is_outdated(at, end) {
        return Ok(lead_to(&ctx, &format!("{}?room={}", path(&room.slug), room.id)));
    }
    if at.change == end.change {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut db = app.db.acquire().await?;
    let (items, to) = load(&app, &mut db, &membership, at).await?;
    let changes = Changes {
        after: at,
        to,
        items: &items,
        placement: Placement::InPlace,
    };
    Ok(changes.fragment().into_response())
}
