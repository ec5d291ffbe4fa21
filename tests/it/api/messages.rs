//! Messages, as programs send and read them.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::Program;
use crate::nodes::{at, two};
use crate::support::spawn;

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one["plaintext"].as_str().unwrap_or("-"))
        .collect()
}

#[sqlx::test]
async fn what_a_program_does_a_page_of_another_node_is_shown_at_once_and_the_other_way_round(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let program = Program::of(&first, "alice").await;
    let list = format!("/api/rooms/{}/messages/", program.room("General").await);
    let bob = at(cast.bob, &second);
    let mut socket = bob.socket("General").await;
    let sent = json!({"plaintext": "Clear **skies**?", "client_id": Uuid::new_v4()});
    let response = program.send(Method::POST, &list, Some(sent.clone())).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let message: Value = response.json().await.unwrap();
    assert_eq!((&message["sender"], &message["seq"]), (&json!("alice"), &json!(1)));
    assert_eq!(
        (&message["plaintext"], &message["client_id"]),
        (&sent["plaintext"], &sent["client_id"])
    );
    assert_eq!(
        (&message["attachment"], &message["reactions"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(program.get(&location).await, message);
    socket.until("<strong>skies</strong>").await;
    // The same again is the same.
    let again = program.send(Method::POST, &list, Some(sent)).await;
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().await.unwrap(), message);

    let changed = program
        .ok(
            Method::PATCH,
            &location,
            Some(json!({"plaintext": "Clouds.", "version": 1})),
        )
        .await;
    assert_eq!(
        (&changed["plaintext"], &changed["version"]),
        (&json!("Clouds."), &json!(2))
    );
    assert!(changed["edited_at"].is_string());
    socket.until("Clouds.").await;
    let stale = json!({"plaintext": "Rain.", "version": 1});
    let problem = program.problem(Method::PATCH, &location, Some(stale), 409).await;
    assert!(problem["detail"].as_str().unwrap().contains("version 2"), "{problem}");

    bob.write("General", "from a page").await;
    let read = program.get(&list).await;
    assert_eq!(texts(&read), ["Clouds.", "from a page"]);
    let reply = program.post(&list, json!({"plaintext": "yes", "reply_to": 2})).await;
    assert_eq!(reply["reply_to"], 2);
    let path = format!("{list}{}/", reply["id"].as_str().unwrap());
    assert_eq!(program.get(&path).await, reply);

    program.ok(Method::DELETE, &location, None).await;
    socket.until("deleted").await;
    let gone = program.get(&location).await;
    assert_eq!((&gone["is_deleted"], &gone["plaintext"]), (&json!(true), &Value::Null));
}

#[sqlx::test]
async fn history_is_read_in_pages(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    for n in 1..=7 {
        cast.alice.write("General", &format!("m{n}")).await;
    }
    let bob = Program::of(&server, "bob").await;
    let list = format!("/api/rooms/{}/messages/", bob.room("General").await);
    let page = async |query: &str| {
        let response = bob.send(Method::GET, &format!("{list}?{query}"), None).await;
        let next = response
            .headers()
            .get("link")
            .map(|link| link.to_str().unwrap().split(['<', '>']).nth(1).unwrap().to_owned());
        (response.json::<Value>().await.unwrap(), next)
    };
    let (newest, next) = page("limit=3").await;
    assert_eq!(texts(&newest), ["m5", "m6", "m7"]);
    assert_eq!(texts(&bob.get(&next.unwrap()).await), ["m2", "m3", "m4"]);
    assert_eq!(texts(&page("limit=2&offset=2").await.0), ["m4", "m5"]);
    let (oldest, next) = page("before=2").await;
    assert_eq!((texts(&oldest), next), (vec!["m1"], None));
    let (after, next) = page("after=0&limit=4").await;
    assert_eq!(texts(&after), ["m1", "m2", "m3", "m4"]);
    assert_eq!(texts(&bob.get(&next.unwrap()).await), ["m5", "m6", "m7"]);
    assert_eq!(page("after=7").await, (json!([]), None));
    for query in [
        "limit=0",
        "limit=101",
        "offset=-1",
        "offset=10001",
        "before=0",
        "after=-1",
        "before=2&after=1",
    ] {
        let problem = bob.problem(Method::GET, &format!("{list}?{query}"), None, 422).await;
        assert!(!problem["errors"].as_object().unwrap().is_empty(), "{query}");
    }
    let wrapped = bob
        .request(Method::GET, &list)
        .header("accept", "application/json; envelope=data");
    let wrapped: Value = wrapped.send().await.unwrap().json().await.unwrap();
    assert_eq!(texts(&wrapped["data"]).len(), 7);

    let read = format!("{}read/", list.trim_end_matches("messages/"));
    bob.post(&read, json!({"seq": 7})).await;
    for seq in [0, 8] {
        let problem = bob.problem(Method::POST, &read, Some(json!({"seq": seq})), 422).await;
        assert!(problem["errors"]["seq"].is_array());
    }
}

#[sqlx::test]
async fn what_is_wrong_with_a_message_is_said_by_field(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let list = format!("/api/rooms/{}/messages/", alice.room("General").await);
    for (sent, field) in [
        (json!({"plaintext": ""}), "plaintext"),
        (json!({"plaintext": "x".repeat(4001)}), "plaintext"),
        (json!({"plaintext": 7}), "plaintext"),
        (json!({}), "plaintext"),
        (json!({"plaintext": "a", "reply_to": 99}), "reply_to"),
        (json!({"plaintext": "a", "client_id": "x"}), "client_id"),
        (json!({"plaintext": "a", "sender": "bob"}), "sender"),
    ] {
        let problem = alice.problem(Method::POST, &list, Some(sent), 422).await;
        assert!(problem["errors"][field].is_array(), "{field}: {problem}");
    }
}
