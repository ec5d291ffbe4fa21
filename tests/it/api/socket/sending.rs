//! What a program sends, and what it is told of it.

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{hear, hears_nothing, next, post, refused, say, socket_of, subscribe};
use crate::api::Program;
use crate::support::{Socket, spawn};

#[sqlx::test]
async fn what_a_program_sends_comes_back_to_it_and_is_refused_by_the_same_rules(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let mut page = cast.bob.socket("General").await;
    let mut socket = socket_of(&alice).await;
    let id = Uuid::new_v4().to_string();
    let message = json!({"action": "send", "room_id": room, "plaintext": "Clear **skies**?", "client_id": id});
    say(&mut socket, json!({"action": "typing", "room_id": room})).await;
    assert_eq!(refused(&mut socket, "room_id").await, "not_subscribed");
    subscribe(&mut socket, &room).await;
    say(&mut socket, message.clone()).await;
    let echo = hear(&mut socket, "new_message").await;
    assert_eq!((&echo["message"]["client_id"], &echo["seq"]), (&json!(id), &json!(1)));
    page.until("<strong>skies</strong>").await;
    // The same again is told again, and stored once.
    say(&mut socket, message).await;
    assert_eq!(hear(&mut socket, "new_message").await, echo);
    for (text, code) in [(" ".to_owned(), "empty"), ("x".repeat(4_001), "too_long")] {
        say(
            &mut socket,
            json!({"action": "send", "room_id": room, "plaintext": text, "client_id": id}),
        )
        .await;
        let frame = hear(&mut socket, "error").await;
        assert_eq!((&frame["code"], &frame["client_id"]), (&json!(code), &json!(id)));
        assert_eq!(
            (&frame["field"], &frame["room_id"]),
            (&json!("plaintext"), &json!(room))
        );
    }
    say(
        &mut socket,
        json!({"action": "send", "room_id": room, "plaintext": "x", "reply_to": 99, "client_id": Uuid::new_v4()}),
    )
    .await;
    assert_eq!(hear(&mut socket, "error").await["code"], "unknown_reply");

    // Whoever types and reads on a page is named, and the other way round.
    page.send(r#"{"type":"typing"}"#).await;
    assert_eq!(hear(&mut socket, "typing").await["username"], "bob");
    page.send(r#"{"type":"read","seq":1}"#).await;
    let read = hear(&mut socket, "read").await;
    assert_eq!((&read["username"], &read["seq"]), (&json!("bob"), &json!(1)));
    say(&mut socket, json!({"action": "typing", "room_id": room})).await;
    page.until(r##"hx-target="#typing""##).await;
    say(&mut socket, json!({"action": "unsubscribe", "room_id": room})).await;
    let ended = hear(&mut socket, "unsubscribed").await;
    assert_eq!(
        (&ended["room_id"], &ended["reason"]),
        (&json!(room), &json!("requested"))
    );
    post(&alice, &room, "unheard").await;
    page.until("unheard").await;
    hears_nothing(&mut socket).await;
}

fn message(room: &str, text: &str) -> Value {
    json!({"action": "send", "room_id": room, "plaintext": text, "client_id": Uuid::new_v4()})
}

#[sqlx::test]
async fn a_program_sends_without_a_subscription_and_is_told_where_its_message_stands(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let room = alice.room("General").await;
    let mut page = cast.bob.socket("General").await;
    let mut listens = socket_of(&bob).await;
    subscribe(&mut listens, &room).await;
    let mut socket = socket_of(&alice).await;
    let first = message(&room, "unheard by me");
    say(&mut socket, first.clone()).await;
    let sent = hear(&mut socket, "sent").await;
    let heard = hear(&mut listens, "new_message").await;
    for member in ["room_id", "message_id", "seq", "change"] {
        assert!(
            !sent[member].is_null() && sent[member] == heard[member],
            "{member}: {sent}"
        );
    }
    assert_eq!(sent["client_id"], first["client_id"]);
    page.until("unheard by me").await;
    // The same once more is the same.
    say(&mut socket, first).await;
    assert_eq!(hear(&mut socket, "sent").await, sent);
    let mut wrong = message(&room, "an answer to nothing");
    wrong["reply_to"] = json!(99);
    say(&mut socket, wrong.clone()).await;
    let refusal = hear(&mut socket, "error").await;
    assert_eq!(
        (&refusal["code"], &refusal["room_id"], &refusal["client_id"]),
        (&json!("unknown_reply"), &json!(room), &wrong["client_id"])
    );
    // Whoever has left meanwhile does not belong there, whatever is remembered.
    cast.alice.post("/chat/room/General/leave", &[]).await;
    say(&mut socket, message(&room, "from outside")).await;
    assert_eq!(hear(&mut socket, "error").await["code"], "not_found");
    hears_nothing(&mut listens).await;
    hears_nothing(&mut socket).await;
}

#[sqlx::test]
async fn messages_stand_in_the_order_in_which_one_socket_sent_them_subscribed_or_not(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let mut socket = socket_of(&alice).await;
    for number in 0..60 {
        match number % 20 {
            10 => say(&mut socket, json!({"action": "subscribe", "room_id": room})).await,
            0 => say(&mut socket, json!({"action": "unsubscribe", "room_id": room})).await,
            _ => {}
        }
        say(&mut socket, message(&room, &number.to_string())).await;
    }
    say(&mut socket, message(&room, "the last")).await;
    while next(&mut socket).await["message"]["plaintext"] != "the last" {}
    let list = alice.get(&format!("/api/rooms/{room}/messages/?limit=100")).await;
    let texts: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["plaintext"].clone())
        .collect();
    let expected: Vec<_> = (0..60)
        .map(|number| number.to_string())
        .chain(["the last".into()])
        .collect();
    assert_eq!(json!(texts), json!(expected));
}

/// What is told of these messages, whatever else is.
async fn told(socket: &mut Socket, ids: &[&Value]) -> Vec<Value> {
    let mut told = vec![Value::Null; ids.len()];
    while told.contains(&Value::Null) {
        let frame = next(socket).await;
        let of = |id: &&Value| **id == frame["client_id"] || **id == frame["message"]["client_id"];
        if let Some(at) = ids.iter().position(of) {
            told[at] = frame;
        }
    }
    told
}

#[sqlx::test]
async fn what_becomes_of_a_message_is_told_although_its_room_was_left_meanwhile(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let mut socket = socket_of(&alice).await;
    for leave in [
        json!({"action": "unsubscribe", "room_id": room}),
        json!({"action": "subscribe", "room_id": room}),
    ] {
        subscribe(&mut socket, &room).await;
        let before = message(&room, "before");
        say(&mut socket, before.clone()).await;
        hear(&mut socket, "new_message").await;
        // Nothing is stored in a room that somebody holds locked.
        let mut held = server.pool.begin().await.unwrap();
        sqlx::query("SELECT FROM rooms WHERE id = $1::uuid FOR UPDATE")
            .bind(&room)
            .execute(&mut *held)
            .await
            .unwrap();
        let (stored, mut refused) = (message(&room, "stored"), message(&room, "refused"));
        refused["reply_to"] = json!(99);
        for frame in [&stored, &refused, &before, &leave] {
            say(&mut socket, frame.clone()).await;
        }
        let kind = if leave["action"] == "subscribe" {
            "subscribed"
        } else {
            "unsubscribed"
        };
        hear(&mut socket, kind).await;
        held.rollback().await.unwrap();
        let ids = [&stored, &refused, &before].map(|message| &message["client_id"]);
        let told = told(&mut socket, &ids).await;
        assert_eq!(told[1]["code"], "unknown_reply", "{leave}");
        for (told, frame) in [(&told[0], &stored), (&told[2], &before)] {
            let kinds = [json!("sent"), json!("new_message")];
            assert!(kinds.contains(&told["type"]), "{leave}: {told} of {frame}");
        }
    }
}
