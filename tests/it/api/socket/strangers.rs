//! What is not open to a program's person, and what nobody can read.

use serde_json::json;
use sqlx::PgPool;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{hear, refused, say, socket_of};
use crate::api::Program;
use crate::support::spawn;

#[sqlx::test]
async fn a_room_that_is_not_mine_is_not_there_and_what_cannot_be_read_is_told_by_its_field(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let den = alice.make_room("Den", &[]).await;
    let mut socket = socket_of(&Program::of(&server, "charlie").await).await;
    let general = alice.room("General").await;
    let mut answers = Vec::new();
    for room in [den.as_str(), &general, &Uuid::new_v4().to_string(), "General"] {
        say(&mut socket, json!({"action": "subscribe", "room_id": room})).await;
        let mut frame = hear(&mut socket, "error").await;
        assert_eq!(frame["room_id"].take(), room);
        answers.push(frame);
    }
    assert_eq!(answers[0]["code"], "not_found");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    for (frame, field, code) in [
        (json!({"action": "dance"}), "action", "unknown_action"),
        (json!({}), "action", "invalid"),
        (json!([1]), "body", "invalid"),
        (json!({"action": "subscribe"}), "room_id", "invalid"),
        (
            json!({"action": "typing", "room_id": den, "loud": 1}),
            "loud",
            "invalid",
        ),
        (
            json!({"action": "send", "room_id": den, "plaintext": 5}),
            "plaintext",
            "invalid",
        ),
        (json!({"action": "authenticate", "token": "x"}), "token", "bad_token"),
    ] {
        say(&mut socket, frame).await;
        assert_eq!(refused(&mut socket, field).await, code);
    }
    for text in ["", "{", "{} x"] {
        socket.send(text).await;
        assert_eq!(hear(&mut socket, "error").await["code"], "invalid_json");
    }
    socket.send("x".repeat(17 << 10)).await;
    assert_eq!(hear(&mut socket, "error").await["code"], "too_long");
    socket.send(Message::binary(vec![0, 1])).await;
    assert_eq!(hear(&mut socket, "error").await["code"], "invalid_json");
}
