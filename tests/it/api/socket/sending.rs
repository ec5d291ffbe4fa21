//! What a program sends, and what it is told of it.

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{hear, hears_nothing, post, refused, say, socket_of, subscribe};
use crate::api::Program;
use crate::support::spawn;

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
    say(&mut socket, message.clone()).await;
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
