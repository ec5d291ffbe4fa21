//! What a page may say over its socket.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use crate::ids::{ClientId, Seq};
use crate::messages::model::{Body, SendError, parse_files};
use crate::messages::sending::Sent;
use crate::realtime::Incoming;

/// Bytes of a frame that are accepted.
pub(super) const MAX_FRAME: usize = 16 << 10;

/// A command, checked.
#[derive(Debug)]
pub enum Command {
    /// Send a message.
    Send(Sent),
    /// Note that the person has read the room.
    Read {
        /// Up to which message.
        seq: Seq,
        /// How often they had marked something as unread, as far as the page knows.
        version: Option<i64>,
    },
    /// The person types.
    Typing,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// The id of the message that it concerns, as far as it can be read.
    pub client_id: Option<ClientId>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The message was not taken.
    Send(SendError),
    /// There is no command of this type.
    UnknownType(String),
}

impl Reason {
    /// The code that programs read.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Send(error) => error.code(),
            Self::UnknownType(_) => "unknown_type",
        }
    }

    /// The sentence that people read.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Send(error) => error.message().into(),
            Self::UnknownType(name) => format!("There is no frame of the type “{name}”.").into(),
        }
    }

    /// When to try again, if that can help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Send(error) => error.retry_after(),
            Self::UnknownType(_) => None,
        }
    }
}

/// What every frame has. htmx adds `headers`, which are ignored like every unknown key.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    client_id: Option<Uuid>,
}

#[derive(Deserialize)]
struct ReadFrame {
    seq: i64,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct SendFrame<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
    reply_to: Option<i64>,
    #[serde(borrow, default)]
    files: Vec<Cow<'a, str>>,
}

impl Command {
    /// Reads what a page sent. A frame without a `type` is a `send`.
    pub fn parse(received: &Incoming) -> Result<Self, CommandError> {
        let malformed = |sentence| CommandError {
            client_id: None,
            reason: Reason::Send(SendError::Malformed(sentence)),
        };
        let Incoming::Text(text) = received else {
            return Err(malformed("Send JSON text in UTF-8."));
        };
        let envelope = serde_json::from_str::<Envelope<'_>>(text).ok();
        let client_id = envelope.as_ref().and_then(|envelope| envelope.client_id).map(ClientId);
        let refuse = |reason| CommandError { client_id, reason };
        if text.len() > MAX_FRAME {
            return Err(refuse(Reason::Send(SendError::TooLong)));
        }
        let Some(Envelope { kind, .. }) = envelope else {
            return Err(malformed(SEND_FORM));
        };
        match kind.as_deref().unwrap_or("send") {
            "send" => {
                let frame = serde_json::from_str::<SendFrame<'_>>(text);
                let SendFrame { body, reply_to, files } = frame.map_err(|_| malformed(SEND_FORM))?;
                let refuse = |error| refuse(Reason::Send(error));
                let files = parse_files(files.iter().map(AsRef::as_ref)).map_err(refuse)?;
                let body = if files.is_empty() {
                    Body::parse(&body)
                } else {
                    Body::beside_files(&body)
                };
                let body = body.map_err(refuse)?;
                let client_id = client_id.unwrap_or_else(ClientId::new);
                Ok(Self::Send(Sent {
                    body,
                    client_id,
                    reply_to: reply_to.map(Seq),
                    files,
                }))
            }
            "read" => {
                let frame = serde_json::from_str(text);
                let ReadFrame { seq, version } = frame.map_err(|_| malformed(READ_FORM))?;
                Ok(Self::Read { seq: Seq(seq), version })
            }
            "typing" => Ok(Self::Typing),
            unknown => Err(refuse(Reason::UnknownType(unknown.chars().take(SHOWN_TYPE).collect()))),
        }
    }
}

/// How a page says what was read.
const READ_FORM: &str = r#"Send JSON like {"type": "read", "seq": 7}."#;
/// How a message is sent.
const SEND_FORM: &str = r#"Send JSON like {"body": "Hello", "client_id": "<uuid>"}."#;
/// Characters of an unknown type that the answer repeats.
const SHOWN_TYPE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, CommandError> {
        Command::parse(&Incoming::Text(text.to_owned().into()))
    }

    fn code(text: &str) -> &'static str {
        parse(text).unwrap_err().reason.code()
    }

    #[test]
    fn a_frame_without_a_type_sends() {
        for text in [
            r#"{"body":"hi","client_id":"0193a1b2-0000-7000-8000-000000000001"}"#,
            r#"{"type":"send","body":"hi","client_id":"0193a1b2-0000-7000-8000-000000000001","headers":{}}"#,
        ] {
            let Command::Send(Sent { body, client_id, .. }) = parse(text).unwrap() else {
                unreachable!("{text} sends");
            };
            assert_eq!(body.as_str(), "hi");
            assert_eq!(client_id.to_string(), "0193a1b2-0000-7000-8000-000000000001");
        }
    }

    #[test]
    fn what_was_read_is_a_number() {
        let parsed = parse(r#"{"type":"read","seq":7,"version":2}"#);
        assert!(matches!(
            parsed,
            Ok(Command::Read {
                seq: Seq(7),
                version: Some(2)
            })
        ));
        for bad in [r#"{"type":"read"}"#, r#"{"type":"read","seq":"7"}"#] {
            assert_eq!(code(bad), "invalid_json", "{bad}");
        }
    }

    #[test]
    fn an_unknown_type_is_refused_by_its_name() {
        let error = parse(r#"{"type":"dance","client_id":"0193a1b2-0000-7000-8000-000000000001"}"#).unwrap_err();
        assert_eq!(error.reason, Reason::UnknownType("dance".into()));
        assert!(error.reason.message().contains("“dance”") && error.client_id.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_told_apart_from_what_is_too_long() {
        for bad in ["", "hello", "[]", "{}", r#"{"body":5}"#, r#"{"type":5,"body":"a"}"#] {
            assert_eq!(code(bad), "invalid_json", "{bad}");
        }
        assert_eq!(code(r#"{"body":" "}"#), "empty");
        let id = "0193a1b2-0000-7000-8000-000000000001";
        let long = format!(r#"{{"body":"{}","client_id":"{id}"}}"#, "x".repeat(MAX_FRAME));
        assert_eq!(code(&"x".repeat(MAX_FRAME + 1)), "too_long");
        let error = parse(&long).unwrap_err();
        assert_eq!(error.reason, Reason::Send(SendError::TooLong));
        assert_eq!(
            error.client_id.unwrap().to_string(),
            id,
            "the page must not send it again for ever"
        );
    }
}
