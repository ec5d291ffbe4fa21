//! Naming people in messages.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::support::{Cast, Person, Server, account, attributes, spawn};

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

/// A group that Alice owns, with Bob and Charlie in it.
async fn group(
    Cast {
        alice, bob, charlie, ..
    }: &Cast,
) -> String {
    befriend(alice, bob).await;
    befriend(alice, charlie).await;
    let fields = [("kind", "group"), ("members", "bob"), ("members", "charlie")];
    make_room(alice, "Night watch", &fields).await
}

async fn calls(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM room_mentions");
    count.fetch_one(pool).await.unwrap()
}

async fn set_level(person: &Person, room: &str, level: &str) {
    let answer = person
        .post(&format!("/chat/room/{room}/notify"), &[("level", level)])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

/// Whom the messages on the room's page name; `room` stands for everybody.
async fn marked(person: &Person, room: &str) -> Vec<String> {
    attributes(&person.page(&format!("/chat/room/{room}")).await, "data-mention")
}

#[sqlx::test]
async fn who_keeps_a_room_in_order_calls_everybody_in_it_on_every_node(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let cast = first.cast().await;
    let slug = group(&cast).await;
    let Cast {
        alice, bob, charlie, ..
    } = cast;
    let dave = first.person("dave").await;
    set_level(&bob, &slug, "mentions").await;
    set_level(&charlie, &slug, "nothing").await;
    let [bob, charlie] = [bob, charlie].map(|person| at(person, &second));
    let (mut at_bob, mut at_charlie) = (bob.inbox("").await, charlie.inbox("").await);
    let (mut at_dave, mut room) = (dave.inbox("").await, bob.socket(&slug).await);
    // From the second message on, pages add up what they are told, unless it is for them.
    alice.write(&slug, "hello").await;
    at_bob.until(",0,\"mentions\"]").await;
    at_charlie.until(",0,\"nothing\"]").await;
    alice.write(&slug, "tea, @Room!").await;
    let frame = room.until("tea, ").await;
    assert!(frame.contains("data-mention=\"room\">@Room</span>!"), "{frame}");
    // [count, seq, version, read, mentions, level]
    at_bob.until(",1,\"mentions\"]").await;
    at_charlie.until(",1,\"nothing\"]").await;
    at_dave.hears_nothing_of("tea").await;
    assert!(charlie.page("/chat/").await.contains("> muted</span>"));
    assert_eq!((waiting(&bob, &slug).await, waiting(&charlie, &slug).await), (1, 0));
    assert_eq!(waiting(&alice, &slug).await, 0, "nobody calls herself");
    assert!(
        bob.get("/chat/me.css")
            .await
            .text()
            .await
            .unwrap()
            .contains("[data-mention=\"room\"]")
    );

    // From others it is text; who is made a moderator meanwhile is heard.
    room.say("no more, @room").await;
    assert!(!room.until("no more").await.contains("data-mention"));
    assert_eq!((calls(&pool).await, waiting(&alice, &slug).await), (1, 0));
    let mut at_alice = alice.inbox("").await;
    let answer = alice
        .post(&format!("/chat/room/{slug}/members/bob/role"), &[("role", "moderator")])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    room.say("coffee, @room").await;
    at_alice.until(",1,\"all\"]").await;
    assert_eq!((waiting(&alice, &slug).await, waiting(&bob, &slug).await), (1, 1));
}

#[sqlx::test]
async fn administrators_call_public_rooms_and_nobody_a_direct_chat(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    alice.write("General", "hello @room").await;
    befriend(&alice, &bob).await;
    let direct = open_direct(&alice, "bob").await;
    alice.write(&direct, "hello @room").await;
    assert_eq!(calls(&pool).await, 0);
    admin.join("General").await;
    admin.write("General", "hello @room").await;
    assert_eq!((waiting(&bob, "General").await, waiting(&bob, &direct).await), (1, 0));
    assert_eq!(marked(&bob, "General").await, ["room"]);
    assert!(marked(&bob, &direct).await.is_empty());
}

#[sqlx::test]
async fn a_message_counts_once_and_not_for_those_who_cannot_see_it_or_block_its_author(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let slug = group(&cast).await;
    let Cast {
        alice, bob, charlie, ..
    } = cast;
    let answer = charlie.post("/people/alice/block", &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    alice.write(&slug, "@room, and above all @bob").await;
    assert_eq!((waiting(&bob, &slug).await, waiting(&charlie, &slug).await), (1, 0));
    let dave = server.person("dave").await;
    befriend(&alice, &dave).await;
    let answer = alice
        .post(&format!("/chat/room/{slug}/members"), &[("username", "dave")])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(waiting(&dave, &slug).await, 0);
    alice.write(&slug, "welcome, @room").await;
    assert_eq!((waiting(&bob, &slug).await, waiting(&dave, &slug).await), (2, 1));
}

#[sqlx::test]
async fn a_changed_message_calls_if_its_author_may_by_then(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let cast = first.cast().await;
    let slug = group(&cast).await;
    let Cast {
        alice, bob, charlie, ..
    } = cast;
    let bobs = bob.write(&slug, "soup for @room").await;
    let mut inbox = at(charlie.clone(), &second).inbox("").await;
    let seq = alice.write(&slug, "tea").await;
    let path = format!("/chat/room/{slug}/messages/{seq}");
    alice.post(&path, &[("body", "tea, @room")]).await;
    inbox.until(",1,\"all\"]").await;
    alice.post(&path, &[("body", "tea, all of @room")]).await;
    assert_eq!((waiting(&bob, &slug).await, waiting(&charlie, &slug).await), (1, 1));
    alice.post(&path, &[("body", "tea")]).await;
    inbox.until(",0,\"all\"]").await;
    assert_eq!((calls(&pool).await, waiting(&charlie, &slug).await), (0, 0));

    // What a member wrote stays text until it is changed by somebody who may call by then, and the other way round.
    let of_bob = format!("/chat/room/{slug}/messages/{bobs}");
    for (role, called) in [("moderator", 1), ("member", 0)] {
        let answer = alice
            .post(&format!("/chat/room/{slug}/members/bob/role"), &[("role", role)])
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        bob.post(&of_bob, &[("body", &format!("a {role}'s soup for @room"))])
            .await;
        assert_eq!(
            (calls(&pool).await, waiting(&charlie, &slug).await),
            (called, called),
            "{role}"
        );
    }

    alice.post(&path, &[("body", "tea, @room")]).await;
    inbox.until(",1,\"all\"]").await;
    alice.post(&format!("{path}/delete"), &[]).await;
    inbox.until(",0,\"all\"]").await;
    assert_eq!((calls(&pool).await, waiting(&charlie, &slug).await), (0, 0));
}

#[sqlx::test]
async fn everybody_is_offered_to_those_who_may_call_them(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let slug = group(&cast).await;
    let offered = async |person: &Person, typed: &str| {
        let page = person.fragment(&format!("/chat/room/{slug}/names?q={typed}")).await;
        attributes(&page.text().await.unwrap(), "data-username")
    };
    assert_eq!(
        offered(&cast.alice, "").await,
        ["bob", "charlie", "room"],
        "not by mistake"
    );
    assert_eq!(offered(&cast.alice, "ROOM").await, ["room"]);
    assert!(offered(&cast.alice, "rooms").await.is_empty());
    assert_eq!(offered(&cast.bob, "").await, ["alice", "charlie"]);
    assert!(offered(&cast.bob, "room").await.is_empty());
}

#[sqlx::test]
async fn nobody_can_be_called_room_and_who_is_stays_named_by_those_who_may_not_call(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let cast = server.cast().await;
    for name in ["room", "Room", "r00m"] {
        let answer = server.visitor().post("/accounts/signup", &account(name, &[])).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("This name calls everybody in a room.")
        );
    }
    let slug = group(&cast).await;
    sqlx::query("UPDATE users SET username = 'Room', name_key = 'room' WHERE username = 'charlie'")
        .execute(&pool)
        .await
        .unwrap();
    let Cast {
        alice, bob, charlie, ..
    } = cast;
    bob.write(&slug, "ask @room").await;
    let marked = marked(&bob, &slug).await;
    assert_eq!(marked, attributes(&charlie.page("/chat/").await, "data-me"));
    assert_eq!((waiting(&alice, &slug).await, waiting(&charlie, &slug).await), (0, 1));
    alice.write(&slug, "ask @room").await;
    assert_eq!((waiting(&bob, &slug).await, waiting(&charlie, &slug).await), (1, 2));
}
