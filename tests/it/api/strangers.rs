//! What is not open to a program's person does not exist for it.

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::Program;
use super::rooms::befriend;
use crate::support::spawn;

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

    let text = || Some(json!({"plaintext": "x"}));
    let addresses = |room: &str, message: &str| {
        [
            (Method::GET, format!("/api/rooms/{room}/"), None),
            (Method::PUT, format!("/api/rooms/{room}/"), Some(json!({"name": "x"}))),
            (Method::PATCH, format!("/api/rooms/{room}/"), Some(json!({"name": "x"}))),
            (Method::DELETE, format!("/api/rooms/{room}/"), None),
            (Method::GET, format!("/api/groups/{room}/"), None),
            (Method::GET, format!("/api/rooms/{room}/messages/"), None),
            (Method::POST, format!("/api/rooms/{room}/messages/"), text()),
            (Method::GET, format!("/api/rooms/{room}/messages/{message}/"), None),
            (Method::PATCH, format!("/api/rooms/{room}/messages/{message}/"), text()),
            (Method::DELETE, format!("/api/rooms/{room}/messages/{message}/"), None),
            (Method::GET, format!("/api/rooms/{room}/members/"), None),
            (
                Method::POST,
                format!("/api/rooms/{room}/members/"),
                Some(json!({"username": "bob"})),
            ),
            (Method::DELETE, format!("/api/rooms/{room}/members/alice/"), None),
            (
                Method::POST,
                format!("/api/rooms/{room}/read/"),
                Some(json!({"seq": 1})),
            ),
        ]
    };
    let nothing = Uuid::new_v4().to_string();
    let mut told = Vec::new();
    for room in [room.as_str(), &nothing, "no-uuid"] {
        for (method, path, body) in addresses(room, message) {
            let mut problem = charlie.problem(method.clone(), &path, body.clone(), 404).await;
            problem["request"] = json!("");
            told.push(problem);
            Program::stranger(&server).problem(method, &path, body, 401).await;
        }
    }
    assert!(
        told.iter().all(|problem| *problem == told[0]),
        "one answer for all: {told:?}"
    );
    // A message of another room.
    for (method, path, body) in addresses(&general, message)
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
