//! One page's socket: `ws/chatroom/<name>`.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use poem::http::{StatusCode, header};
use poem::web::{Data, Path, Query};
use poem::{IntoResponse, Request, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::{Feed, online, views};
use crate::accounts::CurrentUser;
use crate::ids::{Change, ClientId, Seq};
use crate::messages::actions::{self, Sender};
use crate::messages::model::{Body, Refusal, Stored};
use crate::realtime::{CloseCode, Connection, Frame, Gone, Listener, Said, Step};
use crate::rooms::model::MemberRoom;
use crate::rooms::queries;
use crate::{App, Error, Result, accounts};

/// Bytes of a frame that are accepted.
const MAX_FRAME: usize = 16 << 10;
/// A page that missed more changes than this loads the newest history instead.
const MAX_MISSED: i64 = 500;
/// Messages of one socket that may wait for their confirmation.
const MAX_UNCONFIRMED: usize = 256;

/// What the page has seen.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Seen {
    /// The newest change.
    after: Option<i64>,
    /// The number of the newest message it shows.
    seq: Option<i64>,
}

/// A frame from the page; htmx adds `headers`, which are ignored like every unknown key.
#[derive(Debug, Deserialize)]
struct Incoming {
    body: String,
    client_id: Option<Uuid>,
}

