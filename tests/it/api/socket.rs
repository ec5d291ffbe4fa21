//! The JSON socket of programs.

use chrono::TimeDelta;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use umbrachat::config::Config;
use uuid::Uuid;

use super::Program;
use crate::bounds::fill;

use crate::nodes::{at, two};
use crate::own_rooms::befriend;
use crate::support::{Cast, Server, Socket, config, numbers, spawn, spawn_with};

const ADDRESS: &str = "/ws/rooms/";

/// A socket with that query and those headers, whoever it is of.
async fn open(base: &str, query: &str, headers: &[(&'static str, &str)]) -> Result<Socket, tungstenite::Error> {
    let address = format!("{}{ADDRESS}{query}", base.replacen("http", "ws", 1));
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

/// The next frame.
async fn next(socket: &mut Socket) -> Value {
    let frame = socket.next().await;
    serde_json::from_str(&frame).unwrap_or_else(|_| panic!("not JSON: {frame}"))
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
    elsewhere.hears_nothing_of("").await;

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
    back.hears_nothing_of("").await;
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
    socket.hears_nothing_of("").await;
}

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
async fn a_ban_closes_the_socket_on_the_other_node_and_so_does_the_end_of_the_log_in(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let alice = Program::of(&first, "alice").await;
    let bob = Program::of(&first, "bob").await;
    let mut sockets = [socket_of(&alice.at(&second)).await, socket_of(&bob.at(&second)).await];
    let path = "/admin/users/alice/ban";
    cast.admin.post(path, &[("reason", "spam")]).await;
    let revoked = json!({"refresh": bob.refresh});
    bob.ok(Method::POST, "/api/token/revoke/", Some(revoked)).await;
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, (4401, Vec::new()));
    }
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
    program.hears_nothing_of("").await;
}
