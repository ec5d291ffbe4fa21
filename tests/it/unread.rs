//! How many messages wait in a room, on every device of a person, and who sees what was read.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use sqlx::PgPool;
use tokio::time::timeout;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, open_direct};
use crate::support::{Cast, Person, Socket, attributes, spawn};

/// How many wait in that room, as the side bar of a new page shows it.
async fn waiting(person: &Person, slug: &str) -> u32 {
    let page = person.page("/chat/").await;
    let row = page
        .split("<li id=\"room-")
        .find(|row| row.contains(&format!("/chat/room/{slug}\"")));
    let counts = attributes(row.unwrap(), "data-unread").remove(0);
    let count = counts.split(' ').next().unwrap().parse().unwrap();
    let is_drawn = row.unwrap().contains(&format!("badge\">{count}</span>"));
    let is_drawn = is_drawn || row.unwrap().contains(&format!("badge mine\">{count}</span>"));
    assert_eq!(is_drawn, count > 0);
    count
}

/// How often they marked something as unread in that room, by what a new page shows.
async fn version(person: &Person, slug: &str) -> i64 {
    row(person, slug).await[2].parse().unwrap()
}

/// What the side bar of a new page says of that room.
async fn row(person: &Person, slug: &str) -> Vec<String> {
    let page = person.page("/chat/").await;
    let row = page
        .split("<li id=\"room-")
        .find(|row| row.contains(&format!("/chat/room/{slug}\"")));
    let counts = attributes(row.unwrap(), "data-unread").remove(0);
    counts.split(' ').map(str::to_owned).collect()
}

/// The next frame with that member.
async fn frame(socket: &mut Socket, name: &str) -> Value {
    let text = socket.until(&format!("{{\"{name}\":")).await;
    serde_json::from_str::<Value>(&text).unwrap()[name].take()
}

/// Waits until the socket says that so many wait, adding up as a page does.
async fn until_count(socket: &mut Socket, count: i64) {
    let said = async {
        let mut waiting = HashMap::new();
        while !waiting.values().any(|waiting| *waiting == count) {
            let Ok(frame) = serde_json::from_str::<Value>(&socket.next().await) else {
                continue;
            };
            for (room, counted) in frame["unread"].as_object().into_iter().flatten() {
                waiting.insert(room.clone(), counted[0].as_i64().unwrap());
            }
            for (room, came) in frame["active"].as_object().into_iter().flatten() {
                *waiting.entry(room.clone()).or_default() += came[0].as_i64().unwrap();
            }
        }
    };
    timeout(crate::support::PATIENCE, said)
        .await
        .unwrap_or_else(|_| panic!("nobody says {count}"));
}

fn read(seq: i64) -> String {
    format!(r#"{{"type":"read","seq":{seq}}}"#)
}

#[sqlx::test]
async fn what_others_write_waits_until_it_is_read_on_any_device(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let bob_elsewhere = at(bob, &second);
    let mut phone = bob_elsewhere.inbox("").await;
    let mut strangers = charlie.inbox("").await;
    assert_eq!(waiting(&bob_elsewhere, "General").await, 0);
    let mut seq = 0;
    for n in 0..3 {
        seq = alice.write("General", &format!("message {n}")).await;
    }
    assert_eq!(waiting(&bob_elsewhere, "General").await, 3);
    assert_eq!(waiting(&alice, "General").await, 0, "one's own do not wait");
    until_count(&mut phone, 3).await;

    let mut laptop = bob_elsewhere.socket("General").await;
    laptop.send(read(seq - 1)).await;
    until_count(&mut phone, 1).await;
    laptop.send(read(seq - 2)).await;
    laptop.send(read(seq)).await;
    until_count(&mut phone, 0).await;
    assert_eq!(waiting(&bob_elsewhere, "General").await, 0);
    strangers.hears_nothing_of("unread").await;
}

#[sqlx::test]
async fn what_is_written_on_the_same_node_is_told_at_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut inbox, mut own) = (bob.inbox("").await, alice.inbox("").await);
    alice.write("General", "the first").await;
    until_count(&mut inbox, 1).await;
    // What it is told besides may be the counts themselves, as long as the room or the person is new to the node.
    let mut written = 1;
    let told = loop {
        written += 1;
        alice.write("General", "one more").await;
        let frame = inbox.until("{\"").await;
        if frame.starts_with("{\"active\"") {
            break frame;
        }
    };
    assert!(told.contains(&format!(",{written}]")), "{told}");
    let rooms = frame(&mut own, "active").await;
    assert_eq!(
        rooms.as_object().unwrap().values().next().unwrap()[0],
        0,
        "one's own do not wait"
    );
}

