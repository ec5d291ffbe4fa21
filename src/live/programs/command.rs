//! What a program may say over its socket.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Error;
use crate::api::parse_json;
use crate::ids::{ClientId, RoomId, Seq};
use crate::live::command::MAX_FRAME;
use crate::messages::model::{Body, SendError};
use crate::messages::sending::Sent;
use crate::realtime::Incoming;

/// Characters of what a program sent that an answer repeats.
const SHOWN: usize = 64;

/// A command, checked.
#[derive(Debug)]
pub(super) enum Command {
    /// Say who it is, or go on with a new token.
    Authenticate { token: String },
    /// Listen to a room.
    Subscribe { room: RoomId, known: Known },
    /// Listen to it no more.
    Unsubscribe { room: RoomId },
    /// Send a message.
    Send { room: RoomId, sent: Sent },
    /// The person types.
    Typing { room: RoomId },
}

/// What a program says that it knows of a room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Everything up to this change; without it, everything that is there.
    pub(super) after: Option<i64>,
    /// The number of the newest message that it has; without it the newest that was there at `after`.
    pub(super) seq: Option<i64>,
}

/// Why a frame of a program was not followed.
#[derive(Debug, Default, Clone)]
pub(super) struct Refusal {
    /// What programs read.
    pub(super) code: &'static str,
    /// What people read.
    pub(super) message: Cow<'static, str>,
    /// What in the frame is wrong.
    pub(super) field: Option<Box<str>>,
    /// Which room it named, as it was written.
    pub(super) room_id: Option<Box<str>>,
    /// Which message it is about.
    pub(super) client_id: Option<ClientId>,
    /// When to try again, if that can help.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            ..Self::default()
        }
    }

    pub(super) fn at(self, field: impl Into<Box<str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// The same about that room.
    pub(super) fn of(self, room: RoomId) -> Self {
        Self {
            room_id: Some(room.to_string().into()),
            ..self
        }
    }

    /// The same about that message.
    pub(super) fn about(self, message: ClientId) -> Self {
        Self {
            client_id: Some(message),
            ..self
        }
    }

    /// The room is not there, not theirs, or no id at all: all alike.
    pub(super) fn not_found() -> Self {
        Self::new("not_found", "There is no such room.").at("room_id")
    }

    /// Something could not be looked up.
    pub(super) fn unavailable() -> Self {
        let sentence = "The server could not look this up. Try again in a moment.";
        Self {
            retry_after: SendError::Unavailable.retry_after(),
            ..Self::new("unavailable", sentence)
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        // Pages keep what is not taken and send it again; programs have to do so themselves.
        let sentence = match error {
            SendError::Busy => "The server is busy. Send the message once more, with the same client_id.",
            SendError::Unavailable => {
                "The server could not confirm this message. Send it once more, with the same client_id."
            }
            error => error.message(),
        };
        Self {
            retry_after: error.retry_after(),
            ..Self::new(error.code(), sentence)
        }
    }
}

/// What frames are told apart and answered by, as far as it can be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    action: Value,
    room_id: Value,
    client_id: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthenticateFrame {
    #[serde(rename = "action")]
    _action: IgnoredAny,
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeFrame {
    #[serde(rename = "action")]
    _action: IgnoredAny,
    room_id: String,
    after: Option<i64>,
    seq: Option<i64>,
}

/// That of `unsubscribe` and `typing`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomFrame {
    #[serde(rename = "action")]
    _action: IgnoredAny,
    room_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendFrame {
    #[serde(rename = "action")]
    _action: IgnoredAny,
    room_id: String,
    plaintext: String,
    client_id: Option<Uuid>,
    reply_to: Option<i64>,
}

impl Command {
    /// Reads what a program sent. What is wrong is told by the field.
    pub(super) fn parse(received: &Incoming) -> Result<Self, Refusal> {
        let Incoming::Text(text) = received else {
            return Err(Refusal::new("invalid_json", "Send JSON text in UTF-8."));
        };
        let envelope = serde_json::from_str::<Envelope>(text).unwrap_or_default();
        let parsed = if text.len() > MAX_FRAME {
            Err(Refusal::new("too_long", "A frame has at most 16,384 bytes."))
        } else {
            Self::read(envelope.action.as_str(), text)
        };
        parsed.map_err(|refusal| {
            let client_id = envelope.client_id.as_str().and_then(|id| Uuid::parse_str(id).ok());
            Refusal {
                room_id: envelope.room_id.as_str().map(shown),
                client_id: client_id.map(ClientId),
                ..refusal
            }
        })
    }

    fn read(action: Option<&str>, text: &str) -> Result<Self, Refusal> {
        match action {
            Some("authenticate") => {
                let AuthenticateFrame { token, .. } = parse(text)?;
                Ok(Self::Authenticate { token })
            }
            Some("subscribe") => {
                let SubscribeFrame {
                    room_id, after, seq, ..
                } = parse(text)?;
                let room = room(&room_id)?;
                Ok(Self::Subscribe {
                    room,
                    known: Known { after, seq },
                })
            }
            Some("unsubscribe") => {
                let RoomFrame { room_id, .. } = parse(text)?;
                let room = room(&room_id)?;
                Ok(Self::Unsubscribe { room })
            }
            Some("typing") => {
                let RoomFrame { room_id, .. } = parse(text)?;
                let room = room(&room_id)?;
                Ok(Self::Typing { room })
            }
            Some("send") => {
                let frame: SendFrame = parse(text)?;
                let room = room(&frame.room_id)?;
                let body = Body::parse(&frame.plaintext).map_err(|error| Refusal::from(error).at("plaintext"))?;
                let sent = Sent {
                    body,
                    client_id: frame.client_id.map_or_else(ClientId::new, ClientId),
                    reply_to: frame.reply_to.map(Seq),
                    files: Vec::new(),
                };
                Ok(Self::Send { room, sent })
            }
            Some(unknown) => {
                let sentence = format!(
                    "There is no action “{}”: authenticate, subscribe, unsubscribe, send and typing are all.",
                    shown(unknown)
                );
                Err(Refusal::new("unknown_action", sentence).at("action"))
            }
            None => {
                // What is wrong with it may be more than that.
                let _: Map<String, Value> = parse(text)?;
                Err(Refusal::new("invalid", "Say with “action” what is to be done.").at("action"))
            }
        }
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    parse_json(text.as_bytes()).map_err(|error| match error {
        Error::Invalid(errors) => {
            let first = errors.iter().next();
            let (field, sentence) = first.map_or(("", ""), |(field, sentence)| (field, sentence));
            Refusal::new("invalid", sentence.to_owned()).at(field)
        }
        Error::Malformed(sentence) => Refusal::new("invalid_json", sentence),
        _ => Refusal::new("invalid_json", "Send JSON."),
    })
}

fn room(id: &str) -> Result<RoomId, Refusal> {
    let id = Uuid::parse_str(id).map_err(|_| Refusal::not_found())?;
    Ok(RoomId(id))
}

fn shown(text: &str) -> Box<str> {
    text.chars().take(SHOWN).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = "0193a1b2-0000-7000-8000-000000000001";

    fn parse(text: &str) -> Result<Command, Refusal> {
        Command::parse(&Incoming::Text(text.to_owned().into()))
    }

    #[test]
    fn commands_are_read() {
        let parsed = parse(&format!(r#"{{"action":"subscribe","room_id":"{ROOM}","after":7}}"#));
        assert!(matches!(
            parsed,
            Ok(Command::Subscribe {
                known: Known {
                    after: Some(7),
                    seq: None
                },
                ..
            })
        ));
        let parsed = parse(&format!(r#"{{"action":"send","room_id":"{ROOM}","plaintext":"hi"}}"#));
        assert!(matches!(parsed, Ok(Command::Send { .. })));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_field() {
        let known = format!(r#""room_id":"{ROOM}""#);
        let long = format!(r#"{{"action":"send",{known},"plaintext":"{}"}}"#, "x".repeat(4_001));
        for (text, code, field) in [
            ("", "invalid_json", None),
            ("hello", "invalid_json", None),
            ("[]", "invalid", Some("body")),
            ("{}", "invalid", Some("action")),
            (r#"{"action":5}"#, "invalid", Some("action")),
            (r#"{"action":"dance"}"#, "unknown_action", Some("action")),
            (r#"{"action":"subscribe"}"#, "invalid", Some("room_id")),
            (r#"{"action":"subscribe","room_id":5}"#, "invalid", Some("room_id")),
            (
                r#"{"action":"subscribe","room_id":"general"}"#,
                "not_found",
                Some("room_id"),
            ),
            (
                &format!(r#"{{"action":"subscribe",{known},"after":"x"}}"#),
                "invalid",
                Some("after"),
            ),
            (
                &format!(r#"{{"action":"typing",{known},"loud":true}}"#),
                "invalid",
                Some("loud"),
            ),
            (
                &format!(r#"{{"action":"send",{known},"plaintext":" "}}"#),
                "empty",
                Some("plaintext"),
            ),
            (&long, "too_long", Some("plaintext")),
            (&"x".repeat(MAX_FRAME + 1), "too_long", None),
        ] {
            let refusal = parse(text).unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{text}");
        }
    }
}
