//! What a program hears of its rooms.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{hear, hears_nothing, post, refused, say, socket_of, subscribe};
use crate::api::Program;
use crate::bounds::fill;
use crate::nodes::{at, two};
use crate::own_rooms::befriend;
use crate::support::{numbers, spawn};

#[sqlx::test]
async fn a_message_arrives_once_on_the_programs_and_pages_of_every_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let alice = Program::of(&first, "alice").await;
    let bob = Program::of(&first, "bob").await.at(&second);
    let room = alice.room("General").await;
    let other = alice.make_room("Den", &[]).await;
    let mut here = socket_of(&alice).await;
    let mut elsewhere = socket_of(&bob).await;
    let mut page = at(cast.bob, &second).socket("General").await;
    for socket in [&mut here, &mut elsewhere] {
        subscribe(socket, &room).await;
    }
    subscribe(&mut here, &other).await;
    let mut sent = Vec::new();
    for number in 1..=20 {
        sent.push(post(&alice, &room, &format!("message {number}")).await);
    }
    for socket in [&mut here, &mut elsewhere] {
        for message in &sent {
            let frame = hear(socket, "new_message").await;
            assert_eq!(frame["message"], *message);
            assert_eq!(
                (&frame["room_id"], &frame["message_id"]),
                (&json!(room), &message["id"])
            );
            assert_eq!((&frame["seq"], &frame["change"]), (&message["seq"], &message["change"]));
        }
    }
    let mut shown = Vec::new();
    while shown.last() != Some(&20) {
        shown.extend(numbers(&page.next().await));
    }
    assert_eq!(shown, (1..=20).collect::<Vec<_>>());
    post(&alice, &other, "in the other").await;
    assert_eq!(hear(&mut here, "new_message").await["room_id"], other.as_str());

    let address = |message: &Value| format!("/api/rooms/{room}/messages/{}/", message["id"].as_str().unwrap());
    let changed = json!({"plaintext": "changed"});
    let changed = alice.ok(Method::PATCH, &address(&sent[4]), Some(changed)).await;
    alice.ok(Method::DELETE, &address(&sent[5]), None).await;
    for socket in [&mut here, &mut elsewhere] {
        let frame = hear(socket, "message_edited").await;
        assert_eq!((&frame["message"], &frame["seq"]), (&changed, &json!(5)));
        let frame = hear(socket, "message_deleted").await;
        assert_eq!((&frame["message_id"], &frame["seq"]), (&sent[5]["id"], &json!(6)));
        assert!(frame.get("message").is_none() && frame["change"].is_i64());
    }
    hears_nothing(&mut elsewhere).await;

    // What was missed comes before what is new, each once.
    let mut back = socket_of(&bob).await;
    let after = sent[17]["change"].as_i64().unwrap();
    say(
        &mut back,
        json!({"action": "subscribe", "room_id": room, "after": after}),
    )
    .await;
    post(&alice, &room, "the last").await;
    let position = hear(&mut back, "subscribed").await;
    assert!(position["seq"].as_i64() >= Some(20) && position["change"].as_i64() > Some(after));
    for expected in [19, 20] {
        assert_eq!(hear(&mut back, "new_message").await["seq"], expected);
    }
    assert_eq!(hear(&mut back, "message_edited").await["seq"], 5);
    assert_eq!(hear(&mut back, "message_deleted").await["seq"], 6);
    assert_eq!(hear(&mut back, "new_message").await["message"]["plaintext"], "the last");
    hears_nothing(&mut back).await;
}

#[sqlx::test]
async fn subscriptions_begun_while_others_write_miss_nothing(pool: PgPool) {
    let (first, second) = two(pool).await;
    first.cast().await;
    let alice = Program::of(&first, "alice").await;
    let bob = Program::of(&first, "bob").await.at(&second);
    let room = alice.room("General").await;
    let begin = post(&alice, &room, "0").await["change"].as_i64().unwrap();
    let write = async {
        for number in 1..=40 {
            post(&alice, &room, &number.to_string()).await;
        }
    };
    let listen = async {
        let mut sockets = Vec::new();
        for _ in 0..10 {
            let mut socket = socket_of(&bob).await;
            let frame = json!({"action": "subscribe", "room_id": room, "after": begin, "seq": 1});
            say(&mut socket, frame).await;
            hear(&mut socket, "subscribed").await;
            sockets.push(socket);
        }
        for socket in &mut sockets {
            for number in 1..=40 {
                let frame = hear(socket, "new_message").await;
                assert_eq!(frame["message"]["plaintext"], number.to_string());
            }
        }
    };
    tokio::join!(write, listen);
}

