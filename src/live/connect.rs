//! The handshakes of `ws/chatroom/<name>` and `ws/inbox`, and who may come in.

use std::sync::Arc;

use futures_util::future::FutureExt;
use poem::http::{StatusCode, header};
use poem::web::{Data, Path, Query};
use poem::{IntoResponse, Request, Response, Upgraded, handler};
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Live;
use super::command::MAX_FRAME;
use super::room::Entry;
use super::socket::{Socket, close_code};
use crate::accounts::CurrentUser;
use crate::database::HeldConnection;
use crate::ids::{Change, Position, RoomId, Seq};
use crate::messages::sending::Sender;
use crate::realtime::{CloseCode, Connection, Listener, Sockets, Subscriber};
use crate::rooms::model::{Membership, RoomAddress};
use crate::rooms::queries::find_membership;
use crate::{App, Error, Result};

/// Who opens the server at the wrong address, or names the wrong one, learns it from this.
const FOREIGN: &str = "a page of another origin than the server's own gets no WebSocket and can send nothing; if that is where \
    people open the server, set PUBLIC_URL to it";

/// What the page shows.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Shown {
    /// The newest change.
    after: Option<i64>,
    /// The number of the newest message.
    pub(super) seq: Option<i64>,
    /// Its room: the name in the address may mean another one by now.
    room: Option<Uuid>,
    /// The version of the list of public rooms.
    pub(super) rooms: Option<i64>,
    /// The digest of what of the side bar is the person's own.
    pub(super) mine: Option<Box<str>>,
}

/// Connects a page that shows a room.
#[handler]
pub(super) fn room(
    request: &Request,
    Data(app): Data<&App>,
    Data(live): Data<&Arc<Live>>,
    Data(sockets): Data<&Arc<Sockets>>,
    Path(slug): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response> {
    connect(request, app, live, sockets, Some(slug), shown)
}

/// Connects a page without a room.
#[handler]
pub(super) fn inbox(
    request: &Request,
    Data(app): Data<&App>,
    Data(live): Data<&Arc<Live>>,
    Data(sockets): Data<&Arc<Sockets>>,
    Query(shown): Query<Shown>,
) -> Result<Response> {
    connect(request, app, live, sockets, None, shown)
}

/// The handshake. A wrong Origin is refused; everything else is accepted and, if need be, closed with a code, because
/// a refused handshake tells a page nothing and makes it try for ever.
fn connect(
    request: &Request,
    app: &App,
    live: &Arc<Live>,
    sockets: &Sockets,
    slug: Option<String>,
    shown: Shown,
) -> Result<Response> {
    check_origin(request, app, live)?;
    let user = CurrentUser::of(request);
    // As fast as somebody may send the longest frames.
    let bytes_per_second = u64::from(app.config.message_rate.get()) * MAX_FRAME as u64;
    let (response, upgraded) = match crate::realtime::accept(request, sockets, bytes_per_second) {
        Ok(accepted) => accepted,
        Err(status) => return Ok(refuse(status)),
    };
    let (app, live) = (app.clone(), live.clone());
    tokio::spawn(async move {
        // What is needed only now and then is boxed, here and below: there may be many thousand sockets.
        let opened = async move {
            let upgraded = upgraded.await?;
            open(app, live, upgraded, user, slug, shown).await
        };
        if let Some(mut socket) = opened.boxed().await {
            socket.serve().await;
        }
    });
    Ok(response)
}

/// Refuses pages of other origins, and whoever does not say of which they are.
pub(super) fn check_origin(request: &Request, app: &App, live: &Live) -> Result<()> {
    let origin = request.header(header::ORIGIN);
    if !origin.is_some_and(|origin| app.origins.iter().any(|own| own == origin)) {
        if let Some(origin) = origin
            && live.origin_warnings.may_warn()
        {
            tracing::warn!(?origin, own = ?app.origins, "{FOREIGN}");
        }
        return Err(Error::Forbidden(
            "This address is not one of the server's own. Set PUBLIC_URL to the one you use.",
        ));
    }
    Ok(())
}

pub(super) fn refuse(status: StatusCode) -> Response {
    let text = "This address is a WebSocket (RFC 6455, version 13).";
    text.with_status(status)
        .with_header(header::UPGRADE, "websocket")
        .with_header(header::SEC_WEBSOCKET_VERSION, "13")
        .into_response()
}

/// Opens the page's socket; whoever may not have one is told so by the code with which the connection is closed, and so
/// long holds one of the connections of their address.
async fn open(
    app: App,
    live: Arc<Live>,
    (mut connection, http): (Connection, Upgraded),
    user: Option<CurrentUser>,
    slug: Option<String>,
    shown: Shown,
) -> Option<Box<Socket>> {
    let mut held = HeldConnection::new(app.db.clone());
    let (user, entry) = match find(&app, &mut held, user, slug, &shown).await {
        Ok(found) => found,
        Err(error) => {
            connection.close(close_code(&error)).await;
            return None;
        }
    };
    let subscriber = Subscriber {
        user: user.id,
        session: user.session_id,
        listener: Listener::Page,
        queue: connection.queue().clone(),
    };
    let Some(person) = app.hub.connect(&subscriber, app.config.sockets_per_user.get()) else {
        connection.close(CloseCode::TryAgain).await;
        return None;
    };
    drop(http);
    let mut socket = Box::new(Socket::new(
        app,
        live,
        connection,
        (subscriber, person),
        entry,
        user.hides_presence,
    ));
    socket.arrive(shown, user.look_up, held).await.then_some(socket)
}

/// Who comes, and the room that they enter, if they ask for one.
async fn find(
    app: &App,
    held: &mut HeldConnection,
    user: Option<CurrentUser>,
    slug: Option<String>,
    shown: &Shown,
) -> Result<(CurrentUser, Option<Entry>)> {
    let user = user.ok_or(Error::Unauthenticated)?;
    let Some(slug) = slug else {
        return Ok((user, None));
    };
    let address = shown.address(&slug);
    let enter = async |db: &mut PgConnection| {
        let found = find_membership(&mut *db, user.id, address).await?;
        let membership = found.filter(|membership| membership.may_write).ok_or(Error::NotFound)?;
        let sender = Sender::new(app, db, &membership, user.key).await?;
        Ok::<_, Error>((membership, sender))
    };
    let (membership, sender) = held.run(enter).await?;
    let position = shown.position(&membership);
    Ok((user, Some(Entry::new(membership, sender, position))))
}

impl Shown {
    /// The room that the page shows, by this name or by its id.
    pub(super) fn address<'a>(&self, slug: &'a str) -> RoomAddress<'a> {
        self.room
            .map_or(RoomAddress::Slug(slug), |id| RoomAddress::Id(RoomId(id)))
    }

    /// How far the page knows the room, as far as its reader may.
    pub(super) fn position(&self, membership: &Membership) -> Position {
        let Some(after) = self.after else {
            return membership.room.state().position();
        };
        let begins = membership.begins;
        Position {
            change: Change(after).max(begins.change),
            seq: Seq(self.seq.unwrap_or_default()).max(begins.seq),
        }
    }
}
