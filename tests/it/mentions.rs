//! Naming people in messages.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::support::{Cast, Person, Server, attributes, spawn};

/// Whom the messages of a page or frame link to by name.
fn named(html: &str) -> Vec<String> {
    let links = html.split(" data-mention=\"").skip(1);
    links
        .map(|link| link.split_once('>').unwrap().1.split('<').next().unwrap().to_owned())
        .collect()
}

/// How many messages that name the person wait for them in the room, as their side bar says.
async fn waiting(person: &Person, room: &str) -> i64 {
    let page = person.page("/chat/").await;
    let row = page
        .split(&format!("href=\"/chat/room/{room}\""))
        .nth(1)
        .unwrap()
        .split("</a>")
        .next()
        .unwrap()
        .to_owned();
    let badge = row.split("badge mine\">@ ").nth(1);
    badge.map_or(0, |badge| badge.split('<').next().unwrap().parse().unwrap())
}

#[sqlx::test]
async fn who_is_named_is_told_on_every_node_wherever_they_are(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let mut inbox = at(bob.clone(), &second).inbox("").await;
    let mut room = bob.socket("General").await;
    alice
        .write("General", "ask @Bob. or @alice, not @charlie or @nobody")
        .await;
    let frame = room.until("ask ").await;
    assert_eq!(
        named(&frame),
        ["@Bob"],
        "neither herself, nor who is not in the room: {frame}"
    );
    assert!(frame.contains("href=\"/@bob\"") && frame.contains("@charlie"));
    // [count, seq, version, read, mentions, level]
    inbox.until(",1,\"all\"]").await;
    assert_eq!(waiting(&bob, "General").await, 1);
    let bob_id = attributes(&bob.page("/chat/room/General").await, "data-me")[0].clone();
    let style = bob.get("/chat/me.css").await.text().await.unwrap();
    assert!(
        frame.contains(&format!("data-mention=\"{bob_id}\""))
            && style.contains(&format!("[data-mention=\"{bob_id}\"]"))
    );
    bob.post("/chat/room/General/read", &[("seq", "1")]).await;
    assert_eq!(waiting(&bob, "General").await, 0);
}

#[sqlx::test]
async fn a_changed_message_names_whom_it_names_now(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    charlie.join("General").await;
    let (mut at_bob, mut at_charlie) = (at(bob.clone(), &second).inbox("").await, charlie.inbox("").await);
    let seq = alice.write("General", "who brings it, @bob?").await;
    at_bob.until(",1,\"all\"]").await;
    let path = format!("/chat/room/General/messages/{seq}");
    alice.post(&path, &[("body", "who brings it, @charlie?")]).await;
    at_bob.until(",0,\"all\"]").await;
    at_charlie.until(",1,\"all\"]").await;
    assert_eq!(named(&bob.page("/chat/room/General").await), ["@charlie"]);
    assert_eq!(
        (waiting(&bob, "General").await, waiting(&charlie, "General").await),
        (0, 1)
    );
    alice.post(&format!("{path}/delete"), &[]).await;
    at_charlie.until(",0,\"all\"]").await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM mentions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test]
async fn nobody_is_named_who_cannot_see_it_or_blocks_its_author(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let slug = make_room(&alice, "Night watch", &[]).await;
    alice.write(&slug, "not for @bob or @charlie").await;
    assert_eq!(
        named(&alice.page(&format!("/chat/room/{slug}")).await),
        Vec::<String>::new()
    );
    let rows = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM mentions")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    assert_eq!(rows().await, 0);

    // A message from before somebody came names them no more than before.
    befriend(&alice, &bob).await;
    let direct = open_direct(&alice, "bob").await;
    alice.write(&direct, "hello @bob").await;
    assert_eq!(rows().await, 1);
    assert_eq!(
        charlie.post("/people/alice/block", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    charlie.join("General").await;
    alice.write("General", "hello @charlie and @bob").await;
    assert_eq!(
        (waiting(&charlie, "General").await, waiting(&bob, "General").await),
        (0, 1)
    );
    // To others it looks as always.
    assert_eq!(named(&alice.page("/chat/room/General").await), ["@charlie", "@bob"]);
}

#[sqlx::test]
async fn others_in_the_room_are_offered_by_the_beginning_of_their_names(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let offered = async |person: &Person, typed: &str| {
        let page = person.fragment(&format!("/chat/room/General/names?q={typed}")).await;
        assert_eq!(page.status(), StatusCode::OK);
        attributes(&page.text().await.unwrap(), "data-username")
    };
    assert_eq!(offered(&alice, "").await, ["bob"]);
    assert_eq!(offered(&alice, "B").await, ["bob"]);
    assert_eq!(
        (offered(&alice, "charlie").await.len(), offered(&bob, "%25").await.len()),
        (0, 0)
    );
    for person in [&charlie, &server.visitor()] {
        let answer = person.fragment("/chat/room/General/names?q=b").await;
        assert!(
            [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED].contains(&answer.status()),
            "{}",
            answer.status()
        );
        assert!(!answer.text().await.unwrap().contains("bob"));
    }
}

#[sqlx::test]
async fn what_is_sent_twice_names_once(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let id = socket.say("hello @bob and @BOB").await;
    socket.until("hello").await;
    socket.say_as("hello @bob and @BOB", &id).await;
    socket.until("hello").await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM mentions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!((rows, waiting(&bob, "General").await), (1, 1));
    assert_eq!(named(&bob.page("/chat/room/General").await), ["@bob", "@BOB"]);
}

#[sqlx::test]
async fn an_erased_account_is_named_no_more(pool: PgPool) {
    let server: Server = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    alice.write("General", "hello @bob").await;
    assert_eq!(named(&alice.page("/chat/room/General").await), ["@bob"]);
    sqlx::query("UPDATE users SET erased_at = now(), first_name = '', last_name = '', display_name = '', bio = '', first_key = '', last_key = '', display_key = '', email = NULL, email_key = NULL, consent_version = NULL, consented_at = NULL WHERE username = 'bob'")
        .execute(&pool)
        .await
        .unwrap();
    let page = alice.page("/chat/room/General").await;
    assert!(named(&page).is_empty() && page.contains("hello @bob"));
    drop(bob);
}
