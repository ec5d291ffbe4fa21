//! Sending messages.

use sqlx::PgExecutor;
use tokio::sync::oneshot;

use super::model::{Body, NewMessage, SendError, Stored};
use super::views::markdown::names;
use super::writer::Answer;
use crate::ids::{ClientId, FileId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::model::{Kind, Membership};
use crate::vault::MessageCipher;
use crate::{App, Result};

/// What is sent.
#[derive(Debug)]
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

/// What a member needs in order to write in a room, looked up once per socket or request.
pub struct Sender {
    room: RoomId,
    is_direct: bool,
    author: UserId,
    author_key: KeyId,
    cipher: MessageCipher,
}

impl Sender {
    /// Prepares a member, whose data key that is, for writing.
    pub async fn new(app: &App, db: impl PgExecutor<'_>, membership: &Membership, author_key: KeyId) -> Result<Self> {
        let room_key = membership.room.key;
        let cipher = app.vault.message_cipher(db, room_key, author_key).await?;
        Ok(Self {
            room: membership.room.id,
            is_direct: membership.room.kind == Kind::Direct,
            author: membership.user,
            author_key,
            cipher,
        })
    }
}

/// Seals the message and hands it to the writer, which calls `answer` with what became of it. Whether the sender still
/// belongs to the room is checked in the transaction that stores it.
pub fn send(app: &App, sender: &Sender, sent: Sent, answer: Answer) -> Result<(), SendError> {
    let Sent {
        body,
        client_id,
        reply_to,
        files,
    } = sent;
    app.throttle.check_message(sender.author).map_err(SendError::TooFast)?;
    let id = MessageId::new();
    let message = NewMessage {
        id,
        room: sender.room,
        author: sender.author,
        author_key: sender.author_key,
        client_id,
        sealed: sender.cipher.seal(id, 1, body.as_str()),
        names: names(body.as_str()),
        body,
        reply_to,
        files,
        created_at: app.now(),
    };
    if !sender.is_direct {
        return app.writer.submit(message, answer);
    }
    // Nobody leaves a direct chat: what is not taken from its members is not for friends.
    let answer = move |outcome: Result<Stored, SendError>| {
        answer(outcome.map_err(|error| match error {
            SendError::NotAMember => SendError::NotFriends,
            error => error,
        }));
    };
    app.writer.submit(message, Box::new(answer))
}

/// The same for whoever waits for the answer.
pub async fn send_and_wait(app: &App, sender: &Sender, sent: Sent) -> Result<Stored, SendError> {
    let (answer_sender, answer) = oneshot::channel();
    let on_answer = move |outcome| {
        // An error means that whoever asked has left.
        answer_sender.send(outcome).ok();
    };
    send(app, sender, sent, Box::new(on_answer))?;
    answer.await.unwrap_or(Err(SendError::Unavailable))
}
