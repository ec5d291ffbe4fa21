//! One page's socket, from its entry to its end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use serde::Deserialize;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Feed, views};
use crate::ids::{ClientId, Seq};
use crate::messages::actions::{self, Sender};
use crate::messages::model::{Body, Refusal, Stored};
use crate::realtime::{CloseCode, Connection, Gone, Listener, Queue, Said, Step};
use crate::rooms::model::{MemberRoom, Span};
use crate::rooms::queries::{self, RoomState};
use crate::{App, Error, Result, accounts};

/// Bytes of a frame that are accepted.
const MAX_FRAME: usize = 16 << 10;
/// A page that missed more changes than this loads the newest history instead.
const MAX_MISSED: i64 = 500;
/// Changes that are loaded together for a page that missed them.
const PART: i64 = 100;
/// How often it is looked whether the log-in still lives, and its use noted.
const LOOK_AT_LOGIN: Duration = Duration::from_secs(3600);
/// Messages of one socket that may wait for their confirmation.
const MAX_UNCONFIRMED: usize = 256;

/// A frame from the page; htmx adds `headers`, which are ignored like every unknown key.
#[derive(Debug, Deserialize)]
struct Incoming {
    body: String,
    client_id: Option<Uuid>,
}

/// The code that says why a socket ends; while the database is away the page comes back later.
pub(super) fn close_code(error: &Error) -> CloseCode {
    match error {
        Error::Unauthenticated => CloseCode::SignedOut,
        Error::NotFound => CloseCode::NotOpen,
        error => {
            tracing::warn!(%error, "a socket is closed until the page comes back");
            CloseCode::TryAgain
        }
    }
}

/// How a socket ends.
enum End {
    /// The page has gone.
    Gone,
    /// The server closes it.
    Close(CloseCode),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Close(close_code(&error.into()))
    }
}

/// A member's socket. When it is dropped, they have left.
pub(super) struct Socket {
    visit: Arc<Visit>,
    feed: Arc<Feed>,
    connection: Connection,
    sender: Sender,
    listener: Listener,
    /// When the log-in was found alive.
    login_seen: Instant,
}

/// What it takes to tell the page what became of its messages. The messages on their way hold it weakly.
struct Visit {
    app: App,
    member: MemberRoom,
    queue: Arc<Queue>,
    /// Held by the message that is being shown again: one page must not take all connections of the pool.
    showing: Mutex<()>,
}

impl Visit {
    /// A message is stored: its echo comes through the hub. One that was stored before is shown to its sender again,
    /// who may have missed it.
    fn confirm(self: Arc<Self>, client_id: ClientId, outcome: Result<Stored, Refusal>) {
        match outcome {
            Ok(Stored { again: false, .. }) => {}
            Ok(stored) => drop(tokio::spawn(async move {
                let _turn = self.showing.lock().await;
                let frame = match actions::find(&self.app, &self.member, stored.seq).await {
                    Ok(message) => views::again(&message),
                    Err(_) => views::refused(Refusal::Unavailable, Some(client_id)),
                };
                self.queue.push(&frame);
            })),
            Err(refusal) => self.queue.push(&views::refused(refusal, Some(client_id))),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Visit { app, member, .. } = &*self.visit;
        app.hub.unsubscribe(member.room.id, &self.listener);
        app.presence.leave(member.room.id, self.listener.user);
    }
}

impl Socket {
    /// The socket of a member who listens already.
    pub(super) fn new(
        app: App,
        feed: Arc<Feed>,
        connection: Connection,
        member: MemberRoom,
        sender: Sender,
        listener: Listener,
    ) -> Self {
        let visit = Arc::new(Visit {
            app,
            member,
            queue: listener.queue.clone(),
            showing: Mutex::default(),
        });
        Self {
            visit,
            feed,
            connection,
            sender,
            listener,
            login_seen: Instant::now(),
        }
    }

    /// Sends what the page missed, then moves frames out and messages in until either side ends it. `shown` is the
    /// newest message on a page that comes back.
    pub(super) async fn serve(&mut self, shown: Option<Seq>) {
        if let Err(End::Close(code)) = self.go_on(shown).await {
            self.connection.close(code).boxed().await;
        }
    }

    async fn go_on(&mut self, shown: Option<Seq>) -> Result<(), End> {
        self.arrive(shown).boxed().await?;
        self.show_online();
        loop {
            match self.connection.next().await {
                Step::Behind => self.catch_up(None, None).boxed().await?,
                Step::Said(said) => self.hear(&said),
                Step::Tick => self.beat().boxed().await,
                Step::Close(code) => return Err(End::Close(code)),
                Step::Gone => return Err(End::Gone),
            }
        }
    }

    /// Sees that their log-in is alive, now that its end would close the socket, and sends what the page missed.
    async fn arrive(&mut self, shown: Option<Seq>) -> Result<(), End> {
        let (app, login) = (&self.visit.app, self.listener.session);
        let mut db = app.db.acquire().await?;
        let alive = accounts::queries::find_session_alive(&mut *db, login, app.now()).await?;
        alive.ok_or(Error::Unauthenticated)?;
        self.catch_up(Some(db), shown).await
    }

