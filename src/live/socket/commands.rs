//! What a page says over its socket, carried out.

use std::time::Duration;

use tokio::time::Instant;

use super::Socket;
use crate::ids::Seq;
use crate::live::command::{Command, CommandError, Reason};
use crate::live::event::Event;
use crate::messages::model::SendError;
use crate::messages::sending::Sent;
use crate::realtime::Incoming;
use crate::rooms::model::Read;

/// How often a page is told that it sends too much that cannot be read.
const TOO_FAST_INTERVAL: Duration = Duration::from_secs(1);

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
            Command::Typing => {
                if let Some(room) = &mut self.room {
                    room.note_typing();
                }
            }
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

    fn send(&self, sent: Sent) -> Result<(), CommandError> {
        match &self.room {
            Some(room) => room.send(sent),
            None => Err(CommandError {
                client_id: Some(sent.client_id),
                reason: Reason::Send(SendError::NotAMember),
            }),
        }
    }
}
