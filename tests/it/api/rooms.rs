//! Rooms, members and people.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::Program;
use crate::support::{Person, Server, done, spawn};

pub async fn befriend(one: &Person, other: &Person) {
    done(one.post("/friends/requests", &[("username", &other.name)]).await).await;
    done(other.post(&format!("/friends/requests/{}/accept", one.name), &[]).await).await;
}

pub fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect()
}

async fn programs(server: &Server) -> [Program; 3] {
    [
        Program::of(server, "alice").await,
        Program::of(server, "bob").await,
        Program::of(server, "charlie").await,
    ]
}

#[sqlx::test]
async fn a_room_is_made_changed_and_deleted(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let [alice, bob, charlie] = programs(&server).await;
    let sent = json!({"name": "Stargazing", "description": "Targets", "invited_usernames": ["bob", "charlie"]});
    let response = alice.send(Method::POST, "/api/groups/", Some(sent)).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let room: Value = response.json().await.unwrap();
    assert_eq!(location, format!("/api/groups/{}/", room["id"].as_str().unwrap()));
    assert_eq!(
        (names(&room["members"]), names(&room["invited"])),
        (vec!["alice", "bob"], vec!["charlie"])
    );
    assert_eq!(
        (&room["is_private"], &room["kind"], &room["role"]),
        (&json!(true), &json!("private"), &json!("owner"))
    );
    assert_eq!(alice.get(&location).await, room);
    let path = location.replace("groups", "rooms");
    assert_eq!(alice.get(&path).await, room);
    // A page shows it as well, and whoever is invited is told.
    assert!(cast.bob.page("/chat/").await.contains("Stargazing"));
    assert!(cast.charlie.page("/invitations").await.contains("Stargazing"));
    assert_eq!(bob.get(&path).await["role"], "member");
    charlie.problem(Method::GET, &path, None, 404).await;

    let changed = alice.ok(Method::PATCH, &path, Some(json!({"name": "Stars"}))).await;
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Stars"), &json!("Targets"))
    );
    let changed = alice.ok(Method::PUT, &path, Some(json!({"name": "Moons"}))).await;
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Moons"), &json!(""))
    );
    assert!(cast.bob.page("/chat/").await.contains("Moons"));
    for (sent, field) in [
        (json!({"name": ""}), "name"),
        (json!({"description": "x".repeat(201)}), "description"),
        (json!({"is_private": false}), "is_private"),
        (json!({"invited_usernames": ["nobody"]}), "invited_usernames"),
        (json!({"owner": "bob"}), "owner"),
    ] {
        let problem = alice.problem(Method::PATCH, &path, Some(sent), 422).await;
        assert!(problem["errors"][field].is_array(), "{field}: {problem}");
    }
    bob.problem(Method::PATCH, &path, Some(json!({"name": "Mine"})), 404)
        .await;
    bob.problem(Method::DELETE, &path, None, 404).await;
    alice.ok(Method::DELETE, &path, None).await;
    alice.problem(Method::GET, &path, None, 404).await;
    assert!(!cast.bob.page("/chat/").await.contains("Moons"));
}

#[sqlx::test]
async fn rooms_are_listed_in_pages_and_a_group_is_no_direct_chat(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    done(cast.alice.post("/chat/with/bob", &[]).await).await;
    let [alice, _, charlie] = programs(&server).await;
    for name in ["One", "Two", "Three"] {
        alice.make_room(name, &[]).await;
    }
    let mut found = Vec::new();
    let mut next = "/api/rooms/?limit=2".to_owned();
    loop {
        let response = alice.send(Method::GET, &next, None).await;
        let link = response
            .headers()
            .get("link")
            .map(|link| link.to_str().unwrap().to_owned());
        let rooms: Value = response.json().await.unwrap();
        found.extend(
            rooms
                .as_array()
                .unwrap()
                .iter()
                .map(|room| room["name"].as_str().unwrap().to_owned()),
        );
        let Some(link) = link else { break };
        next = link
            .strip_prefix('<')
            .unwrap()
            .strip_suffix(">; rel=\"next\"")
            .unwrap()
            .to_owned();
    }
    found.sort();
    assert_eq!(found, ["General", "One", "Three", "Two", "bob"]);
    assert_eq!(alice.get("/api/groups/").await.as_array().unwrap().len(), 3);
    assert_eq!(charlie.get("/api/rooms/").await, json!([]));
    let direct = alice.room("bob").await;
    alice
        .problem(Method::GET, &format!("/api/groups/{direct}/"), None, 404)
        .await;
    for query in [
        "limit=0",
        "limit=1000000",
        "limit=-1",
        "limit=x",
        "limit=1&limit=2",
        "page=2",
    ] {
        alice
            .problem(Method::GET, &format!("/api/rooms/?{query}"), None, 422)
            .await;
    }
}

