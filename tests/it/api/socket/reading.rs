//! What of a room is open to a program, from where on, and until when.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{hear, hears_nothing, post, refused, say, socket_of, subscribe};
use crate::api::Program;
use crate::own_rooms::{befriend, open_direct};
use crate::support::{Socket, done, spawn};

/// Subscribes to all that may be seen of the room.
async fn subscribe_from_the_beginning(socket: &mut Socket, room: &str) {
    say(socket, json!({"action": "subscribe", "room_id": room, "after": 0})).await;
    hear(socket, "subscribed").await;
}

/// Makes sure that nothing can be written there, and that the reason is that one.
async fn cannot_write(socket: &mut Socket, room: &str, code: &str) {
    let id = uuid::Uuid::new_v4();
    let sent = json!({"action": "send", "room_id": room, "plaintext": "late", "client_id": id});
    for frame in [sent, json!({"action": "typing", "room_id": room})] {
        say(socket, frame).await;
        let refusal = hear(socket, "error").await;
        assert_eq!((&refusal["code"], &refusal["room_id"]), (&json!(code), &json!(room)));
    }
}

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
async fn an_archived_room_is_read_over_the_socket_as_over_http(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let message = post(&alice, &room, "before").await;
    let mut socket = socket_of(&alice).await;
    subscribe(&mut socket, &room).await;
    done(cast.admin.post("/admin/rooms/General/archive", &[]).await).await;
    is_closed(&mut socket, &room).await;
    let list = alice.get(&format!("/api/rooms/{room}/messages/")).await;
    assert_eq!(list[0], message);
    subscribe_from_the_beginning(&mut socket, &room).await;
    assert_eq!(hear(&mut socket, "new_message").await["message"], message);
    cannot_write(&mut socket, &room, "not_a_member").await;
    // A page is turned away, as before.
    assert_eq!(cast.alice.socket("General").await.closed().await.0, 4403);
}

#[sqlx::test]
async fn a_block_closes_a_direct_chat_which_is_read_on(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    open_direct(&cast.alice, "bob").await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let rooms = bob.get("/api/rooms/").await;
    let is_direct = |room: &&Value| room["kind"] == "direct";
    let room = rooms.as_array().unwrap().iter().find(is_direct).unwrap()["id"]
        .as_str()
        .unwrap();
    let (mut at_alice, mut at_bob) = (socket_of(&alice).await, socket_of(&bob).await);
    for socket in [&mut at_alice, &mut at_bob] {
        subscribe(socket, room).await;
    }
    post(&alice, room, "while friends").await;
    for socket in [&mut at_alice, &mut at_bob] {
        hears(socket, "while friends").await;
    }
    done(cast.alice.post("/friends/bob/remove", &[]).await).await;
    for socket in [&mut at_alice, &mut at_bob] {
        is_closed(socket, room).await;
        subscribe_from_the_beginning(socket, room).await;
        hears(socket, "while friends").await;
        cannot_write(socket, room, "not_friends").await;
    }
    // Whoever reads on is not put out once more.
    done(cast.bob.post("/people/alice/block", &[]).await).await;
    for socket in [&mut at_alice, &mut at_bob] {
        hears_nothing(socket).await;
    }
    done(cast.bob.post("/people/alice/unblock", &[]).await).await;
    befriend(&cast.alice, &cast.bob).await;
    post(&alice, room, "friends again").await;
    for socket in [&mut at_alice, &mut at_bob] {
        hears(socket, "friends again").await;
        // Who types is for whoever has subscribed since.
        subscribe(socket, room).await;
    }
    done(cast.bob.post("/people/alice/block", &[]).await).await;
    for socket in [&mut at_alice, &mut at_bob] {
        is_closed(socket, room).await;
        subscribe(socket, room).await;
        cannot_write(socket, room, "not_friends").await;
    }
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
