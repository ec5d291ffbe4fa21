//! One page's socket, from its opening to its end: subscribed to what concerns its person and, on the page of a room, to
//! that room.

mod commands;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::Live;
use super::connect::Shown;
use super::event::{Event, Placement};
use super::room::{Entry, Room};
use crate::chat::{mine, views};
use crate::database::HeldConnection;
use crate::realtime::{Audience, CloseCode, Connection, Disconnected, Slot, Step, Subscriber};
use crate::state::LookUp;
use crate::{App, Error, Result, accounts, rooms};

/// How often it is checked whether the log-in still lives, and its use noted.
const LOGIN_CHECK_INTERVAL: Duration = Duration::from_secs(3600);

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
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// The other side has gone.
    Disconnected,
    /// The server closes it.
    Close(CloseCode),
}

impl From<Disconnected> for End {
    fn from(_: Disconnected) -> Self {
        Self::Disconnected
    }
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Close(close_code(&error.into()))
    }
}

/// One page's socket. While it lives it is subscribed, and its person counts as online.
pub(super) struct Socket {
    app: App,
    live: Arc<Live>,
    connection: Connection,
    subscriber: Subscriber,
    /// The subscription to what concerns the person.
    person: Slot,
    room: Option<Room>,
    /// When the log-in was found alive.
    login_checked_at: Instant,
    /// When the page was last told that it sends too much that cannot be read.
    told_too_fast_at: Option<Instant>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Self { app, subscriber, .. } = self;
        let user = subscriber.user;
        app.hub.unsubscribe(Audience::User(user), subscriber);
        match &self.room {
            Some(room) => room.leave(),
            None => app.presence.leave(None, user),
        }
    }
}

impl Socket {
    /// The socket of a person who is connected to the hub; they enter that room, unseen if they hide.
    pub(super) fn new(
        app: App,
        live: Arc<Live>,
        connection: Connection,
        (subscriber, person): (Subscriber, Slot),
        entry: Option<Entry>,
        hides_presence: bool,
    ) -> Self {
        let room = entry.map(|entry| Room::enter(&app, &live, &subscriber, entry));
        let place = room.as_ref().map(Room::id);
        app.presence.enter(place, subscriber.user, hides_presence);
        Self {
            app,
            live,
            connection,
            subscriber,
            person,
            room,
            login_checked_at: Instant::now(),
            told_too_fast_at: None,
        }
    }

    /// Lets the page in, whose log-in was looked up then, and sends what it missed. Returns whether the socket goes on; if
    /// not, it has been closed. `held` may have a connection to the database at hand.
    pub(super) async fn arrive(&mut self, shown: Shown, look_up: LookUp, held: HeldConnection) -> bool {
        let let_in = self.let_in(shown, look_up, held).await;
        self.close_if_ended(let_in).await
    }

    /// Moves frames out and commands in until either side ends it.
    pub(super) async fn serve(&mut self) {
        let ended = self.run().await;
        self.close_if_ended(ended).boxed().await;
    }

    /// Closes the connection if the server has to end it. Returns whether it goes on.
    async fn close_if_ended(&mut self, outcome: Result<(), End>) -> bool {
        if let Err(End::Close(code)) = outcome {
            self.connection.close(code).await;
        }
        outcome.is_ok()
    }

    async fn run(&mut self) -> Result<(), End> {
        loop {
            match self.connection.next().await {
                // Only a room has positions.
                Step::Behind(_) => {
                    let held = HeldConnection::new(self.app.db.clone());
                    self.catch_up(held, Placement::AtEnd).boxed().await?;
                }
                Step::Ended(_, code) => {
                    self.show_rooms_left().boxed().await;
                    return Err(End::Close(code));
                }
                Step::Close(code) => return Err(End::Close(code)),
                Step::Received(received) => self.receive(&received),
                Step::Tick => self.beat().boxed().await,
                Step::Disconnected => return Err(End::Disconnected),
            }
        }
    }

