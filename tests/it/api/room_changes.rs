//! Changes of rooms: who gets into them, and that each is done as a whole or not at all.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::Program;
use super::rooms::{befriend, names};
use crate::support::{Server, spawn};

/// So many people of whom nothing is known but their usernames: `many1`, `many2`, and so on.
async fn insert_people(server: &Server, count: i32) {
    sqlx::query(
        "INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                            data_key_id, consent_version, consented_at)
         SELECT gen_random_uuid(), 'many' || n, 'many' || n, 'Many', 'Moons', 'many', 'moons', '', 'member',
                (SELECT data_key_id FROM users WHERE name_key = 'alice'), '', now()
         FROM generate_series(1, $1) n",
    )
    .bind(count)
    .execute(&server.pool)
    .await
    .unwrap();
}

fn many(count: i32) -> Vec<String> {
    (1..=count).map(|number| format!("many{number}")).collect()
}

#[sqlx::test]
async fn friends_are_members_at_once_and_others_are_invited_by_every_way(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let alice = Program::of(&server, "alice").await;
    let both = json!(["bob", "charlie"]);
    for (method, sent) in [
        (Method::PATCH, json!({"invited_usernames": both})),
        (Method::PUT, json!({"name": "Changed", "invited_usernames": both})),
    ] {
        let path = format!("/api/rooms/{}/", alice.make_room("Den", &[]).await);
        let slug = alice.get(&path).await["url"]
            .as_str()
            .unwrap()
            .replace("/chat/room/", "");
        let (mut room, mut bobs) = (cast.alice.socket(&slug).await, cast.bob.inbox("").await);
        let mut charlies = cast.charlie.inbox("").await;
        let changed = alice.ok(method, &path, Some(sent)).await;
        assert_eq!(names(&changed["members"]), ["alice", "bob"]);
        assert_eq!(names(&changed["invited"]), ["charlie"]);
        assert!(room.until("added").await.contains("@bob"));
        assert!(bobs.until(&slug).await.contains(&slug));
        charlies.until("invitations-row").await;
        assert!(cast.charlie.page("/invitations").await.contains(&slug));
        let closed = cast.charlie.get(&format!("/chat/room/{slug}")).await;
        assert_eq!(closed.status(), StatusCode::NOT_FOUND);
    }

    let path = format!("/api/rooms/{}/", alice.make_room("Attic", &[]).await);
    let members = format!("{path}members/");
    // Twice is once.
    for _ in 0..2 {
        for (username, status) in [("bob", "member"), ("charlie", "invited"), ("alice", "member")] {
            let admission = alice.post(&members, json!({"username": username})).await;
            assert_eq!(admission, json!({"username": username, "status": status}));
        }
    }
    let problem = alice.problem(Method::POST, &members, Some(json!({"username": "nobody"})), 422);
    assert!(problem.await["errors"]["username"].is_array());
    let room = alice.get(&path).await;
    assert_eq!(names(&room["members"]), ["alice", "bob"]);
    assert_eq!(names(&room["invited"]), ["charlie"]);
    // Who became a friend after being invited is asked no longer.
    befriend(&cast.alice, &cast.charlie).await;
    let admission = alice.post(&members, json!({"username": "charlie"})).await;
    assert_eq!(admission["status"], "member");
    assert_eq!(alice.get(&path).await["invited"], json!([]));
}

#[sqlx::test]
async fn a_change_with_a_wrong_name_changes_nothing(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let erin = server.person("erin").await;
    befriend(&cast.alice, &cast.bob).await;
    cast.alice.post("/people/erin/block", &[]).await;
    let [alice, bob] = [Program::of(&server, "alice").await, Program::of(&server, "bob").await];
    let path = format!("/api/rooms/{}/", alice.make_room("Den", &["bob"]).await);
    let before = alice.get(&path).await;
    let sent = || Some(json!({"name": "P2", "invited_usernames": ["charlie", "nobodyx", "erin", "nobodyy"]}));
    for method in [Method::PATCH, Method::PUT] {
        let problem = alice.problem(method.clone(), &path, sent(), 422).await;
        let sentence = problem["errors"]["invited_usernames"][0].as_str().unwrap();
        for wrong in ["nobodyx", "nobodyy", &erin.name] {
            assert!(sentence.contains(wrong), "{sentence}");
        }
        assert!(!sentence.contains("charlie"), "{sentence}");
        assert_eq!(alice.get(&path).await, before, "{method}");
        // Who may not change the room learns nothing of names.
        bob.problem(method, &path, sent(), 404).await;
    }
    assert!(!cast.charlie.page("/invitations").await.contains("Den"));
    let wrong = Some(json!({"name": "P2", "invited_usernames": ["charlie"], "description": "x".repeat(201)}));
    alice.problem(Method::PATCH, &path, wrong, 422).await;
    assert_eq!(alice.get(&path).await, before);

    // A group is made of friends.
    let made = cast
        .alice
        .post("/chat/rooms", &[("title", "Crew"), ("kind", "group")])
        .await;
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    let path = format!("/api/groups/{}/", alice.room("Crew").await);
    let problem = alice.problem(Method::PATCH, &path, sent(), 422).await;
    let sentence = problem["errors"]["invited_usernames"][0].as_str().unwrap();
    assert!(sentence.contains("charlie"), "{sentence}");
    let sent = Some(json!({"invited_usernames": ["bob"]}));
    assert_eq!(
        names(&alice.ok(Method::PATCH, &path, sent).await["members"]),
        ["alice", "bob"]
    );
}

