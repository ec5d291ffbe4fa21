//! The sockets of programs, at `/ws/rooms/`: many rooms on one connection, each with a position of its own, in JSON.
//!
//! What is promised is what pages are promised, by the same deliveries: in a room every change once and in order, nothing
//! left out, and nothing to whoever does not belong to it. A room's frame for programs is made once for all of them, and only
//! where one listens. Who loses a room loses that subscription; the end of the log-in closes the connection.
//!
//! Here: the handshake, and who may come in. `socket`: one program's connection. `command`: what it may say. `entering`: who may
//! subscribe to a room, and from where on. `event`: what it
//! is told. `outcomes`: what became of its messages. `tokens`: access tokens that end.

mod command;
mod entering;
pub(super) mod event;
mod outcomes;
mod socket;
pub(super) mod tokens;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::FutureExt;
use poem::web::{Data, Query};
use poem::{Request, Response, Upgraded, handler};
use serde::Deserialize;
use tokio::time::timeout;

use self::command::Command;
use self::socket::Socket;
use super::Live;
use super::command::MAX_FRAME;
use super::connect::{check_origin, refuse};
use super::socket::close_code;
use crate::accounts::{CurrentUser, bearer, find_token};
use crate::realtime::{CloseCode, Connection, Listener, Sockets, Step, Subscriber};
use crate::{App, Result};

/// Whoever did not say who they are has so long for it.
const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(10);

/// How the program says who it is.
enum Way {
    /// By the session cookie of a page of this server.
    Cookie(CurrentUser),
    /// By an access token in the handshake.
    Token(String),
    /// By an access token in its first frame.
    FirstFrame,
}

/// Whose program it is, and until when, if it came with a token.
type Admitted = (CurrentUser, Option<DateTime<Utc>>);

#[derive(Deserialize)]
pub(super) struct Asked {
    token: Option<String>,
}

/// The handshake. Whoever is not let in is told so by the code with which the connection is closed, like pages.
#[handler]
pub(super) fn connect(
    request: &Request,
    Data(app): Data<&App>,
    Data(live): Data<&Arc<Live>>,
    Data(sockets): Data<&Arc<Sockets>>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let asked = asked.token.filter(|_| app.config.ws_query_token);
    let token = bearer(request.headers())?.map(ToOwned::to_owned).or(asked);
    let way = match (token, CurrentUser::of(request)) {
        (Some(token), _) => Way::Token(token),
        (None, Some(user)) => {
            // Other sites' pages send the cookie along too.
            check_origin(request, app, live)?;
            Way::Cookie(user)
        }
        (None, None) => Way::FirstFrame,
    };
    // As fast as somebody may send the longest frames.
    let bytes_per_second = u64::from(app.config.message_rate.get()) * MAX_FRAME as u64;
    let (response, upgraded) = match crate::realtime::accept(request, sockets, bytes_per_second) {
        Ok(accepted) => accepted,
        Err(status) => return Ok(refuse(status)),
    };
    let (app, live) = (app.clone(), live.clone());
    tokio::spawn(async move {
        let opened = async move { open(app, live, upgraded.await?, way).await };
        if let Some(mut socket) = opened.boxed().await {
            socket.serve().await;
        }
    });
    Ok(response)
}

/// Opens the program's socket; until it is let in it counts as one of the connections of its address.
async fn open(
    app: App,
    live: Arc<Live>,
    (mut connection, http): (Connection, Upgraded),
    way: Way,
) -> Option<Box<Socket>> {
    let admitted = match way {
        Way::Cookie(user) => Ok(Some((user, None))),
        Way::Token(token) => admit(&app, &token).await,
        Way::FirstFrame => timeout(AUTHENTICATION_TIMEOUT, admit_by_frame(&app, &mut connection))
            .await
            .unwrap_or(Ok(None)),
    };
    let (user, expires_at) = match admitted {
        Ok(Some(admitted)) => admitted,
        refused => {
            let code = refused.err().as_ref().map_or(CloseCode::SignedOut, close_code);
            connection.close(code).await;
            return None;
        }
    };
    let subscriber = Subscriber {
        user: user.id,
        session: user.session_id,
        listener: Listener::Program,
        queue: connection.queue().clone(),
    };
    let Some(person) = app.hub.connect(&subscriber, app.config.sockets_per_user.get()) else {
        connection.close(CloseCode::TryAgain).await;
        return None;
    };
    drop(http);
    let mut socket = Box::new(Socket::new(app, live, connection, (subscriber, person), &user));
    socket.arrive(expires_at, user.look_up).await.then_some(socket)
}

async fn admit(app: &App, token: &str) -> Result<Option<Admitted>> {
    let found = find_token(app, token).await?;
    Ok(found.map(|(user, expires_at)| (user, Some(expires_at))))
}

/// Waits for the first frame: anything but a good token lets nobody in.
async fn admit_by_frame(app: &App, connection: &mut Connection) -> Result<Option<Admitted>> {
    loop {
        match connection.next().await {
            Step::Tick => {}
            Step::Received(received) => {
                return match Command::parse(&received) {
                    Ok(Command::Authenticate { token }) => admit(app, &token).await,
                    _ => Ok(None),
                };
            }
            _ => return Ok(None),
        }
    }
}
