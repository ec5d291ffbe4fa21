//! One program's socket, from its opening to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::FutureExt;
use sqlx::PgConnection;
use tokio::time::{Instant, timeout};

use super::command::{Command, Known, Refusal};
use super::entering::enter;
use super::event;
use super::outcomes::Outcomes;
use crate::accounts::{CurrentUser, find_token};
use crate::database::HeldConnection;
use crate::ids::{KeyId, RoomId};
use crate::live::Live;
use crate::live::event::Placement;
use crate::live::room::{Entry, Room};
use crate::live::socket::{End, check_alive, note_use};
use crate::messages::model::SendError;
use crate::messages::sending::{Sender, Sent};
use crate::realtime::{Audience, CloseCode, Connection, Frame, Incoming, Slot, Step, Subscriber};
use crate::rooms::model::{Kind, Membership};
use crate::state::LookUp;
use crate::{App, Error, Result};

/// Rooms of one socket at most.
const MAX_ROOMS: usize = 200;
/// Rooms that one socket enters while it lives, one after another: the queue keeps a place for each. Then it begins anew.
const MAX_ENTERED: u32 = 5_000;
/// How often a program is told that it sends too much that is of no use.
const TOO_FAST_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to find out whether somebody may send to a room. So long other frames of the socket wait.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// One program's socket. While it lives its person counts as online, in each room that it is subscribed to.
pub(super) struct Socket {
    app: App,
    live: Arc<Live>,
    connection: Connection,
    subscriber: Subscriber,
    /// The subscription of the connection as a whole.
    person: Slot,
    /// The person's data key.
    key: KeyId,
    rooms: HashMap<RoomId, Room>,
    outcomes: Arc<Outcomes>,
    /// How many rooms it has entered since it opened.
    entered: u32,
    /// When the log-in was found alive.
    login_checked_at: Instant,
    /// When the program was last told that it sends too much.
    told_too_fast_at: Option<Instant>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        for room in self.rooms.values() {
            room.leave();
        }
        let user = self.subscriber.user;
        self.app.hub.unsubscribe(Audience::User(user), &self.subscriber);
        self.app.presence.leave(None, user);
        self.live.tokens.forget(&self.subscriber.queue);
    }
}

impl Socket {
    /// The socket of a person who is connected to the hub.
    pub(super) fn new(
        app: App,
        live: Arc<Live>,
        connection: Connection,
        (subscriber, person): (Subscriber, Slot),
        user: &CurrentUser,
    ) -> Self {
        app.presence.enter(None, subscriber.user, user.hides_presence);
        let outcomes = Arc::new(Outcomes::new(app.clone(), subscriber.clone(), person));
        Self {
            app,
            live,
            connection,
            subscriber,
            person,
            key: user.key,
            rooms: HashMap::new(),
            outcomes,
            entered: 0,
            login_checked_at: Instant::now(),
            told_too_fast_at: None,
        }
    }

