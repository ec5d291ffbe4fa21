//! PostgreSQL and Redis away for a while, as programs see it: told, and nothing lost or doubled.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use umbrachat::database;
use uuid::Uuid;

use super::Program;
use super::socket::{hear, post, say, socket_of, subscribe};
use crate::nodes::{two_over, up};
use crate::outages::Line;
use crate::services::Redis;
use crate::support::{config, spawn_with};

#[sqlx::test]
async fn while_the_database_is_away_programs_are_told_and_lose_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let server = spawn_with(pool, config()).await;
    server.cast().await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let (room, other) = (alice.room("General").await, alice.make_room("Den", &[]).await);
    let (mut at_alice, mut at_bob) = (socket_of(&alice).await, socket_of(&bob).await);
    for socket in [&mut at_alice, &mut at_bob] {
        subscribe(socket, &room).await;
    }
    // Whoever has heard something has caught up, for which the database is needed.
    post(&alice, &room, "before").await;
    for socket in [&mut at_alice, &mut at_bob] {
        hear(socket, "new_message").await;
    }

    // Nothing is known yet of this log-in.
    let other_log_in = Program::of(&server, "alice").await;
    line.cut();
    let list = format!("/api/rooms/{room}/messages/");
    let over_http = json!({"plaintext": "over HTTP", "client_id": Uuid::new_v4()});
    let response = alice.send(Method::POST, &list, Some(over_http.clone())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], 503);
    let over_socket = json!({
        "action": "send", "room_id": room, "plaintext": "over the socket", "client_id": Uuid::new_v4(),
    });
    say(&mut at_alice, over_socket.clone()).await;
    let refusal = hear(&mut at_alice, "error").await;
    assert_eq!(
        (&refusal["code"], &refusal["client_id"]),
        (&json!("unavailable"), &over_socket["client_id"])
    );
    assert!(refusal["retry_after"].as_f64().unwrap() > 0.0);
    say(&mut at_alice, json!({"action": "subscribe", "room_id": other})).await;
    let refusal = hear(&mut at_alice, "error").await;
    assert_eq!(
        (&refusal["code"], &refusal["room_id"]),
        (&json!("unavailable"), &json!(other))
    );
    let sentence = "The server could not look this up. Try again in a moment.";
    assert_eq!(refusal["message"], sentence);
    assert!(refusal["retry_after"].as_f64().unwrap() > 0.0);
    say(
        &mut at_alice,
        json!({"action": "authenticate", "token": other_log_in.access}),
    )
    .await;
    let refusal = hear(&mut at_alice, "error").await;
    assert_eq!(
        (&refusal["code"], &refusal["message"]),
        (&json!("unavailable"), &json!(sentence))
    );
    let unheard = json!({
        "action": "send", "room_id": other, "plaintext": "without a subscription", "client_id": Uuid::new_v4(),
    });
    say(&mut at_alice, unheard.clone()).await;
    let refusal = hear(&mut at_alice, "error").await;
    assert_eq!(
        (&refusal["code"], &refusal["room_id"], &refusal["client_id"]),
        (&json!("unavailable"), &json!(other), &unheard["client_id"])
    );

    line.mend();
    while alice.send(Method::POST, &list, Some(over_http.clone())).await.status() == StatusCode::SERVICE_UNAVAILABLE {}
    for socket in [&mut at_alice, &mut at_bob] {
        let frame = hear(socket, "new_message").await;
        assert_eq!(frame["message"]["plaintext"], "over HTTP", "the same sockets");
    }
    say(&mut at_alice, over_socket).await;
    let echo = hear(&mut at_alice, "new_message").await;
    assert_eq!(echo["message"]["plaintext"], "over the socket");
    assert_eq!(hear(&mut at_bob, "new_message").await, echo);
    say(&mut at_alice, unheard.clone()).await;
    assert_eq!(hear(&mut at_alice, "sent").await["client_id"], unheard["client_id"]);
    subscribe(&mut at_alice, &other).await;
    let stored = bob.get(&list).await;
    assert_eq!(stored.as_array().unwrap().len(), 3, "each once: {stored}");
}

#[sqlx::test]
async fn what_programs_missed_without_redis_comes_when_it_is_back_once(pool: PgPool) {
    let redis = Redis::start();
    let (first, second) = two_over(pool, [redis.url(), redis.url()]).await;
    first.cast().await;
    let alice = Program::of(&first, "alice").await;
    let bob = Program::of(&first, "bob").await.at(&second);
    let room = alice.room("General").await;
    let mut at_bob = socket_of(&bob).await;
    subscribe(&mut at_bob, &room).await;
    post(&alice, &room, "before").await;
    assert_eq!(hear(&mut at_bob, "new_message").await["seq"], 1);

    let stopped = redis.stop();
    while second.visitor().get("/readyz").await.status() == StatusCode::OK {}
    for text in ["one", "two", "three"] {
        post(&alice, &room, text).await;
    }
    let _redis = stopped.start_again();
    up(&second).await;
    for (seq, text) in [(2, "one"), (3, "two"), (4, "three")] {
        let frame = hear(&mut at_bob, "new_message").await;
        assert_eq!(
            (&frame["seq"], &frame["message"]["plaintext"]),
            (&json!(seq), &json!(text))
        );
    }
    post(&alice, &room, "after").await;
    assert_eq!(
        hear(&mut at_bob, "new_message").await["seq"],
        5,
        "each once, and on it goes"
    );
}
