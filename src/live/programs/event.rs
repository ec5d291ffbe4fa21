//! What may be said to a program over its socket: each event, and the frame that carries it.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::command::Refusal;
use crate::accounts::model::Author;
use crate::api::model::{Message, User, message_id};
use crate::ids::{Change, ClientId, Position, RoomId, Seq};
use crate::live::event::{Changes, Part};
use crate::messages::model::{Item, MessageView, Stored};
use crate::realtime::Frame;

/// A message that is new, or stands like this now.
#[derive(Serialize)]
struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    room_id: RoomId,
    message_id: Uuid,
    seq: Seq,
    change: Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

/// What happened in the room to its messages. What else happened there is told to nobody, but brings its readers on.
pub(in crate::live) fn frames(room: RoomId, changes: Changes<'_>) -> Vec<Frame> {
    let line = |item: &Item| match item {
        Item::Message(message) | Item::Altered(message) => Some(new_message(room, message)),
        Item::Event(_) => None,
    };
    let parts = changes.parts(line, |line| line.as_ref().map_or(0, String::len));
    let frame = |(covers, part)| {
        let texts: Vec<_> = match part {
            Part::Lines(lines) => lines.into_iter().flatten().collect(),
            Part::Altered(message) => vec![altered(room, message)],
        };
        Frame::several(covers, &texts)
    };
    parts.into_iter().map(frame).collect()
}

fn new_message(room: RoomId, message: &MessageView) -> String {
    told("new_message", room, message, Some(Message::of(room, message.clone())))
}

fn altered(room: RoomId, message: &MessageView) -> String {
    if message.is_deleted {
        told("message_deleted", room, message, None)
    } else {
        told(
            "message_edited",
            room,
            message,
            Some(Message::of(room, message.clone())),
        )
    }
}

fn told(kind: &'static str, room_id: RoomId, shown: &MessageView, message: Option<Message>) -> String {
    let told = Told {
        kind,
        room_id,
        message_id: message_id(room_id, shown.seq),
        seq: shown.seq,
        change: shown.change,
        message,
    };
    // A usual message fits, so that it is written in one go. All of it is text, numbers and lists.
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, &told).ok();
    String::from_utf8(json).unwrap_or_default()
}

/// A message was sent once more: its sender, who may have missed the echo, is told it again.
pub(super) fn resent(room: RoomId, message: &MessageView) -> Frame {
    Frame::ephemeral(&new_message(room, message))
}

/// A message of the program's is stored, which no subscription brings.
pub(super) fn sent(room: RoomId, client_id: ClientId, Stored { seq, change, .. }: Stored) -> Frame {
    frame(&json!({
        "type": "sent",
        "room_id": room,
        "message_id": message_id(room, seq),
        "seq": seq,
        "change": change,
        "client_id": client_id,
    }))
}

/// Somebody in the room is shown like this now.
pub(in crate::live) fn author_changed(room: RoomId, author: &Author) -> Frame {
    let User {
        username,
        name,
        picture,
        ..
    } = User::of(author);
    frame(&json!({
        "type": "author_changed", "room_id": room, "username": username, "name": name, "picture": picture,
    }))
}

/// Somebody in the room came online, or went.
pub(in crate::live) fn presence(room: RoomId, author: &Author, online: bool) -> Frame {
    frame(&json!({"type": "presence", "room_id": room, "username": author.username, "online": online}))
}

/// Somebody types in the room.
pub(in crate::live) fn typing(room: RoomId, author: &Author) -> Frame {
    frame(&json!({"type": "typing", "room_id": room, "username": author.username}))
}

/// Somebody has read the room up to there.
pub(in crate::live) fn read(room: RoomId, reader: &str, seq: Seq) -> Frame {
    frame(&json!({"type": "read", "room_id": room, "username": reader, "seq": seq}))
}

/// The program is subscribed to the room, which is at that position.
pub(super) fn subscribed(room: RoomId, at: Position) -> Frame {
    frame(&json!({"type": "subscribed", "room_id": room, "change": at.change, "seq": at.seq}))
}

/// The program is not subscribed to the room, or not any more, for that reason.
pub(super) fn unsubscribed(room: RoomId, reason: &str) -> Frame {
    frame(&json!({"type": "unsubscribed", "room_id": room, "reason": reason}))
}

/// The access token is good for a minute, or less.
pub(super) fn token_expiring() -> Frame {
    frame(&json!({"type": "token_expiring"}))
}

/// The program missed more of the room than it can be told: it goes on at that position.
pub(in crate::live) fn outdated(room: RoomId, at: Position) -> Frame {
    frame(&json!({
        "type": "error",
        "code": "outdated",
        "message": "Too much has happened in the room since then. Read its messages over HTTP.",
        "room_id": room,
        "change": at.change,
        "seq": at.seq,
    }))
}

/// A frame of the program was not followed.
pub(super) fn not_followed(refusal: &Refusal) -> Frame {
    let Refusal {
        code,
        message,
        field,
        room_id,
        client_id,
        retry_after,
    } = refusal;
    frame(&json!({
        "type": "error",
        "code": code,
        "message": message,
        "field": field,
        "room_id": room_id,
        "client_id": client_id,
        "retry_after": retry_after.as_ref().map(Duration::as_secs_f64),
    }))
}

fn frame(value: &Value) -> Frame {
    Frame::ephemeral(&value.to_string())
}
