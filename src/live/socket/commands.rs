//! What a page says over its socket, carried out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Room, Socket};
use crate::bus::Event as BusEvent;
use crate::ids::Seq;
use crate::live::command::{Command, CommandError, Reason};
use crate::live::event::Event;
use crate::live::typing::TYPING_INTERVAL;
use crate::messages::model::SendError;
use crate::messages::sending::{Sent, send};
use crate::realtime::Incoming;
use crate::rooms::model::Read;

/// How often a page is told that it sends too much that cannot be read.
const TOO_FAST_INTERVAL: Duration = Duration::from_secs(1);
/// Messages of one socket that may wait for their confirmation.
const MAX_UNCONFIRMED: usize = 256;

impl Socket {
    /// Carries out what the page sent. What is wrong is answered, never punished by closing; only for text that is not
    /// UTF-8 the protocol wants the connection to end after the answer. What cannot be read counts as a message; beyond
    /// their limit one answer stands for all that comes within a moment.
    pub(super) fn receive(&mut self, received: &Incoming) {
        let done = match Command::parse(received) {
            Ok(command) => self.carry_out(command),
            Err(error) => match self.app.throttle.check_message(self.subscriber.user) {
                Ok(()) => Err(error),
                Err(wait) => {
                    let now = Instant::now();
                    if self.told_too_fast_at.is_some_and(|at| now - at < TOO_FAST_INTERVAL) {
                        return;
                    }
                    self.told_too_fast_at = Some(now);
                    let reason = Reason::Send(SendError::TooFast(wait));
                    Err(CommandError { reason, ..error })
                }
            },
        };
        if let Err(error) = done {
            self.push_to_person(Event::CommandRefused(&error));
        }
    }

    fn carry_out(&mut self, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Send(sent) => return self.send(sent),
            Command::Read { seq, version } => self.note_read(seq, version),
            Command::Typing => self.note_typing(),
        }
        Ok(())
    }

    fn note_read(&self, seq: Seq, version: Option<i64>) {
        if let Some(room) = &self.room {
            let (room, user) = (room.id(), self.subscriber.user);
            self.live.reads.note(Read {
                room,
                user,
                seq,
                version,
            });
        }
    }

    /// Publishes that the person types, unless that was just done, or they hide when they are here.
    fn note_typing(&mut self) {
        let Some(room) = &self.room else { return };
        let (room, user, now) = (room.id(), self.subscriber.user, Instant::now());
        let is_early = self.typed_at.is_some_and(|at| now - at < TYPING_INTERVAL);
        if !is_early && self.app.presence.is_seen(room, user) {
            self.typed_at = Some(now);
            self.app.bus.publish(BusEvent::Typing { room, user });
        }
    }

    fn send(&self, sent: Sent) -> Result<(), CommandError> {
        let client_id = sent.client_id;
        let refuse = |error| CommandError {
            client_id: Some(client_id),
            reason: Reason::Send(error),
        };
        let Some(Room { replies, sender, .. }) = &self.room else {
            return Err(refuse(SendError::NotAMember));
        };
        // Each message that waits for its confirmation holds the replies weakly, each that is shown again strongly.
        if Arc::weak_count(replies) + Arc::strong_count(replies) > MAX_UNCONFIRMED {
            return Err(refuse(SendError::Busy));
        }
        let replies = Arc::downgrade(replies);
        let answer = move |outcome| {
            if let Some(replies) = replies.upgrade() {
                replies.answer(client_id, outcome);
            }
        };
        send(&self.app, sender, sent, Box::new(answer)).map_err(refuse)
    }
}
