//! What is not open to a program's person, and what nobody can read.

use serde_json::json;
use sqlx::PgPool;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{hear, hears_nothing, next, refused, say, socket_of, subscribe};
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

#[sqlx::test]
async fn nothing_that_a_stranger_says_reaches_a_room_or_tells_whether_it_is_there(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let den = alice.make_room("Den", &[]).await;
    let general = alice.room("General").await;
    let mut member = socket_of(&alice).await;
    let mut page = cast.alice.socket("General").await;
    for room in [&den, &general] {
        subscribe(&mut member, room).await;
    }
    let charlie = Program::of(&server, "charlie").await;
    let mut stranger = socket_of(&charlie).await;
    let id = Uuid::new_v4().to_string();
    let mut told = Vec::new();
    for room in [den.as_str(), &general, &Uuid::new_v4().to_string()] {
        for frame in [
            json!({"action": "subscribe", "room_id": room, "after": 0}),
            json!({"action": "send", "room_id": room, "plaintext": "let me in", "client_id": id, "reply_to": 1}),
            json!({"action": "send", "room_id": room, "plaintext": "let me in", "client_id": id}),
            json!({"action": "typing", "room_id": room}),
            json!({"action": "unsubscribe", "room_id": room}),
        ] {
            say(&mut stranger, frame).await;
            let mut answer = next(&mut stranger).await;
            assert_eq!(answer["room_id"].take(), room);
            told.push(answer);
        }
    }
    let (first, others) = told.split_at(5);
    assert_eq!([first, first].concat(), others, "one answer for all");
    let codes: Vec<_> = first.iter().map(|answer| answer["code"].clone()).collect();
    assert_eq!(
        codes,
        ["not_found", "not_found", "not_found", "not_subscribed"]
            .map(|code| json!(code))
            .into_iter()
            .chain([json!(null)])
            .collect::<Vec<_>>()
    );
    assert_eq!(
        (&first[1]["client_id"], &first[4]["type"]),
        (&json!(id), &json!("unsubscribed"))
    );
    hears_nothing(&mut member).await;
    page.hears_nothing_of("let me in").await;
    hears_nothing(&mut stranger).await;
}
