//! Deleting accounts, messages and rooms: at once for those who look, and then from the tables.

use std::time::Duration;

use chrono::TimeDelta;
use image::ImageFormat;
use reqwest::{Response, StatusCode};
use sqlx::PgPool;
use tokio::time::{sleep, timeout};

use crate::encryption::dump;
use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::pictures::{give, picture};
use crate::support::{Cast, PASSWORD, Person, account, config, spawn, spawn_with};

async fn delete_account(person: &Person) -> Response {
    let fields = [("password", PASSWORD), ("username", person.name.as_str())];
    person.post("/settings/delete", &fields).await
}

async fn delete_messages(person: &Person, room: &str) {
    let fields = [("password", PASSWORD), ("room", room)];
    let answer = person.post("/settings/messages/delete", &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

async fn count(pool: &PgPool, rows: &str) -> i64 {
    sqlx::query_scalar(&format!("SELECT count(*) FROM {rows}"))
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Waits until so many of these rows are left.
pub async fn until_left(pool: &PgPool, rows: &str, left: i64) {
    let emptied = async {
        while count(pool, rows).await != left {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(Duration::from_secs(30), emptied).await;
    assert!(waited.is_ok(), "{rows}: {}", count(pool, rows).await);
}

#[sqlx::test]
async fn of_a_deleted_account_nothing_can_be_read_on_any_node(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let profile = [
        ("first_name", "Zorillafirst"),
        ("last_name", "Zorillalast"),
        ("display_name", "Zorillashown"),
        ("bio", "zorillabio"),
    ];
    alice.post("/settings/profile", &profile).await;
    let email = [("email", "zorilla@example.org"), ("password", PASSWORD)];
    alice.post("/settings/email", &email).await;
    sqlx::query(
        "UPDATE users SET email = 'zorilla@example.org', email_key = 'zorilla@example.org' WHERE name_key = 'alice'",
    )
    .execute(&pool)
    .await
    .unwrap();
    give(&alice, &picture(ImageFormat::Png)).await;
    alice.post("/settings/api/keys", &[("name", "Zorillakey")]).await;
    befriend(&alice, &bob).await;
    let direct = open_direct(&alice, "bob").await;
    let group = make_room(&alice, "Night watch", &[("kind", "group"), ("members", "bob")]).await;
    let rooms = ["General", direct.as_str(), group.as_str()];
    for room in rooms {
        alice.write(room, "zorillatext").await;
        let seq = bob.write(room, "an answer that stays").await;
        for person in [&alice, &bob] {
            let path = format!("/chat/room/{room}/messages/{seq}/reactions");
            person.post(&path, &[("emoji", "🌙")]).await;
        }
    }
    let named =
        "INSERT INTO mentions SELECT u.id, m.room_id, m.seq FROM users u, messages m WHERE u.username = 'alice'";
    sqlx::query(named).execute(&pool).await.unwrap();
    let there = at(bob.clone(), &second);
    // Both nodes have opened the key by now.
    for person in [&bob, &there] {
        assert!(person.page("/chat/room/General").await.contains("zorillatext"));
    }
    let mut sockets = [
        alice.socket("General").await,
        at(alice.clone(), &second).socket(&group).await,
    ];
    let mut watching = there.socket("General").await;
    watching.until("online").await;

    let page = alice.page("/settings/data").await;
    assert!(page.contains("Delete my account") && page.contains("Type alice."));
    let answer = delete_account(&alice).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/");
    for socket in &mut sockets {
        assert_eq!(socket.closed().await.0, 4401);
    }
    // She leaves the room before her messages go; where both are loaded together, the page hears of her last.
    let (mut is_erased, mut tombstone) = (false, String::new());
    while !is_erased || tombstone.is_empty() {
        let frame = watching.next().await;
        is_erased |= frame.contains("data-erased");
        if frame.contains("Message deleted") {
            tombstone = frame;
        }
    }
    assert!(
        tombstone.contains("Deleted account") && !tombstone.contains("orilla"),
        "{tombstone}"
    );

    until_left(&pool, "jobs WHERE kind = 'erase'", 0).await;
    for person in [&bob, &there] {
        for room in rooms {
            let page = person.page(&format!("/chat/room/{room}")).await;
            assert!(!page.contains("orilla") && !page.contains("@alice"), "{page}");
            assert!(page.contains("Deleted account") && page.contains("Message deleted"));
            assert!(page.contains("an answer that stays") && page.contains("crescent moon, 1"));
        }
        assert_eq!(person.get("/@alice").await.status(), StatusCode::NOT_FOUND);
    }
    assert!(!alice.is_logged_in().await && !at(alice.clone(), &second).is_logged_in().await);
    let refused = [alice.log_in("alice").await, alice.log_in("nobody").await];
    let [known, unknown] = refused.map(|answer| answer.status());
    assert_eq!(
        (known, unknown),
        (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY)
    );

    let dump = dump(&pool).await.to_lowercase();
    for canary in ["zorilla", "alice"] {
        let lines: Vec<_> = dump.lines().filter(|line| line.contains(canary)).collect();
        assert!(lines.is_empty(), "{lines:?}");
    }
    assert_eq!(count(&pool, "messages WHERE body IS NULL").await, 3);
    let keys = count(&pool, "users WHERE data_key_id NOT IN (SELECT id FROM data_keys)").await;
    assert_eq!(keys, 1, "hers alone is gone");
    let hers = "SELECT FROM users WHERE erased_at IS NOT NULL AND id =";
    for (table, column) in [
        ("members", "user_id"),
        ("user_sessions", "user_id"),
        ("login_tokens", "user_id"),
        ("pictures", "user_id"),
        ("api_keys", "user_id"),
        ("reactions", "user_id"),
        ("mentions", "user_id"),
        ("friendships", "requester_id"),
    ] {
        assert_eq!(
            count(&pool, &format!("{table} WHERE EXISTS ({hers} {column})")).await,
            0,
            "{table}"
        );
    }
}

#[sqlx::test]
async fn the_name_of_a_deleted_account_is_taken_for_thirty_days(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    delete_account(&alice).await;
    for (days, names, is_taken) in [
        (0, ["alice", "ALICE", "a1ice"], true),
        (29, ["alice", "Alice", "a1ice"], true),
        (31, ["alice", "carol", "dave"], false),
    ] {
        server.clock.set_ahead(TimeDelta::days(days));
        for name in names {
            let answer = server.visitor().post("/accounts/signup", &account(name, &[])).await;
            assert_eq!(
                answer.status() == StatusCode::UNPROCESSABLE_ENTITY,
                is_taken,
                "{name} {days}"
            );
            let page = answer.text().await.unwrap();
            assert_eq!(page.contains("This name is taken."), is_taken, "{name} {days}");
        }
    }
}

#[sqlx::test]
async fn an_account_is_deleted_only_by_its_password_and_name_and_the_last_administrator_stays(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { admin, alice, .. } = server.cast().await;
    for (password, username, wrong) in [
        ("another quiet moon", "alice", "This is not your password."),
        (PASSWORD, "bob", "This is not your username."),
        (PASSWORD, "", "This is not your username."),
    ] {
        let fields = [("password", password), ("username", username)];
        let answer = alice.post("/settings/delete", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains(wrong), "{wrong}");
    }
    for (password, room, wrong) in [
        ("another quiet moon", "all", "This is not your password."),
        (PASSWORD, "nowhere", "Choose one of your rooms"),
    ] {
        let fields = [("password", password), ("room", room)];
        let answer = alice.post("/settings/messages/delete", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains(wrong), "{wrong}");
    }
    let answer = delete_account(&admin).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(answer.text().await.unwrap().contains("You are the last administrator."));
    assert!(alice.is_logged_in().await && admin.is_logged_in().await);
    assert_eq!(count(&pool, "users WHERE erased_at IS NOT NULL").await, 0);
    assert_eq!(count(&pool, "jobs").await, 0);

    // One of two may go.
    admin.post("/admin/users/alice/role", &[("role", "admin")]).await;
    assert_eq!(delete_account(&admin).await.status(), StatusCode::SEE_OTHER);
    assert!(!admin.is_logged_in().await);
}

/// Stores so many messages of somebody in a room, which are slow to change.
async fn many_slow_messages(pool: &PgPool, name: &str, messages: i32) {
    let statements = [
        format!(
            "INSERT INTO messages (room_id, seq, id, author_id, client_id, body, change, created_at)
             SELECT r.id, r.last_seq + n, gen_random_uuid(), u.id, gen_random_uuid(), 'sealed', r.last_change + n, now()
             FROM users u, rooms r, generate_series(1, {messages}) n WHERE u.name_key = '{name}' AND r.slug = 'General'"
        ),
        format!("UPDATE rooms SET last_seq = last_seq + {messages}, last_change = last_change + {messages}"),
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep(0.005); RETURN coalesce(NEW, OLD); END $$"
            .into(),
        "CREATE TRIGGER slow BEFORE UPDATE OR DELETE ON messages FOR EACH ROW EXECUTE FUNCTION slowly()".into(),
    ];
    for statement in statements {
        sqlx::query(&statement).execute(pool).await.unwrap();
    }
}

#[sqlx::test]
async fn a_job_that_is_killed_in_the_middle_is_resumed_by_another_node(pool: PgPool) {
    let shared = config();
    let mut first = spawn_with(pool.clone(), shared.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    many_slow_messages(&pool, "alice", 3_000).await;
    assert_eq!(delete_account(&alice).await.status(), StatusCode::SEE_OTHER);
    until_left(
        &pool,
        "(SELECT FROM messages WHERE deleted_at IS NOT NULL LIMIT 1) m",
        1,
    )
    .await;
    first.stop().await;
    let done = count(&pool, "messages WHERE deleted_at IS NOT NULL").await;
    assert!((1..3_000).contains(&done), "{done}");
    assert_eq!(count(&pool, "jobs WHERE kind = 'erase'").await, 1);

    sqlx::query("DROP TRIGGER slow ON messages")
        .execute(&pool)
        .await
        .unwrap();
    let second = spawn_with(pool.clone(), shared).await;
    // Past the lease of whoever does not come back.
    second.clock.set_ahead(TimeDelta::minutes(3));
    until_left(&pool, "jobs WHERE kind = 'erase'", 0).await;
    assert_eq!(
        count(&pool, "messages WHERE deleted_at IS NULL OR body IS NOT NULL").await,
        0
    );
    let changes = count(&pool, "(SELECT DISTINCT change FROM messages) m").await;
    assert_eq!(changes, 3_000, "each has a change of its own");
    let page = at(bob, &second).page("/chat/room/General").await;
    assert_eq!(page.matches("Message deleted").count(), 50);
}

#[sqlx::test]
async fn a_room_is_gone_at_once_although_the_job_that_deletes_it_is_killed(pool: PgPool) {
    let shared = config();
    let mut first = spawn_with(pool.clone(), shared.clone()).await;
    let Cast { admin, alice, .. } = first.cast().await;
    let keys = count(&pool, "data_keys").await;
    many_slow_messages(&pool, "alice", 3_000).await;
    let mut socket = alice.socket("General").await;
    socket.until("online").await;
    let answer = admin.post("/admin/rooms/General/delete", &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(socket.closed().await.0, 4403);
    assert_eq!(count(&pool, "data_keys").await, keys - 1);
    for (person, path) in [(&alice, "/chat/room/General"), (&admin, "/admin/rooms/General/edit")] {
        assert_eq!(person.get(path).await.status(), StatusCode::NOT_FOUND);
    }
    assert!(!alice.page("/chat/").await.contains("General"));
    // Its name is free.
    admin.make_room("General").await;
    first.stop().await;
    assert_eq!(count(&pool, "rooms WHERE kind = 'deleted'").await, 1);
    assert_eq!(count(&pool, "jobs WHERE kind = 'delete_room'").await, 1);

    sqlx::query("DROP TRIGGER slow ON messages")
        .execute(&pool)
        .await
        .unwrap();
    let second = spawn_with(pool.clone(), shared).await;
    second.clock.set_ahead(TimeDelta::minutes(3));
    until_left(&pool, "jobs WHERE kind = 'delete_room'", 0).await;
    for (table, left) in [("rooms", 1), ("messages", 0), ("members", 0), ("room_events", 0)] {
        assert_eq!(count(&pool, table).await, left, "{table}");
    }
}

#[sqlx::test]
async fn my_messages_are_deleted_in_one_room_or_in_all(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    admin.make_room("Other").await;
    for person in [&alice, &bob] {
        person.join("Other").await;
        for room in ["General", "Other"] {
            person.write(room, &format!("from {}", person.name)).await;
        }
    }
    let mut socket = bob.socket("General").await;
    socket.until("online").await;
    let shown = async |room: &str| bob.page(&format!("/chat/room/{room}")).await;

    delete_messages(&alice, "general").await;
    socket.until("Message deleted").await;
    assert!(
        alice
            .page("/settings/data?erasing=true")
            .await
            .contains("are being deleted")
    );
    until_left(&pool, "jobs", 0).await;
    let page = shown("General").await;
    assert!(!page.contains("from alice") && page.contains("from bob") && page.contains("Message deleted"));
    assert!(page.contains("@alice"), "she is still there");
    assert!(shown("Other").await.contains("from alice"));

    // Also where she is no more.
    alice.post("/chat/room/Other/leave", &[]).await;
    delete_messages(&alice, "all").await;
    until_left(&pool, "jobs", 0).await;
    let page = shown("Other").await;
    assert!(!page.contains("from alice") && page.contains("from bob"));
    alice.write("General", "anew").await;
    assert!(shown("General").await.contains("anew"));
}