/// The handshake. A wrong Origin is refused; everything else is accepted and, if need be, closed with a code, because
/// a refused handshake tells a page nothing and makes it try for ever.
#[handler]
pub(super) async fn connect(
    request: &Request,
    app: Data<&App>,
    feed: Data<&Arc<Feed>>,
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
    let (response, upgraded) = match crate::realtime::accept(request) {
        Ok(accepted) => accepted,
        Err(status) => return Ok(refuse(status)),
    };
    let (app, feed) = (app.clone(), Arc::clone(&feed));
    tokio::spawn(async move {
        let Some(connection) = upgraded.await else { return };
        match user {
            Some(user) => open(app, feed, connection, user, &slug, seen).await,
            None => connection.close(CloseCode::SignedOut).await,
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

/// Lets a member in and serves them until they leave.
async fn open(app: App, feed: Arc<Feed>, connection: Connection, user: CurrentUser, slug: &str, seen: Seen) {
    let member = match actions::enter(&app, user.id, slug).await {
        Ok(member) if member.room.archived_at.is_none() => member,
        Ok(_) => return fail(connection, &Error::NotFound).await,
        Err(error) => return fail(connection, &error).await,
    };
    let room = member.room.id;
    let limit = app.config.sockets_per_user.get();
    let Some(listener) = app.hub.subscribe(room, user.id, user.session_id, limit) else {
        return connection.close(CloseCode::TryAgain).await;
    };
    match Socket::start(&app, &feed, connection, &user, member, &listener, seen).await {
        Ok(socket) => socket.serve().await,
        Err((connection, error)) => fail(connection, &error).await,
    }
    app.hub.unsubscribe(room, &listener);
    online::left_later(&app, &feed, room);
}

/// Closes a socket that could not be opened, with the code that says why; while the database is away the page comes
/// back later.
async fn fail(connection: Connection, error: &Error) {
    let code = match error {
        Error::Unauthenticated => CloseCode::SignedOut,
        Error::NotFound => CloseCode::NotOpen,
        error => {
            tracing::warn!(%error, "a socket could not be opened");
            CloseCode::TryAgain
        }
    };
    connection.close(code).await;
}

/// A confirmation on its way to its sender.
type Confirmation = BoxFuture<'static, (ClientId, Result<Stored, Refusal>)>;

struct Socket<'a> {
    app: &'a App,
    feed: &'a Arc<Feed>,
    connection: Connection,
    member: MemberRoom,
    sender: Sender,
    listener: &'a Listener,
    /// The page has been sent every change up to this one.
    cursor: Change,
    confirmations: FuturesUnordered<Confirmation>,
}

impl<'a> Socket<'a> {
    /// Follows the room and sends what the page missed.
    async fn start(
        app: &'a App,
        feed: &'a Arc<Feed>,
        connection: Connection,
        user: &CurrentUser,
        member: MemberRoom,
        listener: &'a Listener,
        seen: Seen,
    ) -> Result<Self, (Connection, Error)> {
        let sender = match prepare(app, feed, user, &member).await {
            Ok(sender) => sender,
            Err(error) => return Err((connection, error)),
        };
        let cursor = seen.after.map_or(member.room.last_change, Change);
        let confirmations = FuturesUnordered::new();
        let mut socket = Self {
            app,
            feed,
            connection,
            member,
            sender,
            listener,
            cursor,
            confirmations,
        };
        match socket.missed(seen.seq.map(Seq)).await {
            Ok(mut frames) => {
                let count = app.hub.people(socket.member.room.id).len();
                frames.push(views::online(count));
                // A page that has gone already is noticed by the first read.
                socket.connection.send(frames).await.ok();
                Ok(socket)
            }
            Err(error) => Err((socket.connection, error)),
        }
    }

    /// Moves frames out and messages in until either side ends it.
    async fn serve(mut self) {
        loop {
            let step = tokio::select! {
                step = self.connection.next(&self.listener.queue) => step,
                Some((client_id, outcome)) = self.confirmations.next() => {
                    if self.confirm(client_id, outcome).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let done = match step {
                Step::Pushed(frames) => match self.deliver(frames).await {
                    Ok(done) => done,
                    // The page comes back and catches up.
                    Err(Error::NotFound) => return self.connection.close(CloseCode::NotOpen).await,
                    Err(_) => return self.connection.close(CloseCode::TryAgain).await,
                },
                Step::Said(said) => self.hear(said).await,
                Step::Tick => self.beat().await,
                Step::Close(code) => return self.connection.close(code).await,
                Step::Gone => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Sends pushed frames on, each change once: what the page has seen is left out, a gap is loaded.
    async fn deliver(&mut self, frames: Vec<Frame>) -> Result<Result<(), Gone>> {
        let mut out = Vec::with_capacity(frames.len());
        for frame in frames {
            match frame.covers {
                Some((_, to)) if to <= self.cursor => {}
                Some((from, _)) if from != self.cursor => out.extend(self.missed(None).await?),
                Some((_, to)) => {
                    self.cursor = to;
                    out.push(frame);
                }
                None => out.push(frame),
            }
        }
        Ok(self.connection.send(out).await)
    }

    /// Everything after the cursor, which moves to the end of it. `shown` is the newest message on a page that comes
    /// back. Membership is looked at again, now that the hub's frames are waiting for us.
    async fn missed(&mut self, shown: Option<Seq>) -> Result<Vec<Frame>> {
        let room = self.member.room.id;
        let states = queries::list_room_states(&self.app.db, &[room]).await?;
        let state = states.first().ok_or(Error::NotFound)?;
        if queries::list_members_among(&self.app.db, room, &[self.listener.user])
            .await?
            .is_empty()
        {
            return Err(Error::NotFound);
        }
        self.feed.ring(self.app, room, state.last_change);
        let from = self.cursor;
        if from >= state.last_change {
            return Ok(Vec::new());
        }
        if state.last_change.0 - from.0 > MAX_MISSED {
            self.cursor = state.last_change;
            return Ok(vec![views::reload(None)]);
        }
        let place = (room, state.key);
        let (items, to) = actions::changes(
            self.app,
            place,
            self.member.from_seq,
            from,
            state.last_change,
            MAX_MISSED + 1,
        )
        .await?;
        self.cursor = to;
        let fragment = if shown.is_some() {
            views::caught_up
        } else {
            views::appended
        };
        Ok(vec![fragment(from, to, &items)])
    }

    /// Takes what the page sent. What is wrong is answered, never punished by closing.
    async fn hear(&mut self, said: Said) -> Result<(), Gone> {
        let (client_id, refusal) = match self.take(&said) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        self.connection.send([views::refused(refusal, client_id)]).await
    }

    fn take(&self, said: &Said) -> Result<(), (Option<ClientId>, Refusal)> {
        let Said::Text(text) = said else {
            return Err((None, Refusal::Malformed("Send JSON text in UTF-8.")));
        };
        if text.len() > MAX_FRAME {
            return Err((None, Refusal::TooLong));
        }
        let Ok(incoming) = serde_json::from_str::<Incoming>(text) else {
            let form = r#"Send JSON like {"body": "Hello", "client_id": "<uuid>"}."#;
            return Err((None, Refusal::Malformed(form)));
        };
        let client_id = incoming.client_id.map_or_else(ClientId::new, ClientId);
        let refused = |refusal| (Some(client_id), refusal);
        let body = Body::parse(&incoming.body).map_err(refused)?;
        if self.confirmations.len() >= MAX_UNCONFIRMED {
            return Err(refused(Refusal::Busy));
        }
        let receipt = actions::send(self.app, &self.sender, body, client_id).map_err(refused)?;
        self.confirmations.push(
            actions::settled(receipt)
                .map(move |outcome| (client_id, outcome))
                .boxed(),
        );
        Ok(())
    }

    /// A message is stored: its echo comes through the hub. One that was stored before is shown to its sender again,
    /// who may have missed it.
    async fn confirm(&mut self, client_id: ClientId, outcome: Result<Stored, Refusal>) -> Result<(), Gone> {
        let frame = match outcome {
            Ok(Stored { again: false, .. }) => return Ok(()),
            Ok(stored) => match actions::find(self.app, &self.member, stored.seq).await {
                Ok(message) => views::again(&message),
                Err(_) => views::refused(Refusal::Unavailable, Some(client_id)),
            },
            Err(refusal) => views::refused(refusal, Some(client_id)),
        };
        self.connection.send([frame]).await
    }

    async fn beat(&mut self) -> Result<(), Gone> {
        let newest = self.feed.newest(self.member.room.id).unwrap_or(self.cursor);
        self.connection.send([views::heartbeat(newest)]).await
    }
}

/// What a member's socket stands on: their log-in is alive, now that its end would close the socket; the room is
/// followed, and its writer's cipher is at hand.
async fn prepare(app: &App, feed: &Feed, user: &CurrentUser, member: &MemberRoom) -> Result<Sender> {
    if !accounts::queries::is_session_alive(&app.db, user.session_id, app.now()).await? {
        return Err(Error::Unauthenticated);
    }
    let states = queries::list_room_states(&app.db, &[member.room.id]).await?;
    feed.follow(*states.first().ok_or(Error::NotFound)?);
    actions::sender(app, user.author(), &member.room).await
}
