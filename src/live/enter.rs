//! The way in: the handshake of `ws/chatroom/<name>`, and who may enter.

use std::sync::Arc;

use futures_util::future::FutureExt;
use poem::http::{StatusCode, header};
use poem::web::{Data, Path, Query};
use poem::{IntoResponse, Request, Response, handler};
use serde::Deserialize;

use super::Feed;
use super::socket::{Socket, close_code};
use crate::accounts::CurrentUser;
use crate::ids::{Change, Seq};
use crate::messages::actions::{self, Sender};
use crate::realtime::{CloseCode, Connection, Sockets};
use crate::rooms::model::MemberRoom;
use crate::{App, Error, Result};

/// What the page has seen.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Seen {
    /// The newest change.
    after: Option<i64>,
    /// The number of the newest message it shows.
    seq: Option<i64>,
}

/// The handshake. A wrong Origin is refused; everything else is accepted and, if need be, closed with a code, because
/// a refused handshake tells a page nothing and makes it try for ever.
#[handler]
pub(super) async fn connect(
    request: &Request,
    app: Data<&App>,
    feed: Data<&Arc<Feed>>,
    sockets: Data<&Arc<Sockets>>,
    Path(slug): Path<String>,
    Query(seen): Query<Seen>,
) -> Result<Response> {
    if !request
        .header(header::ORIGIN)
        .is_some_and(|origin| app.origins.iter().any(|own| own == origin))
    {
        return Err(Error::Forbidden(
            "This address is not one of the server's own. Set PUBLIC_URL to the one you use.",
        ));
    }
    let user = CurrentUser::find(&app, request).await?;
    let (response, upgraded) = match crate::realtime::accept(request, &sockets) {
        Ok(accepted) => accepted,
        Err(status) => return Ok(refuse(status)),
    };
    let (app, feed) = (app.clone(), Arc::clone(&feed));
    tokio::spawn(async move {
        // What is needed only now and then is boxed, here and below: there may be many thousand sockets.
        let entered = async move {
            let connection = upgraded.await?;
            enter(app, feed, connection, user, &slug, seen).await
        };
        if let Some(mut socket) = entered.boxed().await {
            socket.serve(seen.seq.map(Seq)).await;
        }
    });
    Ok(response)
}

fn refuse(status: StatusCode) -> Response {
    let text = "This address is a WebSocket (RFC 6455, version 13).";
    text.with_status(status)
        .with_header(header::SEC_WEBSOCKET_VERSION, "13")
        .into_response()
}

/// Lets a member in; whoever is none is told so by the code with which the connection is closed.
async fn enter(
    app: App,
    feed: Arc<Feed>,
    mut connection: Connection,
    user: Option<CurrentUser>,
    slug: &str,
    seen: Seen,
) -> Option<Box<Socket>> {
    let found = match user {
        Some(user) => find(&app, &user, slug)
            .await
            .map(|(member, sender)| (user, member, sender)),
        None => Err(Error::Unauthenticated),
    };
    let (user, member, sender) = match found {
        Ok(found) => found,
        Err(error) => {
            connection.close(close_code(&error)).await;
            return None;
        }
    };
    let room = member.room.id;
    let limit = app.config.sockets_per_user.get();
    let queue = connection.queue().clone();
    let Some(listener) = app.hub.subscribe(room, (user.id, user.session_id), queue, limit) else {
        connection.close(CloseCode::TryAgain).await;
        return None;
    };
    app.presence.enter(room, listener.user);
    feed.follow(room);
    let seen = seen.after.map_or(member.room.last_change, |after| Change(after.max(0)));
    listener.queue.advance(seen);
    Some(Box::new(Socket::new(app, feed, connection, member, sender, listener)))
}

/// The room, as a member, and what they need to write in it.
async fn find(app: &App, user: &CurrentUser, slug: &str) -> Result<(MemberRoom, Sender)> {
    let member = actions::enter(app, user.id, slug).await?;
    if member.room.archived_at.is_some() {
        return Err(Error::NotFound);
    }
    let sender = actions::sender(app, user.author(), user.key, &member.room).await?;
    Ok((member, sender))
}
