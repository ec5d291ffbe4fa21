//! Sending messages.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use sqlx::PgExecutor;
use tokio::sync::oneshot;

use super::model::{Body, NewMessage, SendError, Stored};
use super::views::markdown::names;
use super::writer::Answer;
use crate::ids::{ClientId, FileId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::actions::enter;
use crate::rooms::model::{Kind, Membership, RoomAddress};
use crate::vault::MessageCipher;
use crate::{App, Result};

/// Places that are remembered at most, and for how long.
const REMEMBERED_PLACES: u64 = 50_000;
const PLACE_REMEMBERED: Duration = Duration::from_secs(600);

/// What is sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The text.
    pub body: Body,
    /// The sender's id for it.
    pub client_id: ClientId,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
    /// The files that go with it: its sender's, received for this room.
    pub files: Vec<FileId>,
}

/// A room to which somebody belonged when it was looked up, with what sending takes of it: none of that ever changes.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    room: RoomId,
    room_key: KeyId,
    is_direct: bool,
    member: UserId,
}

impl From<&Membership> for Place {
    fn from(membership: &Membership) -> Self {
        Self {
            room: membership.room.id,
            room_key: membership.room.key,
            is_direct: membership.room.kind == Kind::Direct,
            member: membership.user,
        }
    }
}

/// Places of those who send by single requests, so that not each request asks the database for one.
#[derive(Debug)]
pub struct PlaceCache(Cache<(UserId, RoomId), Place>);

impl Default for PlaceCache {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED_PLACES)
            .time_to_live(PLACE_REMEMBERED);
        Self(cache.build())
    }
}

/// What a member needs in order to write in a room, looked up once per socket or request.
pub struct Sender {
    place: Place,
    author_key: KeyId,
    cipher: Arc<MessageCipher>,
}

impl Sender {
    /// Prepares a member, whose data key that is, for writing.
    pub async fn new(app: &App, db: impl PgExecutor<'_>, place: impl Into<Place>, author_key: KeyId) -> Result<Self> {
        let place = place.into();
        let cipher = app.vault.message_cipher(db, place.room_key, author_key).await?;
        Ok(Self {
            place,
            author_key,
            cipher,
        })
    }

    /// Prepares whoever belongs to that room, or did lately: not found for everybody else.
    pub async fn at(app: &App, member: UserId, author_key: KeyId, room: RoomId) -> Result<Self> {
        let PlaceCache(places) = &app.places;
        let place = if let Some(place) = places.get(&(member, room)) {
            place
        } else {
            // In a box, so that a place that is remembered needs no memory for the look-up.
            let place = Place::from(&Box::pin(enter(app, member, RoomAddress::Id(room))).await?);
            places.insert((member, room), place);
            place
        };
        Self::new(app, &app.db, place, author_key).await
    }
}

/// Seals the message and hands it to the writer, which calls `answer` with what became of it. Whether the sender still
/// belongs to the room is checked in the transaction that stores it. Returns when it was sent.
pub fn send(app: &App, sender: &Sender, sent: Sent, answer: Answer) -> Result<DateTime<Utc>, SendError> {
    let Sent {
        body,
        client_id,
        reply_to,
        files,
    } = sent;
    let Place {
        room,
        is_direct,
        member,
        ..
    } = sender.place;
    app.throttle.check_message(member).map_err(SendError::TooFast)?;
    let (id, created_at) = (MessageId::new(), app.now());
    let message = NewMessage {
        id,
        room,
        author: member,
        author_key: sender.author_key,
        client_id,
        sealed: sender.cipher.seal(id, 1, body.as_str()),
        names: names(body.as_str()),
        body,
        reply_to,
        files,
        created_at,
    };
    if !is_direct {
        app.writer.submit(message, answer)?;
        return Ok(created_at);
    }
    // Nobody leaves a direct chat: what is not taken from its members is not for friends.
    let answer = move |outcome: Result<Stored, SendError>| {
        answer(outcome.map_err(|error| match error {
            SendError::NotAMember => SendError::NotFriends,
            error => error,
        }));
    };
    app.writer.submit(message, Box::new(answer))?;
    Ok(created_at)
}

/// The same for whoever waits for the answer: where the message stands, and when it was sent.
pub async fn send_and_wait(app: &App, sender: &Sender, sent: Sent) -> Result<(Stored, DateTime<Utc>), SendError> {
    let (answer_sender, answer) = oneshot::channel();
    let on_answer = move |outcome| {
        // An error means that whoever asked has left.
        answer_sender.send(outcome).ok();
    };
    let created_at = send(app, sender, sent, Box::new(on_answer))?;
    let stored = answer.await.unwrap_or(Err(SendError::Unavailable))?;
    Ok((stored, created_at))
}