#[sqlx::test]
async fn what_is_marked_as_unread_stays_so_whatever_another_tab_says_late(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    for n in 0..5 {
        alice.write("General", &format!("message {n}")).await;
    }
    let mut room = bob.socket("General").await;
    let known = version(&bob, "General").await;
    let read = |seq, version| format!(r#"{{"type":"read","seq":{seq},"version":{version}}}"#);
    room.send(read(5, known)).await;
    until_count(&mut room, 0).await;
    let answer = bob.post("/chat/room/General/unread", &[("seq", "3")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    until_count(&mut room, 3).await;
    room.send(read(5, known)).await;
    room.hears_nothing_of(":[0,").await;
    assert_eq!(waiting(&bob, "General").await, 3);
    room.send(read(4, known + 1)).await;
    until_count(&mut room, 1).await;
    // A form knows of no version.
    bob.post("/chat/room/General/read", &[("seq", "99")]).await;
    assert_eq!(waiting(&bob, "General").await, 0);
    alice.write("General", "one more").await;
    assert_eq!(
        waiting(&bob, "General").await,
        1,
        "nothing is read before it is written"
    );
}

#[sqlx::test]
async fn only_members_read_and_say_so(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    alice.write("General", "hello").await;
    for path in ["read", "unread"] {
        let path = format!("/chat/room/General/{path}");
        assert_eq!(
            charlie.post(&path, &[("seq", "1")]).await.status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            server.visitor().post(&path, &[("seq", "1")]).await.status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            alice.post(&path, &[("seq", "x")]).await.status(),
            StatusCode::BAD_REQUEST
        );
    }
    charlie.join("General").await;
    assert_eq!(
        waiting(&charlie, "General").await,
        0,
        "what was written before is not new"
    );
}

#[sqlx::test]
async fn a_page_draws_a_line_before_what_is_new(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    for n in 1..=4 {
        alice.write("General", &format!("message {n}")).await;
    }
    bob.post("/chat/room/General/read", &[("seq", "2")]).await;
    let page = bob.page("/chat/room/General").await;
    let (before, after) = page.split_once("unread-line").unwrap();
    assert!(before.contains("message 2") && !before.contains("message 3"));
    assert!(after.contains(">2 new messages<") && after.contains("message 3"));
    bob.write("General", "my own").await;
    let page = bob.page("/chat/room/General").await;
    assert!(page.contains(">2 new messages<"));
    bob.post("/chat/room/General/read", &[("seq", "5")]).await;
    assert!(!bob.page("/chat/room/General").await.contains("unread-line"));
    for sql in [
        "INSERT INTO messages (room_id, seq, id, author_id, client_id, body, change, created_at)
         SELECT r.id, r.last_seq + n, gen_random_uuid(), u.id, gen_random_uuid(), 'x', r.last_change + n, now()
         FROM rooms r, users u, generate_series(1, 101) n WHERE r.slug = 'General' AND u.name_key = 'alice'",
        "UPDATE rooms SET last_seq = last_seq + 101, last_change = last_change + 101 WHERE slug = 'General'",
    ] {
        sqlx::query(sql).execute(&server.pool).await.unwrap();
    }
    assert!(bob.page("/chat/").await.contains(">99+</span>"));
}

#[sqlx::test]
async fn in_a_direct_chat_the_other_sees_what_was_read_unless_either_hides_it(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    befriend(&alice, &bob).await;
    let slug = open_direct(&alice, "bob").await;
    let bob = at(bob, &second);
    let (mut at_alice, mut at_bob) = (alice.socket(&slug).await, bob.socket(&slug).await);
    let seq = alice.write(&slug, "have you seen this?").await;
    at_bob.send(read(seq)).await;
    let receipt = frame(&mut at_alice, "receipt").await;
    assert_eq!(receipt["seq"], seq);
    let path = format!("/chat/room/{slug}");
    assert_eq!(attributes(&alice.page(&path).await, "data-receipt"), [seq.to_string()]);
    bob.post(&format!("{path}/unread"), &[("seq", "1")]).await;
    assert_eq!(
        attributes(&alice.page(&path).await, "data-receipt"),
        [seq.to_string()],
        "what was seen was seen"
    );
    for person in [&alice, &bob] {
        person.post("/settings/privacy", &[("receipts", "off")]).await;
        let seq = alice.write(&slug, "and this?").await;
        at_bob.send(read(seq)).await;
        while waiting(&bob, &slug).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        at_alice.hears_nothing_of("receipt").await;
        assert!(attributes(&alice.page(&path).await, "data-receipt").is_empty());
        person.post("/settings/privacy", &[("receipts", "on")]).await;
    }
}

#[sqlx::test]
async fn a_room_can_be_muted_on_all_pages_at_once(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let mut elsewhere = at(bob.clone(), &second).inbox("").await;
    let set = async |person: &Person, level: &str| {
        let answer = person.post("/chat/room/General/notify", &[("level", level)]).await;
        answer.status()
    };
    assert_eq!(set(&bob, "nothing").await, StatusCode::SEE_OTHER);
    assert!(elsewhere.until("\"all\":true").await.contains("\"nothing\"]"));
    alice.write("General", "hello").await;
    let page = bob.page("/chat/").await;
    assert!(page.contains("class=\"muted\"") && page.contains("> muted</span>") && !page.contains("class=\"badge"));
    assert_eq!(row(&bob, "General").await[0], "1", "it is counted nevertheless");
    for level in ["mentions", "all"] {
        assert_eq!(set(&bob, level).await, StatusCode::SEE_OTHER);
        assert!(bob.page("/chat/").await.contains("badge\">1</span>"), "{level}");
        let pressed = format!("value=\"{level}\" aria-pressed=\"true\"");
        assert!(bob.page("/chat/room/General").await.contains(&pressed));
    }
    let fragment = bob
        .post_fragment(
            "/chat/room/General",
            "/chat/room/General/notify",
            &[("level", "nothing")],
        )
        .await;
    assert!(fragment.text().await.unwrap().starts_with("<form id=\"levels\""));
    assert_eq!(set(&bob, "loud").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(set(&charlie, "nothing").await, StatusCode::NOT_FOUND);
    assert_eq!(set(&first.visitor(), "nothing").await, StatusCode::UNAUTHORIZED);
}

#[sqlx::test]
async fn a_mention_that_was_not_read_has_a_badge_of_its_own(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (first, second) = (
        alice.write("General", "hello @bob").await,
        alice.write("General", "@bob, are you there?").await,
    );
    let shows = async |person: &Person, badge: &str| person.page("/chat/").await.contains(badge);
    assert!(shows(&bob, "badge mine\">@ 2</span>").await && !shows(&alice, "@ 2").await);
    let mut inbox = bob.inbox("").await;
    bob.post("/chat/room/General/read", &[("seq", &first.to_string())])
        .await;
    let told = frame(&mut inbox, "unread").await;
    assert_eq!(told.as_object().unwrap().values().next().unwrap()[4], 1);
    assert!(shows(&bob, "badge mine\">@ 1</span>").await);
    bob.post("/chat/room/General/read", &[("seq", &second.to_string())])
        .await;
    assert!(!shows(&bob, "@ 1").await);
}

#[sqlx::test]
async fn what_somebody_can_do_with_a_message_is_for_those_who_see_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    let seq = alice.write("General", "hello").await;
    let menu = |seq| format!("/chat/room/General/messages/{seq}/menu");
    let shown = alice.fragment(&menu(seq)).await.text().await.unwrap();
    assert!(shown.contains("Mark as unread from here") && shown.contains(&format!("name=\"seq\" value=\"{seq}\"")));
    assert_eq!(alice.get(&menu(seq)).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(alice.get(&menu(seq + 1)).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(charlie.get(&menu(seq)).await.status(), StatusCode::NOT_FOUND);
}

#[sqlx::test]
async fn who_leaves_and_comes_back_begins_anew_on_all_pages(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    alice.write("General", "hello").await;
    let before = version(&bob, "General").await;
    assert_eq!(
        bob.post("/chat/room/General/unread", &[("seq", "1")]).await.status(),
        StatusCode::SEE_OTHER
    );
    let mut inbox = bob.inbox("").await;
    assert_eq!(
        bob.post("/chat/room/General/leave", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    inbox.until("\"unread\":{}").await;
    bob.join("General").await;
    inbox.until("\"all\":true").await;
    assert!(version(&bob, "General").await > before + 1, "older frames do not win");
    assert_eq!(waiting(&bob, "General").await, 0);
}