#[sqlx::test]
async fn a_room_can_be_put_again_as_it_stands(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let alice = Program::of(&server, "alice").await;
    let path = format!("/api/rooms/{}/", alice.make_room("Den", &[]).await);
    let sent = json!({"name": "Den", "description": "Ours", "invited_usernames": ["alice", "Bob", "bob", "charlie"]});
    let first = alice.ok(Method::PUT, &path, Some(sent.clone())).await;
    assert_eq!(names(&first["members"]), ["alice", "bob"]);
    assert_eq!(alice.ok(Method::PUT, &path, Some(sent.clone())).await, first);
    // Who is in the room stays there, whatever came between two people.
    cast.alice.post("/people/bob/block", &[]).await;
    assert_eq!(alice.ok(Method::PUT, &path, Some(sent)).await, first);
    let invitations: i64 = sqlx::query_scalar("SELECT count(*) FROM invitations")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(invitations, 1);
}

#[sqlx::test]
async fn a_change_counts_once_however_many_people_it_names(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    insert_people(&server, 101).await;
    let alice = Program::of(&server, "alice").await;
    let path = format!("/api/rooms/{}/", alice.make_room("Den", &[]).await);
    let sent = Some(json!({"invited_usernames": many(101)}));
    let problem = alice.problem(Method::PATCH, &path, sent, 422).await;
    assert!(problem["errors"]["invited_usernames"].is_array());
    assert_eq!(alice.get(&path).await["invited"], json!([]));
    let sent = Some(json!({"invited_usernames": many(100)}));
    let room = alice.ok(Method::PATCH, &path, sent).await;
    assert_eq!(names(&room["invited"]).len(), 100);
}

#[sqlx::test]
async fn changes_of_different_fields_at_once_both_stand(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let path = format!("/api/rooms/{}/", alice.make_room("Den", &[]).await);
    for number in 0..8 {
        let (name, description) = (format!("name {number}"), format!("description {number}"));
        tokio::join!(
            alice.ok(Method::PATCH, &path, Some(json!({"name": name}))),
            alice.ok(Method::PATCH, &path, Some(json!({"description": description}))),
        );
        let room = alice.get(&path).await;
        assert_eq!(
            (&room["name"], &room["description"]),
            (&json!(name), &json!(description))
        );
    }
}

#[sqlx::test]
async fn a_public_room_is_made_and_entered_or_not_made_at_all(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let admin = Program::of(&server, "ada").await;
    while cast
        .admin
        .post("/friends/requests", &[("username", "nobody")])
        .await
        .status()
        != 429
    {}
    // The limit gives something back every second, so that some may be made.
    let mut number = 0;
    let refused = loop {
        let name = format!("Lounge{number}");
        let sent = json!({"name": name, "is_private": false});
        let response = admin.send(Method::POST, "/api/rooms/", Some(sent)).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            break name;
        }
        let room: Value = response.json().await.unwrap();
        assert_eq!((&room["name"], names(&room["members"])), (&json!(name), vec!["ada"]));
        number += 1;
    };
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE title = $1")
        .bind(&refused)
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(made, 0, "{refused}");
}

#[sqlx::test]
async fn nobody_is_invited_to_a_public_room_and_an_empty_change_of_it_is_none(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    cast.admin.join("General").await;
    let admin = Program::of(&server, "ada").await;
    let general = format!("/api/rooms/{}/", admin.room("General").await);
    let before = admin.get(&general).await;
    let sent = Some(json!({"name": "Parlour", "invited_usernames": ["charlie"]}));
    let problem = admin.problem(Method::PATCH, &general, sent, 422).await;
    assert!(problem["errors"]["invited_usernames"].is_array());
    assert_eq!(admin.get(&general).await, before);
    assert_eq!(admin.ok(Method::PATCH, &general, Some(json!({}))).await, before);
    let (members, sent) = (format!("{general}members/"), json!({"username": "charlie"}));
    let problem = admin.problem(Method::POST, &members, Some(sent), 422).await;
    assert!(problem["errors"]["username"].is_array());
}

#[sqlx::test]
async fn a_direct_chat_stays_as_it_is(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    cast.alice.post("/chat/with/bob", &[]).await;
    let alice = Program::of(&server, "alice").await;
    let path = format!("/api/rooms/{}/", alice.room("bob").await);
    let before = alice.get(&path).await;
    for sent in [json!({}), json!({"is_private": true}), json!({"invited_usernames": []})] {
        assert_eq!(alice.ok(Method::PATCH, &path, Some(sent)).await, before);
    }
    for (method, sent) in [
        (Method::PATCH, json!({"name": "Ours"})),
        (Method::PATCH, json!({"description": "Ours"})),
        (Method::PATCH, json!({"invited_usernames": ["charlie"]})),
        (Method::PUT, json!({"name": "bob"})),
        (Method::DELETE, json!({})),
    ] {
        let problem = alice.problem(method, &path, Some(sent), 409).await;
        assert!(problem["detail"].as_str().unwrap().contains("direct chat"), "{problem}");
    }
    let public = Some(json!({"is_private": false}));
    alice.problem(Method::PATCH, &path, public, 422).await;
    let members = format!("{path}members/");
    let sent = Some(json!({"username": "charlie"}));
    alice.problem(Method::POST, &members, sent, 409).await;
    assert_eq!(alice.get(&path).await, before);
}