    /// The last that a page learns of its person's rooms, which is cut off because its own is not open to them any more.
    async fn show_rooms_left(&mut self) {
        let user = self.subscriber.user;
        let mut held = HeldConnection::new(self.app.db.clone());
        let loaded = held.run(async |db| mine::load(&self.app, db, &[user]).await).await;
        if let Some(mine) = loaded.ok().as_ref().and_then(|loaded| loaded.get(&user)) {
            self.connection.send([Event::SideBarChanged(mine).frame()]).await.ok();
        }
    }

    /// Checks that the log-in is alive, now that its end would close the socket, and sends what the page missed.
    async fn let_in(&mut self, shown: Shown, look_up: LookUp, mut held: HeldConnection) -> Result<(), End> {
        check_alive(&self.app, &mut held, &self.subscriber, look_up).await?;
        if shown
            .rooms
            .is_some_and(|version| self.live.room_list.is_newer_than(version))
        {
            let user = self.subscriber.user;
            let list = held
                .run(async |db| rooms::queries::list_public_rooms(db, user).await)
                .await?;
            self.push_to_person(Event::RoomListChanged(&list));
        }
        if let Some(digest) = &shown.mine {
            let user = self.subscriber.user;
            let loaded = held.run(async |db| mine::load(&self.app, db, &[user]).await).await?;
            if let Some(mine) = loaded.get(&user).filter(|mine| views::digest(mine) != **digest) {
                self.push_to_person(Event::SideBarChanged(mine));
                self.push_to_person(Event::AllUnreadCounted(&mine.unread));
            }
        }
        if self.room.is_none() {
            self.push_to_person(Event::Heartbeat(None));
            return Ok(());
        }
        let placement = match shown.seq {
            Some(_) => Placement::InPlace,
            None => Placement::AtEnd,
        };
        self.catch_up(held, placement).await?;
        self.push_online();
        Ok(())
    }

    async fn catch_up(&self, held: HeldConnection, placement: Placement) -> Result<(), End> {
        match &self.room {
            Some(room) => room.catch_up(&self.live, &self.connection, held, placement).await,
            None => Ok(()),
        }
    }

    /// Pushes how many are online. Looked at again afterwards, because a newer count may have been published in between.
    fn push_online(&self) {
        let Some(room) = &self.room else { return };
        let mut pushed = None;
        loop {
            let count = self.app.presence.count(room.id());
            if pushed == Some(count) {
                return;
            }
            room.replies.push(Event::OnlineChanged(count));
            pushed = Some(count);
        }
    }

    fn push_to_person(&self, event: Event<'_>) {
        self.subscriber.queue.push(self.person, &event.frame());
    }

    /// Tells the page that the connection lives, and how far the room is.
    async fn beat(&mut self) {
        note_use(&self.app, &self.subscriber, &mut self.login_checked_at).await;
        let position = |room: &Room| {
            let target = self.live.deliveries.target(room.id());
            target.or_else(|| Some(self.subscriber.queue.position(room.slot)?.change))
        };
        self.push_to_person(Event::Heartbeat(self.room.as_ref().and_then(position)));
    }
}

/// Checks that a log-in, which was looked up then, is alive, now that its end would close the socket.
pub(super) async fn check_alive(
    app: &App,
    held: &mut HeldConnection,
    subscriber: &Subscriber,
    look_up: LookUp,
) -> Result<()> {
    if !app.logins.is_current(look_up) {
        let (login, now) = (subscriber.session, app.now());
        let alive = held.run(async |db| accounts::queries::find_session_alive(db, login, now).await);
        let alive = alive.await?.ok_or(Error::Unauthenticated)?;
        // What they chose since the look-up reached this node before the socket was there.
        app.presence.set_hidden(subscriber.user, alive.hides_presence);
    }
    Ok(())
}

/// Notes now and then that a socket's log-in is in use. One that is over ends the socket, because it would not open
/// another.
pub(super) async fn note_use(app: &App, subscriber: &Subscriber, checked_at: &mut Instant) {
    if checked_at.elapsed() >= LOGIN_CHECK_INTERVAL {
        match accounts::actions::note_use(app, subscriber.session).await {
            Ok(true) => *checked_at = Instant::now(),
            Ok(false) => subscriber.queue.close(CloseCode::SignedOut),
            Err(error) => tracing::warn!(%error, "the use of a log-in could not be noted"),
        }
    }
}