    /// Sends everything that the page has not seen, in parts, while pushes are held. `shown` is the newest message on a
    /// page that comes back. Membership is looked at again, now that the hub's frames are waiting for us. `db` is a
    /// connection that is at hand.
    async fn catch_up(&mut self, db: Option<PoolConnection<Postgres>>, shown: Option<Seq>) -> Result<(), End> {
        let Visit { app, member, .. } = &*self.visit;
        let room = member.room.id;
        let mut db = match db {
            Some(db) => db,
            None => app.db.acquire().await?,
        };
        let mut state = self.find_state(&mut db).await?;
        if !self.feed.begin(&state) {
            state = self.find_state(&mut db).await?;
            if !self.feed.begin(&state) {
                // The database is behind what was delivered: it is another one now. The look of every few seconds sees it.
                return Err(End::Close(CloseCode::TryAgain));
            }
        }
        // Never kept over the sending: a slow page would hold it.
        let mut db = Some(db);
        let queue = &self.listener.queue;
        let end = state.last_change;
        // A cursor beyond the end is from another life of the database.
        if queue.cursor() > end || end.0.saturating_sub(queue.cursor().0) > MAX_MISSED {
            drop(db);
            queue.advance(end);
            return Ok(self.connection.send([views::reload(None)]).await?);
        }
        let fragments = if shown.is_some() {
            views::caught_up
        } else {
            views::appended
        };
        while queue.cursor() < end {
            let span = Span {
                room,
                key: state.key,
                from: member.from_seq,
                after: queue.cursor(),
                up_to: end,
            };
            let read = {
                let mut db = match db.take() {
                    Some(db) => db,
                    None => app.db.acquire().await?,
                };
                actions::changes(app, &mut db, &[span], PART).await?
            };
            for (items, to) in read {
                self.connection.send(fragments(span.after, to, &items)).await?;
                queue.advance(to);
            }
        }
        Ok(())
    }

    /// The room as it is, open and with them among its members.
    async fn find_state(&self, db: &mut PgConnection) -> Result<RoomState> {
        let state = queries::find_member_state(db, self.listener.user, self.visit.member.room.id).await?;
        state.filter(|state| state.open).ok_or(Error::NotFound)
    }

    /// Shows how many are online. Looked at again afterwards, because a newer count may have been pushed in between.
    fn show_online(&self) {
        let mut shown = None;
        loop {
            let count = self.visit.app.presence.count(self.visit.member.room.id);
            if shown == Some(count) {
                return;
            }
            self.listener.queue.push(&views::online(count));
            shown = Some(count);
        }
    }

    /// Takes what the page sent. What is wrong is answered, never punished by closing; only for text that is not UTF-8
    /// the protocol wants the connection to end after the answer.
    fn hear(&self, said: &Said) {
        if let Err((client_id, refusal)) = self.take(said) {
            self.listener.queue.push(&views::refused(refusal, client_id));
        }
    }

    fn take(&self, said: &Said) -> Result<(), (Option<ClientId>, Refusal)> {
        let (body, client_id) = parse(said)?;
        let refused = |refusal| (Some(client_id), refusal);
        // Each message that waits for its confirmation holds the visit weakly, each that is shown again strongly.
        if Arc::weak_count(&self.visit) + Arc::strong_count(&self.visit) > MAX_UNCONFIRMED {
            return Err(refused(Refusal::Busy));
        }
        let visit = Arc::downgrade(&self.visit);
        let answer = move |outcome| {
            if let Some(visit) = visit.upgrade() {
                visit.confirm(client_id, outcome);
            }
        };
        actions::send(&self.visit.app, &self.sender, body, client_id, Box::new(answer)).map_err(refused)
    }

    /// Tells the page how far the room is. Now and then, notes that the log-in is in use; one that is over ends the
    /// socket, because it would not open another.
    async fn beat(&mut self) {
        if self.login_seen.elapsed() >= LOOK_AT_LOGIN {
            match accounts::actions::note_use(&self.visit.app, self.listener.session).await {
                Ok(true) => self.login_seen = Instant::now(),
                Ok(false) => self.listener.queue.close(CloseCode::SignedOut),
                Err(error) => tracing::warn!(%error, "the use of a log-in could not be noted"),
            }
        }
        let newest = self
            .feed
            .newest(self.visit.member.room.id)
            .unwrap_or_else(|| self.listener.queue.cursor());
        self.listener.queue.push(&views::heartbeat(newest));
    }
}

/// The message in what a page sent; for one that cannot be taken, why, with its id as far as it can be read.
pub fn parse(said: &Said) -> Result<(Body, ClientId), (Option<ClientId>, Refusal)> {
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
    let body = Body::parse(&incoming.body).map_err(|refusal| (Some(client_id), refusal))?;
    Ok((body, client_id))
}