#[sqlx::test]
async fn a_socket_has_at_most_two_hundred_rooms(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    fill(&server, "alice", "member", 200).await;
    let alice = Program::of(&server, "alice").await;
    let rooms: Vec<Uuid> =
        sqlx::query_scalar("SELECT room_id FROM members m JOIN users u ON u.id = m.user_id WHERE u.username = 'alice'")
            .fetch_all(&server.pool)
            .await
            .unwrap();
    assert_eq!(rooms.len(), 201);
    let mut socket = socket_of(&alice).await;
    for room in &rooms[..200] {
        subscribe(&mut socket, &room.to_string()).await;
    }
    let last = rooms[200].to_string();
    say(&mut socket, json!({"action": "subscribe", "room_id": last})).await;
    assert_eq!(hear(&mut socket, "error").await["code"], "too_many_rooms");
    say(&mut socket, json!({"action": "unsubscribe", "room_id": rooms[0]})).await;
    hear(&mut socket, "unsubscribed").await;
    subscribe(&mut socket, &last).await;
    post(&alice, &last, "in the last").await;
    assert_eq!(hear(&mut socket, "new_message").await["room_id"], last);
}

#[sqlx::test]
async fn whoever_missed_too_much_is_told_so_and_goes_on_from_there(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let far = json!({"action": "subscribe", "room_id": room, "after": 1_000_000});
    let mut socket = socket_of(&alice).await;
    say(&mut socket, far).await;
    let subscribed = hear(&mut socket, "subscribed").await;
    let outdated = hear(&mut socket, "error").await;
    assert_eq!(outdated["code"], "outdated");
    assert_eq!(outdated["change"], subscribed["change"]);
    post(&alice, &room, "on").await;
    assert_eq!(hear(&mut socket, "new_message").await["message"]["plaintext"], "on");
}

#[sqlx::test]
async fn whoever_is_removed_loses_that_room_and_keeps_the_socket(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let alice = Program::of(&first, "alice").await;
    let bob = Program::of(&first, "bob").await.at(&second);
    let den = alice.make_room("Den", &["bob"]).await;
    let general = alice.room("General").await;
    let mut socket = socket_of(&bob).await;
    subscribe(&mut socket, &den).await;
    subscribe(&mut socket, &general).await;
    let path = format!("/api/rooms/{den}/members/bob/");
    alice.ok(Method::DELETE, &path, None).await;
    post(&alice, &den, "behind his back").await;
    let ended = hear(&mut socket, "unsubscribed").await;
    assert_eq!((&ended["room_id"], &ended["reason"]), (&json!(den), &json!("not_open")));
    post(&alice, &general, "to him too").await;
    assert_eq!(
        hear(&mut socket, "new_message").await["message"]["plaintext"],
        "to him too"
    );
    say(&mut socket, json!({"action": "subscribe", "room_id": den, "after": 0})).await;
    assert_eq!(refused(&mut socket, "room_id").await, "not_found");
}

#[sqlx::test]
async fn whoever_says_they_know_more_than_there_is_is_told_all_that_is_new_as_new(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let known = post(&alice, &room, "known").await["change"].as_i64().unwrap();
    post(&alice, &room, "missed").await;
    for seq in [1_000, i64::MAX] {
        let mut socket = socket_of(&alice).await;
        say(
            &mut socket,
            json!({"action": "subscribe", "room_id": room, "after": known, "seq": seq}),
        )
        .await;
        hear(&mut socket, "subscribed").await;
        assert_eq!(hear(&mut socket, "new_message").await["message"]["plaintext"], "missed");
        hears_nothing(&mut socket).await;
    }
}