#[sqlx::test]
async fn public_rooms_are_for_administrators_who_logged_in_lately(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let (alice, admin) = (Program::of(&server, "alice").await, Program::of(&server, "ada").await);
    let sent = || Some(json!({"name": "Lounge", "is_private": false}));
    alice.problem(Method::POST, "/api/rooms/", sent(), 403).await;
    let room = admin.ok(Method::POST, "/api/rooms/", sent()).await;
    assert_eq!((&room["kind"], &room["is_private"]), (&json!("public"), &json!(false)));
    assert!(cast.charlie.page("/chat/").await.contains("Lounge"));
    admin.problem(Method::POST, "/api/rooms/", sent(), 422).await;
    let general = format!("/api/rooms/{}/", alice.room("General").await);
    alice
        .problem(Method::PATCH, &general, Some(json!({"name": "Mine"})), 403)
        .await;
    alice.problem(Method::DELETE, &general, None, 403).await;
    let path = format!("/api/rooms/{}/", room["id"].as_str().unwrap());
    assert_eq!(
        admin.ok(Method::PATCH, &path, Some(json!({"name": "Parlour"}))).await["name"],
        "Parlour"
    );
    // A quarter of an hour later the password is asked for, by a new log-in.
    sqlx::query("UPDATE user_sessions SET created_at = created_at - interval '20 minutes' WHERE kind = 'program'")
        .execute(&server.pool)
        .await
        .unwrap();
    admin.problem(Method::DELETE, &path, None, 403).await;
    let mut admin = admin;
    admin.log_in("ada").await;
    admin.ok(Method::DELETE, &path, None).await;
}

#[sqlx::test]
async fn members_come_and_go(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let [alice, bob, _] = programs(&server).await;
    let id = alice.make_room("Den", &["bob"]).await;
    let members = format!("/api/rooms/{id}/members/");
    let found = alice.get(&members).await;
    let roles: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["username"], &one["role"]))
        .collect();
    assert_eq!(
        roles,
        [(&json!("alice"), &json!("owner")), (&json!("bob"), &json!("member"))]
    );
    let admission = alice.post(&members, json!({"username": "charlie"})).await;
    assert_eq!(admission, json!({"username": "charlie", "status": "invited"}));
    bob.problem(Method::POST, &members, Some(json!({"username": "charlie"})), 404)
        .await;
    bob.problem(Method::DELETE, &format!("{members}alice/"), None, 404)
        .await;
    alice.ok(Method::DELETE, &format!("{members}bob/"), None).await;
    bob.problem(Method::GET, &members, None, 404).await;
    let other = alice.make_room("Attic", &["bob"]).await;
    bob.ok(Method::DELETE, &format!("/api/rooms/{other}/members/bob/"), None)
        .await;
    assert_eq!(
        names(&alice.get(&format!("/api/rooms/{other}/")).await["members"]),
        ["alice"]
    );
}

#[sqlx::test]
async fn people_are_those_with_whom_one_shares_something_or_who_are_found(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.charlie).await;
    let [alice, bob, charlie] = programs(&server).await;
    let usernames = async |program: &Program, path: &str| -> Vec<String> {
        let found = program.get(path).await;
        let mut names: Vec<_> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["username"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert!(found.as_array().unwrap().iter().all(|one| one["email"].is_null()));
        names
    };
    // General holds Alice and Bob; Charlie is a friend of Alice's alone.
    assert_eq!(usernames(&alice, "/api/users/").await, ["bob", "charlie"]);
    assert_eq!(usernames(&bob, "/api/users/").await, ["alice"]);
    assert_eq!(usernames(&charlie, "/api/users/").await, ["alice"]);
    assert_eq!(usernames(&bob, "/api/users/?search=char").await, ["charlie"]);
    assert_eq!(usernames(&bob, "/api/users/?search=c").await, Vec::<String>::new());
    let response = alice.send(Method::GET, "/api/users/?limit=1", None).await;
    let link = response.headers()["link"].to_str().unwrap().to_owned();
    let first: Value = response.json().await.unwrap();
    let next = link.split(['<', '>']).nth(1).unwrap();
    let rest = alice.get(next).await;
    assert_eq!(
        (first.as_array().unwrap().len(), rest.as_array().unwrap().len()),
        (1, 1)
    );
    let id = rest[0]["id"].as_str().unwrap();
    assert_eq!(alice.get(&format!("/api/users/{id}/")).await, rest[0]);
    for id in ["x", "00000000-0000-0000-0000-000000000000"] {
        alice
            .problem(Method::GET, &format!("/api/users/{id}/"), None, 404)
            .await;
    }
}
