//! Who has read a message: by name in small rooms, in a number in larger ones, and never of somebody who hides it.

use reqwest::StatusCode;
use serde_json::Value;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room};
use crate::support::{Cast, Person, Server, done, spawn};

const NAMED: &str = r##"hx-target="#readers""##;

fn read(seq: i64) -> String {
    format!(r#"{{"type":"read","seq":{seq}}}"#)
}

/// A group of Alice with Bob and Charlie; its place in addresses.
async fn make_group(alice: &Person, others: [&Person; 2]) -> String {
    for other in others {
        befriend(alice, other).await;
    }
    let members = [("kind", "group"), ("members", "bob"), ("members", "charlie")];
    make_room(alice, "Sky", &members).await
}

#[sqlx::test]
async fn in_a_small_room_readers_are_named_on_every_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let slug = make_group(&alice, [&bob, &charlie]).await;
    let mut sees = at(alice.clone(), &second).socket(&slug).await;
    let (mut at_bob, mut at_charlie) = (bob.socket(&slug).await, charlie.socket(&slug).await);
    let seq = alice.write(&slug, "who has read this?").await;
    at_bob.send(read(seq)).await;
    let frame = sees.until(NAMED).await;
    assert!(
        frame.contains(&format!("data-seq=\"{seq}\"")) && frame.contains(">bob Test<"),
        "{frame}"
    );
    assert!(at_charlie.until(NAMED).await.contains(">bob Test<"));
    let readers = alice.page(&format!("/chat/room/{slug}/readers")).await;
    assert!(readers.contains(">bob Test<") && readers.contains(&format!("data-seq=\"{seq}\"")));
    assert!(
        alice
            .page(&format!("/chat/room/{slug}"))
            .await
            .contains(&format!("data-seq=\"{seq}\"><span class=\"avatar"))
    );

    // Who hides it sends nothing and sees nothing.
    done(charlie.post("/settings/privacy", &[("receipts", "off")]).await).await;
    let next = alice.write(&slug, "and this?").await;
    at_charlie.send(read(next)).await;
    at_bob.send(read(next)).await;
    let frame = sees.until(NAMED).await;
    assert!(
        frame.contains(">bob Test<") && !frame.contains(">charlie Test<"),
        "{frame}"
    );
    sees.hears_nothing_of(">charlie Test<").await;
    at_charlie.hears_nothing_of(NAMED).await;
    assert!(
        !charlie
            .page(&format!("/chat/room/{slug}"))
            .await
            .contains("id=\"readers\"")
    );
    assert!(
        !alice
            .page(&format!("/chat/room/{slug}/readers"))
            .await
            .contains(">charlie Test<")
    );
}

/// Puts as many more people into the room of that name as it takes for a large one; a tenth of them hide what they read.
pub async fn fill(server: &Server, room: &str) {
    for sql in [
        "INSERT INTO users (id, username, name_key, first_key, last_key, password_hash, first_name, last_name, role, data_key_id, receipts_hidden)
         SELECT md5('user' || n)::uuid, 'user' || n, 'user' || n, 'user', 'n', '', 'User', n::text, 'member', (SELECT data_key_id FROM users WHERE name_key = 'alice'), n % 10 = 0
         FROM generate_series(1, 60) n",
        "INSERT INTO members (room_id, user_id, role, from_seq, from_change)
         SELECT r.id, u.id, 'member', 0, 0 FROM rooms r, users u WHERE r.slug = $1 AND u.username LIKE 'user%'",
    ] {
        let query = sqlx::query(sql);
        let query = if sql.contains("$1") { query.bind(room) } else { query };
        query.execute(&server.pool).await.unwrap();
    }
}

#[sqlx::test]
async fn in_a_large_room_readers_are_counted(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    fill(&server, "General").await;
    charlie.join("General").await;
    done(charlie.post("/settings/privacy", &[("receipts", "off")]).await).await;
    let seq = alice.write("General", "who has read this?").await;
    let (mut sees, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    let mut hides = charlie.socket("General").await;
    at_bob.send(read(seq)).await;
    let frame = sees.until("{\"receipts\"").await;
    let told: Value = serde_json::from_str(&frame).unwrap();
    assert_eq!(
        told["receipts"]["spans"],
        serde_json::json!([[[0, seq], 1]]),
        "no name in it"
    );
    sees.hears_nothing_of(NAMED).await;
    hides.hears_nothing_of("{\"receipts\"").await;
    sqlx::query("UPDATE members SET receipt_seq = 1 FROM users u WHERE u.id = user_id AND u.username LIKE 'user%'")
        .execute(&server.pool)
        .await
        .unwrap();
    // 54 of the 60 let it be seen, and Bob.
    let readers = alice.page(&format!("/chat/room/General/readers?seq={seq}")).await;
    assert!(readers.contains("data-count=\"55\""), "{readers}");
    assert!(alice.page("/chat/room/General").await.contains("data-count=\"55\""));
}

#[sqlx::test]
async fn who_has_read_is_for_members(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { charlie, .. } = server.cast().await;
    let visitor = server.visitor().get("/chat/room/General/readers").await;
    assert_eq!(
        visitor.headers()["location"].to_str().unwrap().split('?').next(),
        Some("/accounts/login")
    );
    assert_eq!(
        charlie.get("/chat/room/General/readers").await.status(),
        StatusCode::NOT_FOUND
    );
}
