//! The handshake: who comes in, and how long they stay.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_tungstenite::tungstenite;
use umbrachat::config::Config;

use super::{access, hear, hears_nothing, next, open, open_at, post, refused, say, socket_of, subscribe};
use crate::api::{Program, problem};
use crate::nodes::two;
use crate::support::{Cast, Server, Socket, config, spawn, spawn_with};

#[sqlx::test]
async fn a_program_says_in_four_ways_who_it_is(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice: page, .. } = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let (base, token) = (server.address.as_str(), access(&alice).to_owned());
    let (header, query, cookie) = (format!("Bearer {token}"), format!("?token={token}"), page.cookies());

    let by_cookie = open(base, "", &[("cookie", &cookie), ("origin", base)]).await;
    // With a token it does not matter where a page comes from.
    let foreign = ("origin", "https://elsewhere.example");
    let by_header = open(base, "", &[("authorization", &header), foreign]).await;
    let by_query = open(base, &query, &[foreign, ("cookie", &cookie)]).await;
    let mut by_frame = open(base, "", &[foreign]).await.unwrap();
    say(&mut by_frame, json!({"action": "authenticate", "token": token})).await;
    let mut sockets = [by_cookie.unwrap(), by_header.unwrap(), by_query.unwrap(), by_frame];
    for socket in &mut sockets {
        subscribe(socket, &room).await;
    }
    post(&alice, &room, "to all").await;
    for socket in &mut sockets {
        assert_eq!(hear(socket, "new_message").await["message"]["plaintext"], "to all");
    }
    for origin in [None, Some(foreign)] {
        let headers: Vec<_> = [("cookie", cookie.as_str())].into_iter().chain(origin).collect();
        let refused = open(base, "", &headers).await;
        assert!(matches!(refused, Err(tungstenite::Error::Http(answer)) if answer.status() == 403));
    }
}

