//! What a socket is subscribed to: its room by its id, as far as its person's membership goes, and what concerns its
//! person wherever they are.

use reqwest::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::nodes;
use crate::support::{Cast, Person, Server, Socket, attributes, config, numbers, spawn, spawn_with};

/// The id of the room with that name.
pub async fn room_id(pool: &PgPool, name: &str) -> Uuid {
    let room = sqlx::query_scalar("SELECT id FROM rooms WHERE slug = $1").bind(name);
    room.fetch_one(pool).await.unwrap()
}

/// Lets somebody's membership begin now.
pub async fn begin_now(pool: &PgPool, room: &str, username: &str) {
    let done = sqlx::query(
        "UPDATE members m SET from_seq = r.last_seq, from_change = r.last_change FROM rooms r, users u
         WHERE r.id = m.room_id AND r.slug = $1 AND u.id = m.user_id AND u.username = $2",
    )
    .bind(room)
    .bind(username);
    assert_eq!(done.execute(pool).await.unwrap().rows_affected(), 1);
}

/// Alters a message as an edit will: with a change of its own, taken under the room's lock.
pub async fn alter(pool: &PgPool, room: &str, seq: i64) {
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("UPDATE rooms SET last_change = last_change + 1 WHERE slug = $1")
        .bind(room)
        .execute(&mut *transaction)
        .await
        .unwrap();
    let done = sqlx::query(
        "UPDATE messages m SET change = r.last_change FROM rooms r
         WHERE r.id = m.room_id AND r.slug = $1 AND m.seq = $2",
    )
    .bind(room)
    .bind(seq);
    assert_eq!(done.execute(&mut *transaction).await.unwrap().rows_affected(), 1);
    transaction.commit().await.unwrap();
}

