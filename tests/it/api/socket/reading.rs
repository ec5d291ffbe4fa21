//! What of a room is open to a program, from where on, and until when.

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use super::{hear, hears_nothing, post, refused, say, socket_of, subscribe};
use crate::api::Program;
use crate::own_rooms::befriend;
use crate::support::{Socket, spawn};

/// Hears that the room is not open to the program any more.
async fn is_closed(socket: &mut Socket, room: &str) {
    let ended = hear(socket, "unsubscribed").await;
    assert_eq!(
        (&ended["room_id"], &ended["reason"]),
        (&json!(room), &json!("not_open"))
    );
}

async fn hears(socket: &mut Socket, text: &str) {
    assert_eq!(hear(socket, "new_message").await["message"]["plaintext"], text);
}

#[sqlx::test]
async fn a_deleted_room_is_gone_from_every_open_socket(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let den = alice.make_room("Den", &["bob"]).await;
    let (mut at_alice, mut at_bob) = (socket_of(&alice).await, socket_of(&bob).await);
    for socket in [&mut at_alice, &mut at_bob] {
        subscribe(socket, &den).await;
    }
    alice.ok(Method::DELETE, &format!("/api/rooms/{den}/"), None).await;
    for socket in [&mut at_alice, &mut at_bob] {
        is_closed(socket, &den).await;
        say(socket, json!({"action": "subscribe", "room_id": den, "after": 0})).await;
        assert_eq!(refused(socket, "room_id").await, "not_found");
        hears_nothing(socket).await;
    }
}

#[sqlx::test]
async fn whoever_joined_later_hears_nothing_from_before(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let den = alice.make_room("Den", &[]).await;
    let early = post(&alice, &den, "early").await;
    sqlx::query("UPDATE rooms SET history = 'joined' WHERE id = $1::uuid")
        .bind(&den)
        .execute(&server.pool)
        .await
        .unwrap();
    // Who is invited comes with the link or by the owner: what counts is that they come now.
    sqlx::query(
        "INSERT INTO members (room_id, user_id, role, from_seq, from_change)
         SELECT r.id, u.id, 'member', r.last_seq, r.last_change FROM rooms r, users u
         WHERE r.id = $1::uuid AND u.username = 'bob'",
    )
    .bind(&den)
    .execute(&server.pool)
    .await
    .unwrap();
    post(&alice, &den, "late").await;
    for (after, seq) in [(0, None), (0, Some(0)), (-5, Some(-5)), (1, None)] {
        let mut socket = socket_of(&bob).await;
        say(
            &mut socket,
            json!({"action": "subscribe", "room_id": den, "after": after, "seq": seq}),
        )
        .await;
        hear(&mut socket, "subscribed").await;
        hears(&mut socket, "late").await;
        // Nor what becomes of it.
        let path = format!("/api/rooms/{den}/messages/{}/", early["id"].as_str().unwrap());
        alice
            .ok(
                Method::PATCH,
                &path,
                Some(json!({"plaintext": format!("{after}, {seq:?}")})),
            )
            .await;
        hears_nothing(&mut socket).await;
    }
}
