//! The JSON socket of programs.

mod listening;
mod opening;
mod people;
mod reading;
mod sending;
mod strangers;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::Program;
use crate::support::{QUIET, Socket};

const ADDRESS: &str = "/ws/rooms/";

/// A socket with that query and those headers, whoever it is of.
async fn open(base: &str, query: &str, headers: &[(&'static str, &str)]) -> Result<Socket, tungstenite::Error> {
    open_at(base, &format!("{ADDRESS}{query}"), headers).await
}

/// The same at any address.
async fn open_at(base: &str, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, tungstenite::Error> {
    let address = format!("{}{path}", base.replacen("http", "ws", 1));
    let mut request = address.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    Ok(Socket(connect_async(request).await?.0.peekable()))
}

fn access(program: &Program) -> &str {
    program.access.as_deref().unwrap()
}

/// The socket of a program, by its token in the header.
pub async fn socket_of(program: &Program) -> Socket {
    let header = format!("Bearer {}", access(program));
    open(&program.base, "", &[("authorization", &header)]).await.unwrap()
}

pub async fn say(socket: &mut Socket, frame: Value) {
    socket.send(frame.to_string()).await;
}

/// The next frame. Who comes and goes is told at any time, and passed over.
async fn next(socket: &mut Socket) -> Value {
    loop {
        let frame = any(socket).await;
        if frame["type"] != "presence" {
            return frame;
        }
    }
}

/// The next frame, whatever it is.
async fn any(socket: &mut Socket) -> Value {
    let frame = socket.next().await;
    serde_json::from_str(&frame).unwrap_or_else(|_| panic!("not JSON: {frame}"))
}

/// Makes sure that nothing comes for a while but who comes and goes.
async fn hears_nothing(socket: &mut Socket) {
    while let Some(frame) = socket.next_within(QUIET).await {
        assert!(frame.contains(r#""type":"presence""#), "heard {frame}");
    }
}

/// The next frame, which is of that type.
pub async fn hear(socket: &mut Socket, kind: &str) -> Value {
    let frame = next(socket).await;
    assert_eq!(frame["type"], kind, "{frame}");
    frame
}

/// Subscribes; gives the answer.
pub async fn subscribe(socket: &mut Socket, room: &str) -> Value {
    say(socket, json!({"action": "subscribe", "room_id": room})).await;
    let answer = hear(socket, "subscribed").await;
    assert_eq!(answer["room_id"], room);
    answer
}

/// The next refusal's code, about that field.
async fn refused(socket: &mut Socket, field: &str) -> Value {
    let mut frame = hear(socket, "error").await;
    assert_eq!(frame["field"], field, "{frame}");
    assert!(
        frame["message"].as_str().is_some_and(|text| !text.is_empty()),
        "{frame}"
    );
    frame["code"].take()
}

/// Posts over HTTP; gives the message.
pub async fn post(program: &Program, room: &str, text: &str) -> Value {
    let list = format!("/api/rooms/{room}/messages/");
    program.post(&list, json!({"plaintext": text})).await
}