    /// Lets the program in, whose log-in was looked up then and whose token is good until then. Returns whether the socket
    /// goes on; if not, it has been closed.
    pub(super) async fn arrive(&mut self, expires_at: Option<DateTime<Utc>>, look_up: LookUp) -> bool {
        if let Some(expires_at) = expires_at {
            let queue = &self.subscriber.queue;
            self.live.tokens.note(queue, self.person, expires_at);
        }
        let mut held = HeldConnection::new(self.app.db.clone());
        let alive = check_alive(&self.app, &mut held, &self.subscriber, look_up).await;
        held.release();
        self.close_if_ended(alive.map_err(End::from)).await
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
                Step::Behind(slot) => {
                    if let Some(room) = self.room_of(slot) {
                        let held = HeldConnection::new(self.app.db.clone());
                        self.catch_up(room, held).boxed().await?;
                    }
                }
                Step::Ended(slot, code) => {
                    if let Some(room) = self.room_of(slot) {
                        self.leave(room, reason(code));
                    }
                }
                Step::Close(code) => return Err(End::Close(code)),
                Step::Received(received) => self.receive(&received).boxed().await?,
                Step::Tick => {
                    let Self { app, subscriber, .. } = self;
                    note_use(app, subscriber, &mut self.login_checked_at).boxed().await;
                }
                Step::Disconnected => return Err(End::Disconnected),
            }
        }
    }

    fn room_of(&self, slot: Slot) -> Option<RoomId> {
        let room = self.rooms.iter().find(|(_, room)| room.slot == slot);
        room.map(|(id, _)| *id)
    }

    /// Carries out what the program sent. What is wrong is answered, never punished by closing.
    async fn receive(&mut self, received: &Incoming) -> Result<(), End> {
        let done = match Command::parse(received) {
            Ok(Command::Authenticate { token }) => self.renew(&token).await,
            Ok(Command::Subscribe { room, known }) => return self.subscribe(room, known).await,
            Ok(Command::Unsubscribe { room }) => {
                self.leave(room, "requested");
                Ok(())
            }
            Ok(Command::Send { room, sent }) => self.send(room, sent).await,
            Ok(Command::Typing { room }) => self.note_typing(room),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = done {
            self.refuse(refusal);
        }
        Ok(())
    }

    /// Answers what is not followed. That counts as a message; beyond their limit one answer stands for all that comes
    /// within a moment.
    fn refuse(&mut self, mut refusal: Refusal) {
        if let Err(wait) = self.app.throttle.check_message(self.subscriber.user) {
            let now = Instant::now();
            if self.told_too_fast_at.is_some_and(|at| now - at < TOO_FAST_INTERVAL) {
                return;
            }
            self.told_too_fast_at = Some(now);
            let Refusal { room_id, client_id, .. } = refusal;
            refusal = Refusal {
                room_id,
                client_id,
                ..SendError::TooFast(wait).into()
            };
        }
        self.push(&event::not_followed(&refusal));
    }

    /// Goes on with a new token. It has to be of the same log-in: the end of that one is what closes the socket.
    async fn renew(&self, token: &str) -> Result<(), Refusal> {
        self.count().await?;
        match find_token(&self.app, token).await {
            Ok(Some((user, expires_at))) if user.session_id == self.subscriber.session => {
                let queue = &self.subscriber.queue;
                self.live.tokens.note(queue, self.person, expires_at);
                Ok(())
            }
            Ok(_) => {
                let sentence = "This is no good access token of the log-in that opened the socket.";
                Err(Refusal::new("bad_token", sentence).at("token"))
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Subscribes to a room, and sends what is not known of it. Whoever is subscribed begins anew there.
    async fn subscribe(&mut self, room: RoomId, known: Known) -> Result<(), End> {
        if self.entered >= MAX_ENTERED {
            return Err(End::Close(CloseCode::TryAgain));
        }
        let mut held = HeldConnection::new(self.app.db.clone());
        let entry = match self.find(&mut held, room, known).await {
            Ok(entry) => entry,
            Err(refusal) => {
                self.refuse(refusal.of(room));
                return Ok(());
            }
        };
        // Nothing is kept over the sending: a slow program would hold it.
        held.release();
        self.end(room);
        let Self {
            app, live, subscriber, ..
        } = self;
        // Until what it missed is sent.
        subscriber.queue.pause();
        let at = entry.membership.room.state().position();
        let entered = Room::enter(app, live, subscriber, entry);
        app.presence.enter_another(room, subscriber.user);
        self.rooms.insert(room, entered);
        self.entered += 1;
        self.connection.send([event::subscribed(room, at)]).await?;
        self.catch_up(room, held).await
    }

    /// The entry into a room of which that is known.
    async fn find(&self, held: &mut HeldConnection, room: RoomId, known: Known) -> Result<Entry, Refusal> {
        let Self { app, subscriber, .. } = self;
        if self.rooms.len() >= MAX_ROOMS && !self.rooms.contains_key(&room) {
            let sentence = format!("A socket is subscribed to at most {MAX_ROOMS} rooms.");
            return Err(Refusal::new("too_many_rooms", sentence));
        }
        self.count().await?;
        let find = async |db: &mut PgConnection| enter(app, db, (subscriber.user, self.key), room, known).await;
        held.run(find).await.map_err(|error| not_found_or_unavailable(&error))
    }

    /// Sends what the program missed of a room. Where that is not to be, the room is left.
    async fn catch_up(&mut self, room: RoomId, held: HeldConnection) -> Result<(), End> {
        let Some(entered) = self.rooms.get(&room) else {
            return Ok(());
        };
        let caught_up = entered
            .catch_up(&self.live, &self.connection, held, Placement::AtEnd)
            .await;
        if let Err(End::Close(code)) = caught_up {
            self.leave(room, reason(code));
            return Ok(());
        }
        caught_up
    }

    /// Ends the subscription to a room, if there is one, and says so.
    fn leave(&mut self, room: RoomId, reason: &str) {
        self.end(room);
        self.push(&event::unsubscribed(room, reason));
    }

    fn end(&mut self, room: RoomId) {
        if let Some(entered) = self.rooms.remove(&room) {
            self.outcomes.leave(entered.slot, || entered.leave());
        }
    }

    /// Sends a message to a room of the person's. One after the other, so that what one socket says is stored in that order,
    /// whether it is subscribed there or not; without a subscription that counts as a request.
    async fn send(&self, room: RoomId, sent: Sent) -> Result<(), Refusal> {
        if let Some(entered) = self.rooms.get(&room) {
            self.outcomes.send(Some(entered.slot), &entered.sender, room, sent);
            return Ok(());
        }
        let refuse = |refusal: Refusal| refusal.of(room).about(sent.client_id);
        self.count().await.map_err(refuse)?;
        let Self { app, subscriber, .. } = self;
        let found = timeout(LOOK_UP_TIMEOUT, Sender::at(app, subscriber.user, self.key, room)).await;
        let found = found.unwrap_or_else(|_| Err(Error::Unavailable("the database does not answer".into())));
        let sender = found.map_err(|error| refuse(not_found_or_unavailable(&error)))?;
        self.outcomes.send(None, &sender, room, sent);
        Ok(())
    }

    fn note_typing(&mut self, room: RoomId) -> Result<(), Refusal> {
        let Some(entered) = self.rooms.get_mut(&room) else {
            return Err(Refusal::new("not_subscribed", "Subscribe to the room first.")
                .at("room_id")
                .of(room));
        };
        let Membership {
            room: at, may_write, ..
        } = &entered.replies.membership;
        if !may_write {
            let error = match at.kind {
                Kind::Direct => SendError::NotFriends,
                _ => SendError::NotAMember,
            };
            return Err(Refusal::from(error).of(room));
        }
        entered.note_typing();
        Ok(())
    }

    /// Counts a frame that costs as much as a request.
    async fn count(&self) -> Result<(), Refusal> {
        let left = self.app.throttle.count_program(self.subscriber.user).await;
        left.retry_after
            .map_or(Ok(()), |wait| Err(SendError::TooFast(wait).into()))
    }

    fn push(&self, frame: &Frame) {
        self.subscriber.queue.push(self.person, frame);
    }
}

/// Why a subscription ends, in the word that programs read.
fn reason(code: CloseCode) -> &'static str {
    match code {
        CloseCode::NotOpen => "not_open",
        CloseCode::SignedOut | CloseCode::Restart | CloseCode::TryAgain => "subscribe_again",
    }
}

fn not_found_or_unavailable(error: &Error) -> Refusal {
    match error {
        Error::NotFound => Refusal::not_found(),
        error => unavailable(error),
    }
}

fn unavailable(error: &Error) -> Refusal {
    tracing::warn!(%error, "a frame of a program could not be followed");
    Refusal::unavailable()
}