#[sqlx::test]
async fn a_page_without_a_room_has_a_socket_for_its_person_only(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut inbox = alice.inbox("").await;
    assert_eq!(inbox.next().await, r#"{"heartbeat":true}"#);
    bob.write("General", "to the room").await;
    inbox.hears_nothing_of("to the room").await;
    inbox.send(r#"{"body":"from nowhere"}"#).await;
    assert_eq!(inbox.refusal().await["code"], "not_a_member");
    inbox.send(r#"{"type":"dance"}"#).await;
    let refusal = inbox.refusal().await;
    assert_eq!(refusal["code"], "unknown_type");
    assert!(refusal["message"].as_str().unwrap().contains("“dance”"));
}

#[sqlx::test]
async fn the_inbox_is_closed_to_strangers_and_foreign_pages(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    assert_eq!(server.visitor().inbox("").await.closed().await.0, 4401);
    for origin in [None, Some("https://evil.example"), Some("null")] {
        assert!(alice.try_socket_at("/ws/inbox", origin).await.is_err(), "{origin:?}");
    }
    let mut inbox = alice.inbox("").await;
    alice.post("/accounts/logout", &[]).await;
    assert_eq!(inbox.closed().await.0, 4401);
}

#[sqlx::test]
async fn a_frame_may_say_that_it_sends_and_other_types_are_refused_by_name(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let id = Uuid::new_v4().to_string();
    socket
        .send(serde_json::json!({"type": "dance", "client_id": id}).to_string())
        .await;
    let refusal = socket.refusal().await;
    assert_eq!(
        (&refusal["code"], &refusal["client_id"]),
        (&"unknown_type".into(), &id.clone().into())
    );
    socket
        .send(serde_json::json!({"type": "send", "body": "hello", "client_id": id}).to_string())
        .await;
    assert_eq!(numbers(&socket.until("hello").await), [1]);
    socket
        .send(serde_json::json!({"body": "x".repeat(17 << 10), "client_id": id}).to_string())
        .await;
    let refusal = socket.refusal().await;
    assert_eq!(
        (&refusal["code"], &refusal["client_id"]),
        (&"too_long".into(), &id.into())
    );
}

/// Two rooms swap their names while a page of each is away: what it has to send goes into its own room.
#[sqlx::test]
async fn a_socket_finds_its_room_by_its_id_whatever_the_name_means_now(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    admin.make_room("Other").await;
    alice.join("Other").await;
    let general = room_id(&server.pool, "General").await;
    for (from, to) in [("General", "Third"), ("Other", "General"), ("Third", "Other")] {
        admin
            .post(&format!("/admin/rooms/{from}"), &[("name", to), ("topic", "")])
            .await;
    }
    let mut socket = alice.socket(&format!("General?room={general}")).await;
    socket.say("for the first room").await;
    socket.until("for the first room").await;
    assert!(bob.page("/chat/room/Other").await.contains("for the first room"));
    assert!(!alice.page("/chat/room/General").await.contains("for the first room"));

    // What it missed meanwhile tells the page where the room is now.
    let mut back = alice.socket(&format!("General?room={general}&after=0&seq=0")).await;
    back.until("for the first room").await;
    let mut moved = bob.socket("Other").await;
    admin
        .post("/admin/rooms/Other", &[("name", "Last"), ("topic", "")])
        .await;
    let frame: serde_json::Value = serde_json::from_str(&moved.until("reload").await).unwrap();
    assert_eq!(
        (&frame["location"], &frame["room"]),
        (&"/chat/room/Last".into(), &general.to_string().into())
    );
}

#[sqlx::test]
async fn a_room_that_is_not_mine_stays_closed_by_its_id_too(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin, alice, charlie, ..
    } = server.cast().await;
    admin.make_room("Mine").await;
    charlie.join("Mine").await;
    let general = room_id(&server.pool, "General").await;
    // He belongs to the room of the name, and not to the room of the id.
    for query in [format!("Mine?room={general}"), format!("Mine?room={}", Uuid::new_v4())] {
        assert_eq!(charlie.socket(&query).await.closed().await.0, 4403, "{query}");
    }
    let mine = room_id(&server.pool, "Mine").await;
    assert_eq!(
        alice.socket(&format!("General?room={mine}")).await.closed().await.0,
        4403
    );
}

#[sqlx::test]
async fn whoever_was_not_there_yet_reads_nothing_from_before(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    alice.write("General", "early one").await;
    alice.write("General", "early two").await;
    charlie.join("General").await;
    begin_now(&server.pool, "General", "bob").await;
    alice.write("General", "after three").await;

    let page = bob.page("/chat/room/General").await;
    assert_eq!(numbers(&page), [3]);
    assert!(!page.contains("early") && !page.contains("joined"), "{page}");
    for path in ["/chat/room/General/messages", "/chat/room/General/messages?before=3"] {
        let history = bob.fragment(path).await.text().await.unwrap();
        assert!(
            !history.contains("early") && !history.contains("joined"),
            "{path}: {history}"
        );
    }
    // However old the page says that it is.
    for query in ["General?after=0", "General?after=0&seq=0", "General?after=-5&seq=-5"] {
        let mut socket = bob.socket(query).await;
        let frame = socket.until("after three").await;
        assert!(
            !frame.contains("early") && !frame.contains("joined"),
            "{query}: {frame}"
        );
        socket.hears_nothing_of("early").await;
    }
    assert_eq!(numbers(&alice.page("/chat/room/General").await), [1, 2, 3]);
}

#[sqlx::test]
async fn an_altered_message_replaces_the_line_for_those_who_may_see_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    for text in ["one", "two", "three"] {
        alice.write("General", text).await;
    }
    begin_now(&server.pool, "General", "bob").await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    let mut was_away = attributes(&alice.page("/chat/room/General").await, "data-change").remove(0);
    alter(&server.pool, "General", 2).await;
    alice.write("General", "four").await;

    let altered = at_alice.until("two").await;
    assert!(
        altered.contains(r##"hx-target="#m-2" hx-swap="outerHTML""##),
        "{altered}"
    );
    assert!(at_alice.until("four").await.contains(r##"hx-target="#messages""##));
    let mut heard = String::new();
    while !heard.contains("four") {
        heard.push_str(&at_bob.next().await);
    }
    assert!(!heard.contains("two"), "{heard}");

    // The same for a page that comes back.
    was_away.push_str("&seq=3");
    let mut back = alice.socket(&format!("General?after={was_away}")).await;
    assert!(
        back.until("two")
            .await
            .contains(r##"hx-target="#m-2" hx-swap="outerHTML""##)
    );
    assert!(back.until("four").await.contains("hx-upsert"));
    let mut back = bob.socket(&format!("General?after={was_away}")).await;
    let mut heard = String::new();
    while !heard.contains("four") {
        heard.push_str(&back.next().await);
    }
    assert!(!heard.contains("two"), "{heard}");
}

/// A node that learns late that somebody left and came back must not send them what was written between.
#[sqlx::test]
async fn whoever_left_and_came_back_hears_nothing_from_between(pool: PgPool) {
    // No Redis: each node sees what the other stored by its check of every few seconds.
    let first = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let second = spawn_with(pool.clone(), with_keys_of(&first)).await;
    let at_second = nodes::at(bob.clone(), &second);
    let carol = nodes::at(alice.clone(), &second);
    let (mut at_bob, mut at_carol) = (at_second.socket("General").await, carol.socket("General").await);
    bob.post("/chat/room/General/leave", &[]).await;
    alice.write("General", "from between").await;
    bob.join("General").await;
    begin_now(&pool, "General", "bob").await;

    at_carol.until("from between").await;
    let (code, frames) = at_bob.closed().await;
    assert_eq!(code, 1013, "the page comes back, and begins anew");
    assert!(!frames.concat().contains("from between"), "{frames:?}");
    let mut back = at_second.socket("General?after=0&seq=0").await;
    alice.write("General", "from later").await;
    let mut heard = String::new();
    while !heard.contains("from later") {
        heard.push_str(&back.next().await);
    }
    assert!(!heard.contains("from between"), "{heard}");
}

pub fn with_keys_of(server: &Server) -> umbrachat::config::Config {
    umbrachat::config::Config {
        umbra_keys: Some(umbrachat::config::Secret::new(server.keys.clone())),
        ..config()
    }
}

#[sqlx::test]
async fn an_author_is_shown_as_they_are_called_when_a_message_is_drawn(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    at_alice.say("under the old name").await;
    assert!(at_bob.until("under the old name").await.contains("alice Test"));
    sqlx::query("UPDATE users SET first_name = 'Alicia', last_name = 'Moon' WHERE username = 'alice'")
        .execute(&server.pool)
        .await
        .unwrap();
    at_alice.say("under the new name").await;
    assert!(at_bob.until("under the new name").await.contains("Alicia Moon"));
    assert!(!bob.page("/chat/room/General").await.contains("alice Test"));
}

/// What a socket is told of one row of the list, in the order in which it happens.
async fn row(socket: &mut Socket, room: Uuid) -> String {
    let row = socket.until(&format!("#room-{room}")).await;
    assert!(
        row.contains(r#"hx-swap="delete""#),
        "the row leaves its old place: {row}"
    );
    row
}

async fn edit(admin: &Person, path: &str, fields: &[(&str, &str)]) {
    assert_eq!(admin.post(path, fields).await.status(), StatusCode::SEE_OTHER, "{path}");
}

#[sqlx::test]
async fn what_an_administrator_does_with_rooms_moves_in_every_side_bar(pool: PgPool) {
    let (first, second) = nodes::two(pool).await;
    let Cast {
        admin, alice, charlie, ..
    } = first.cast().await;
    admin.make_room("News").await;
    alice.join("News").await;
    let news = room_id(&first.pool, "News").await;
    let charlie = nodes::at(charlie, &second);
    // Alice is in a room, Charlie on the chat home, on another node; Alice belongs to News, Charlie does not.
    let (mut at_alice, mut at_charlie) = (alice.socket("General").await, charlie.inbox("").await);

    admin.make_room("Extra").await;
    let extra = room_id(&first.pool, "Extra").await;
    for socket in [&mut at_alice, &mut at_charlie] {
        let made = row(socket, extra).await;
        assert!(made.contains("/chat/room/Extra") && made.contains("Join"), "{made}");
    }
    edit(&admin, "/admin/rooms/News", &[("name", "Herald"), ("topic", "fresh")]).await;
    for (socket, joined) in [(&mut at_alice, true), (&mut at_charlie, false)] {
        let renamed = row(socket, news).await;
        assert!(
            renamed.contains("/chat/room/Herald") && renamed.contains("fresh"),
            "{renamed}"
        );
        assert!(renamed.contains(r#"key="data-key" sort"#) && renamed.contains(r#"data-key="herald""#));
        assert_eq!(renamed.contains("Join"), !joined, "{renamed}");
    }
    // Who belongs to an archived room can still read it; for everybody else it is gone.
    edit(&admin, "/admin/rooms/Herald/archive", &[]).await;
    assert!(row(&mut at_alice, news).await.contains("Herald"));
    assert!(!row(&mut at_charlie, news).await.contains("Herald"));
    edit(&admin, "/admin/rooms/Herald/restore", &[]).await;
    for socket in [&mut at_alice, &mut at_charlie] {
        assert!(row(socket, news).await.contains("Herald"));
    }
    edit(&admin, "/admin/rooms/Herald/delete", &[]).await;
    for socket in [&mut at_alice, &mut at_charlie] {
        assert!(!row(socket, news).await.contains("Herald"));
    }
}

#[sqlx::test]
async fn a_page_that_shows_an_older_list_of_rooms_is_sent_the_list_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    let mut inbox = alice.inbox("").await;
    admin.make_room("New").await;
    let frame = inbox.until("/chat/room/New").await;
    let version: i64 = attributes(&frame, "data-rooms")[0].parse().unwrap();

    let mut back = alice.inbox(&format!("?rooms={}", version - 1)).await;
    let list = back.until(r##"hx-target="#public-rooms""##).await;
    assert!(list.contains(r#"hx-swap="innerHTML""#) && list.contains(&format!(r#"data-rooms="{version}""#)));
    assert!(list.contains("/chat/room/New") && list.contains("/chat/room/General"));
    assert_eq!(
        list.matches("row-hint").count(),
        1,
        "she belongs to General, and not to New: {list}"
    );
    let mut current = alice.inbox(&format!("?rooms={version}")).await;
    assert_eq!(current.next().await, r#"{"heartbeat":true}"#);
    current.hears_nothing_of("public-rooms").await;
}

/// A doorbell that is lost is made up for by the check of every few seconds.
#[sqlx::test]
async fn a_change_of_the_list_that_nobody_published_comes_all_the_same(pool: PgPool) {
    let first = spawn(pool.clone()).await;
    let Cast { admin, alice, .. } = first.cast().await;
    let second = spawn_with(pool, with_keys_of(&first)).await;
    let mut inbox = nodes::at(alice, &second).inbox("").await;
    admin.make_room("New").await;
    inbox.until("/chat/room/New").await;
}
