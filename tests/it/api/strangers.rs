//! What is not open to a program's person does not exist for it.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::rooms::befriend;
use super::{Program, problem};
use crate::support::{BOUNDARY, multipart, spawn};

/// A request: method, address, body.
type Sent = (Method, String, Option<Value>);

/// Everything that can be asked of a room and a message, under one of the names of rooms.
fn addresses(rooms: &str, room: &str, message: &str) -> Vec<Sent> {
    let text = || Some(json!({"plaintext": "x"}));
    let name = || Some(json!({"name": "x"}));
    let room = format!("/api/{rooms}/{room}/");
    vec![
        (Method::GET, room.clone(), None),
        (Method::PUT, room.clone(), name()),
        (Method::PATCH, room.clone(), name()),
        (Method::GET, format!("{room}messages/"), None),
        (Method::POST, format!("{room}messages/"), text()),
        (Method::GET, format!("{room}messages/{message}/"), None),
        (Method::PATCH, format!("{room}messages/{message}/"), text()),
        (Method::DELETE, format!("{room}messages/{message}/"), None),
        (Method::GET, format!("{room}members/"), None),
        (
            Method::POST,
            format!("{room}members/"),
            Some(json!({"username": "bob"})),
        ),
        (Method::DELETE, format!("{room}members/alice/"), None),
        (Method::POST, format!("{room}read/"), Some(json!({"seq": 1}))),
        (Method::DELETE, room, None),
    ]
}

/// A message with a file, sent to that room.
async fn upload(program: &Program, rooms: &str, room: &str) -> Response {
    let form = multipart(&[("plaintext", "x")], &[("file", "a.txt", b"text")]);
    let request = program.request(Method::POST, &format!("/api/{rooms}/{room}/upload/"));
    let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    request.body(form).send().await.unwrap()
}

#[sqlx::test]
async fn a_room_does_not_exist_for_whoever_does_not_belong_to_it(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.make_room("Den", &[]).await;
    let message = alice
        .post(&format!("/api/rooms/{room}/messages/"), json!({"plaintext": "hidden"}))
        .await;
    let message = message["id"].as_str().unwrap();
    let general = alice.room("General").await;
    let charlie = Program::of(&server, "charlie").await;
    let bob = Program::of(&server, "bob").await;

    let nothing = Uuid::new_v4().to_string();
    let mut told = Vec::new();
    for (rooms, room) in ["rooms", "groups"]
        .into_iter()
        .flat_map(|rooms| [room.as_str(), &nothing, "no-uuid"].map(|room| (rooms, room)))
    {
        for (method, path, body) in addresses(rooms, room, message) {
            told.push(charlie.problem(method.clone(), &path, body.clone(), 404).await);
            Program::stranger(&server).problem(method, &path, body, 401).await;
        }
        told.push(problem(upload(&charlie, rooms, room).await, 404).await);
        problem(upload(&Program::stranger(&server), rooms, room).await, 401).await;
    }
    for problem in &mut told {
        problem["request"] = json!("");
    }
    assert!(
        told.iter().all(|problem| *problem == told[0]),
        "one answer for all: {told:?}"
    );
    // A message of another room.
    for (method, path, body) in addresses("rooms", &general, message)
        .into_iter()
        .filter(|(_, path, _)| path.contains(message))
    {
        bob.problem(method.clone(), &path, body.clone(), 404).await;
        alice.problem(method, &path, body, 404).await;
    }
    let left = alice.get(&format!("/api/rooms/{room}/messages/")).await;
    assert_eq!(left[0]["plaintext"], "hidden");
    charlie.problem(Method::GET, "/api/nothing/", None, 404).await;
}

#[sqlx::test]
async fn under_the_name_of_groups_there_are_no_public_rooms_and_no_direct_chats(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    cast.alice.post("/chat/with/bob", &[]).await;
    let alice = Program::of(&server, "alice").await;
    for name in ["General", "bob"] {
        let room = alice.room(name).await;
        let (path, messages) = (format!("/api/rooms/{room}/"), format!("/api/rooms/{room}/messages/"));
        let message = alice.post(&messages, json!({"plaintext": "mine"})).await;
        let before = (alice.get(&path).await, alice.get(&messages).await);
        for (method, path, body) in addresses("groups", &room, message["id"].as_str().unwrap()) {
            alice.problem(method, &path, body, 404).await;
        }
        problem(upload(&alice, "groups", &room).await, 404).await;
        assert_eq!((alice.get(&path).await, alice.get(&messages).await), before, "{name}");
    }
    // What is a group answers there as it does among all rooms.
    let room = alice.make_room("Den", &[]).await;
    let messages = format!("/api/groups/{room}/messages/");
    let message = alice.post(&messages, json!({"plaintext": "mine"})).await;
    assert_eq!(alice.get(&messages).await[0], message);
    assert_eq!(upload(&alice, "groups", &room).await.status(), 201);
    let mut addresses = addresses("groups", &room, message["id"].as_str().unwrap());
    addresses.retain(|(_, path, _)| !path.ends_with("/members/alice/"));
    for (method, path, body) in addresses {
        let status = alice.send(method.clone(), &path, body).await.status();
        assert_ne!(status, 404, "{method} {path}");
    }
}

#[sqlx::test]
async fn only_the_author_changes_a_message(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let list = format!("/api/rooms/{}/messages/", alice.room("General").await);
    let message = alice.post(&list, json!({"plaintext": "mine"})).await;
    let path = format!("{list}{}/", message["id"].as_str().unwrap());
    bob.problem(Method::PATCH, &path, Some(json!({"plaintext": "yours"})), 404)
        .await;
    bob.problem(Method::DELETE, &path, None, 404).await;
    assert_eq!(bob.get(&path).await["plaintext"], "mine");
}

#[sqlx::test]
async fn whoever_was_removed_sends_nothing_more(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let (alice, bob) = (Program::of(&server, "alice").await, Program::of(&server, "bob").await);
    let removed_from = alice.make_room("Den", &["bob"]).await;
    let deleted = alice.make_room("Attic", &["bob"]).await;
    let list = |room: &str| format!("/api/rooms/{room}/messages/");
    for room in [&removed_from, &deleted] {
        bob.post(&list(room), json!({"plaintext": "here I am"})).await;
    }
    let member = format!("/api/rooms/{removed_from}/members/bob/");
    alice.ok(Method::DELETE, &member, None).await;
    alice.ok(Method::DELETE, &format!("/api/rooms/{deleted}/"), None).await;
    for room in [&removed_from, &deleted] {
        // What is wrong with a message is for members, too.
        for text in ["and again", ""] {
            let sent = json!({"plaintext": text});
            bob.problem(Method::POST, &list(room), Some(sent), 404).await;
        }
    }
    let left = alice.get(&list(&removed_from)).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["plaintext"], "here I am");
}