#[sqlx::test]
async fn whoever_does_not_say_who_they_are_hears_nothing(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let (room, base) = (alice.room("General").await, server.address.as_str());
    let mut silent = open(base, "", &[]).await.unwrap();
    let stranger = async |query: &str, headers: &[(&'static str, &str)], frame: Option<Value>| {
        let mut socket = open(base, query, headers).await.unwrap();
        if let Some(frame) = frame {
            say(&mut socket, frame).await;
        }
        assert_eq!(socket.closed().await, (4401, Vec::new()), "{query} {headers:?}");
    };
    let refresh = format!("Bearer {}", alice.refresh);
    for header in ["Bearer x", "Bearer ", "Basic YWxpY2U6eA==", refresh.as_str()] {
        stranger("", &[("authorization", header)], None).await;
    }
    stranger("?token=x", &[], None).await;
    stranger("", &[("cookie", "umbra_session=x"), ("origin", base)], Some(json!({}))).await;
    for frame in [
        json!({"action": "subscribe", "room_id": room}),
        json!({"action": "authenticate", "token": alice.refresh}),
        json!({"action": "authenticate"}),
        json!("x"),
    ] {
        stranger("", &[], Some(frame)).await;
    }
    // Nothing at all for ten seconds.
    assert_eq!(silent.closed().await, (4401, Vec::new()));
}

#[sqlx::test]
async fn an_operator_switches_tokens_in_the_address_off(pool: PgPool) {
    let config = Config {
        ws_query_token: false,
        ..config()
    };
    let server = spawn_with(pool, config).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let query = format!("?token={}", access(&alice));
    let mut socket = open(&server.address, &query, &[]).await.unwrap();
    say(&mut socket, json!({"action": "subscribe", "room_id": room})).await;
    assert_eq!(socket.closed().await.0, 4401);
}

#[sqlx::test]
async fn a_ban_closes_the_socket_on_the_other_node_and_so_does_the_end_of_the_log_in(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let alice = Program::of(&first, "alice").await;
    let bob = Program::of(&first, "bob").await;
    let mut sockets = [socket_of(&alice.at(&second)).await, socket_of(&bob.at(&second)).await];
    let [banned, revoked] = &mut sockets;
    cast.admin.post("/admin/users/alice/ban", &[("reason", "spam")]).await;
    closes_soon(banned).await;
    let refresh = json!({"refresh": bob.refresh});
    bob.ok(Method::POST, "/api/token/revoke/", Some(refresh)).await;
    closes_soon(revoked).await;
}

/// Makes sure that the socket is closed within the two seconds that are promised, because of what was answered just now.
async fn closes_soon(socket: &mut Socket) {
    let answered = Instant::now();
    assert_eq!(socket.closed().await, (4401, Vec::new()));
    let took = answered.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[sqlx::test]
async fn a_token_that_ends_is_renewed_or_the_socket_is_closed(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let mut alice = Program::of(&server, "alice").await;
    let bob = Program::of(&server, "bob").await;
    let room = alice.room("General").await;
    let (mut renews, mut ends) = (socket_of(&alice).await, socket_of(&alice).await);
    for socket in [&mut renews, &mut ends] {
        subscribe(socket, &room).await;
    }
    server.clock.set_ahead(TimeDelta::seconds(541));
    for socket in [&mut renews, &mut ends] {
        assert_eq!(next(socket).await, json!({"type": "token_expiring"}));
    }
    let tokens = json!({"refresh": alice.refresh});
    let tokens = alice.ok(Method::POST, "/api/token/refresh/", Some(tokens)).await;
    alice.take(&tokens);
    // Nobody else's, nor one of another log-in.
    let other = Program::of(&server, "alice").await;
    for program in [&bob, &other] {
        say(&mut ends, json!({"action": "authenticate", "token": access(program)})).await;
        assert_eq!(refused(&mut ends, "token").await, "bad_token");
    }
    say(&mut renews, json!({"action": "authenticate", "token": access(&alice)})).await;
    // Answered after the token was taken.
    subscribe(&mut renews, &room).await;
    server.clock.set_ahead(TimeDelta::seconds(601));
    assert_eq!(ends.closed().await, (4401, Vec::new()));
    post(&alice, &room, "still there").await;
    assert_eq!(
        hear(&mut renews, "new_message").await["message"]["plaintext"],
        "still there"
    );
    server.clock.set_ahead(TimeDelta::seconds(541 + 601));
    assert_eq!(renews.closed().await.0, 4401);
}

#[sqlx::test]
async fn programs_and_pages_share_the_number_of_sockets_of_their_person(pool: PgPool) {
    let config = Config {
        sockets_per_user: 2.try_into().unwrap(),
        ..config()
    };
    let server: Server = spawn_with(pool, config).await;
    let Cast { alice: person, .. } = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    let mut page = person.socket("General").await;
    let mut program = socket_of(&alice).await;
    subscribe(&mut program, &room).await;
    assert_eq!(socket_of(&alice).await.closed().await.0, 1013);
    assert_eq!(person.inbox("").await.closed().await.0, 1013);
    post(&alice, &room, "to both").await;
    page.until("to both").await;
    assert_eq!(hear(&mut program, "new_message").await["seq"], 1);
    // Nothing of what pages are told is for programs.
    hears_nothing(&mut program).await;
}

/// The answer to a handshake that is refused over HTTP.
async fn refusal(base: &str, path: &str) -> tungstenite::http::Response<Option<Vec<u8>>> {
    match open_at(base, path, &[]).await {
        Err(tungstenite::Error::Http(answer)) => *answer,
        other => panic!("{path}: {:?}", other.err()),
    }
}

#[sqlx::test]
async fn both_spellings_open_and_before_the_setup_both_say_that_it_is_to_be_done(pool: PgPool) {
    let server = spawn(pool).await;
    for path in ["/ws/rooms", "/ws/rooms/", "/ws/rooms?token=x", "/ws/rooms/?token=x"] {
        let answer = refusal(&server.address, path).await;
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        assert!(answer.headers().contains_key("retry-after"));
    }
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.room("General").await;
    for path in ["/ws/rooms", "/ws/rooms/"] {
        let path = format!("{path}?token={}", access(&alice));
        let mut socket = open_at(&server.address, &path, &[]).await.unwrap();
        subscribe(&mut socket, &room).await;
    }
    let stranger = Program::stranger(&server);
    for path in ["/ws/rooms", "/ws/rooms/"] {
        assert_eq!(stranger.send(Method::GET, path, None).await.status(), 426, "{path}");
        stranger.problem(Method::POST, path, None, 405).await;
    }
}

/// Limits that five requests of an account reach, and fifteen from an address.
fn five_requests() -> Config {
    Config {
        api_rate: 5.try_into().unwrap(),
        ..config()
    }
}

#[sqlx::test]
async fn handshakes_are_counted_for_their_address(pool: PgPool) {
    let server = spawn_with(pool, five_requests()).await;
    server.cast().await;
    let mut opened = 0;
    let answer = loop {
        match open(&server.address, "?token=x", &[]).await {
            Ok(mut socket) => assert_eq!(socket.closed().await.0, 4401),
            Err(tungstenite::Error::Http(answer)) => break answer,
            Err(error) => panic!("{error}"),
        }
        opened += 1;
        assert!(opened <= 16, "nobody counts");
    };
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
    let more = Program::stranger(&server);
    problem(more.send(Method::GET, "/ws/rooms/?token=x", None).await, 429).await;
}

#[sqlx::test]
async fn tokens_on_an_open_socket_are_counted_for_its_account(pool: PgPool) {
    let server = spawn_with(pool, five_requests()).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let mut socket = socket_of(&alice).await;
    let mut told = Vec::new();
    for _ in 0..6 {
        say(&mut socket, json!({"action": "authenticate", "token": "x"})).await;
        told.push(hear(&mut socket, "error").await);
    }
    let last = told.pop().unwrap();
    assert!(told.iter().all(|refusal| refusal["code"] == "bad_token"), "{told:?}");
    assert_eq!(last["code"], "too_fast");
    assert!(last["retry_after"].as_f64().unwrap() > 0.0);
}
