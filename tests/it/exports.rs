//! Taking one's data along.

use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use image::ImageFormat;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::files::{upload, write_with};
use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::pictures::{addresses, give, picture};
use crate::program::Folder;
use crate::support::{Cast, PASSWORD, Person, config, done, spawn, spawn_with};

async fn ask(person: &Person, password: &str) -> Response {
    person.post("/settings/export", &[("password", password)]).await
}

/// What is in the archive, as other programs read it: the object, and the files that it names.
fn read(archive: &[u8]) -> (Value, Vec<Vec<u8>>) {
    let folder = Folder::new();
    let path = folder.path("export.zip");
    std::fs::write(&path, archive).unwrap();
    let tested = Command::new("unzip").arg("-t").arg(&path).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    let script = "import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
archive.extractall(sys.argv[2])
print(*archive.namelist(), sep='\\n')";
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .arg(folder.path("files"))
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let names = String::from_utf8(python.stdout).unwrap();
    let mut files = names
        .lines()
        .map(|name| (name, std::fs::read(folder.path("files").join(name)).unwrap()));
    let (name, object) = files.next().unwrap();
    assert_eq!(name, "umbrachat.json");
    let object: Value = serde_json::from_slice(&object).unwrap();
    let attached = object["attachments"].as_array().unwrap().iter();
    let expected: Vec<_> = object["profile"]["picture"]
        .as_str()
        .into_iter()
        .chain(attached.map(|file| file["file"].as_str().unwrap()))
        .collect();
    let (names, files): (Vec<_>, Vec<_>) = files.unzip();
    assert_eq!(names, expected);
    (object, files)
}

/// Stores so many messages of somebody in General: copies of the first one there, which only open where it stood.
async fn many_messages(pool: &PgPool, name: &str, count: i32) {
    sqlx::query(
        "INSERT INTO messages (room_id, seq, id, author_id, client_id, body, change, created_at)
         SELECT r.id, r.last_seq + n, gen_random_uuid(), u.id, gen_random_uuid(), repeat(md5(n::text), 8), r.last_change + n, now()
         FROM users u, rooms r, generate_series(1, $2) n WHERE u.name_key = $1 AND r.slug = 'General'",
    )
    .bind(name)
    .bind(count)
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test]
async fn an_export_holds_what_is_mine_and_nothing_of_others(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    admin.make_room("Grüße_山").await;
    alice.join("Grüße_山").await;
    let hostile = "</script>\u{202E}\u{0007}\"\\, \u{2028}🌙\r\n\u{FFFD}{}]";
    alice.write("General", hostile).await;
    alice.write("General", "the second").await;
    for other in [&bob, &charlie] {
        if other.name == "charlie" {
            charlie.join("General").await;
        }
        other.write("General", &format!("a secret of {}", other.name)).await;
    }
    alice.post("/settings/privacy", &[("presence", "off")]).await;
    give(&alice, &picture(ImageFormat::Png)).await;

    alice.post("/settings/api/keys", &[("name", "Backup")]).await;
    let answer = ask(&alice, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/zip");
    let name = answer.headers()["content-disposition"].to_str().unwrap();
    assert!(
        name.starts_with("attachment; filename=\"umbrachat-2") && name.ends_with(".zip\""),
        "{name}"
    );
    let (data, files) = read(&answer.bytes().await.unwrap());

    assert_eq!(
        (&data["format"], &data["version"]),
        (&"umbrachat export".into(), &1.into())
    );
    let members: Vec<_> = data.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = include_str!("../../docs/export.md");
    for member in members {
        assert!(
            documented.contains(&format!("`{member}`")),
            "docs/export.md says nothing of {member}"
        );
    }
    assert_eq!(data["profile"]["username"], "alice");
    let address = addresses(&alice.page("/@alice").await).remove(0);
    let shown = alice.get(&format!("{address}?size=288")).await.bytes().await.unwrap();
    assert_eq!(files, [shown]);
    assert_eq!(data["consent"]["version"], umbrachat::accounts::model::CONSENT_VERSION);
    assert_eq!(
        data["privacy"],
        serde_json::json!({"presence": false, "receipts": true})
    );
    assert_eq!(data["sessions"][0]["address"], "127.0.0.1");
    let keys = data["api_keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["name"]), (1, &"Backup".into()));
    let rooms = data["rooms"].as_array().unwrap();
    for name in ["General", "Grüße_山"] {
        assert!(
            rooms
                .iter()
                .any(|room| room["name"] == name && room["role"] == "member"),
            "{name}"
        );
    }
    let mut messages = data["messages"].as_array().unwrap().clone();
    messages.sort_by_key(|message| message["seq"].as_i64());
    let texts: Vec<_> = messages
        .iter()
        .map(|message| message["body"].as_str().unwrap())
        .collect();
    assert_eq!(texts[1], "the second");
    assert_eq!(texts[0].replace("\r\n", "\n"), hostile.replace("\r\n", "\n"));
    assert_eq!((texts.len(), &messages[0]["room"]), (2, &"General".into()));
    let text = data.to_string();
    for foreign in ["secret of", "bob", "charlie", "argon2", "password"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
}

#[sqlx::test]
async fn the_password_is_asked_for_and_guessing_it_is_throttled(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    for wrong in ["", "not it"] {
        let answer = ask(&alice, wrong).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains("field-password-error") && page.contains("This is not your password."));
        assert!(!page.contains("not it"), "nothing typed comes back");
    }
}

#[sqlx::test]
async fn guesses_count_as_log_ins(pool: PgPool) {
    let throttled = umbrachat::config::Config {
        auth_rate: 5.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, throttled).await;
    server.admin().await;
    let alice = server.person("alice").await;
    // At once, so that nothing is free again meanwhile.
    let answers = join_all((0..30).map(|_| ask(&alice, "not it"))).await;
    for status in [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS] {
        assert!(answers.iter().any(|answer| answer.status() == status), "{status}");
    }
}

#[sqlx::test]
async fn there_is_one_export_at_a_time_and_one_that_breaks_off_leaves_nothing(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    alice.write("General", "the first").await;
    many_messages(&first.pool, "alice", 5_000).await;
    let token = alice.csrf_token().await;
    // The export cannot end while nobody may read messages.
    let mut held = first.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let fields = [("password", PASSWORD), ("csrf_token", token.as_str())];
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let host = alice.address.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST /settings/export HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        alice.address,
        alice.cookies(),
        body.len()
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    let mut begin = [0; 15];
    slow.read_exact(&mut begin).await.unwrap();
    assert!(
        begin.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&begin)
    );

    let there = at(alice.clone(), &second);
    assert_eq!(ask(&there, PASSWORD).await.status(), StatusCode::CONFLICT);

    drop(slow);
    held.rollback().await.unwrap();
    assert_eq!(ask(&bob, PASSWORD).await.status(), StatusCode::OK, "another person");
    let again = async {
        loop {
            let answer = ask(&there, PASSWORD).await;
            if answer.status() == StatusCode::OK {
                return answer;
            }
            assert_eq!(answer.status(), StatusCode::CONFLICT);
            sleep(Duration::from_millis(100)).await;
        }
    };
    let answer = timeout(Duration::from_secs(60), again)
        .await
        .expect("the first has ended");
    let (data, _) = read(&answer.bytes().await.unwrap());
    let messages = data["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5_001);
    let readable = messages.iter().filter(|message| !message["body"].is_null());
    assert_eq!(
        readable.count(),
        1,
        "those that were put there do not open, and are said to be there"
    );
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM exports")
        .fetch_one(&first.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test]
async fn what_a_node_that_died_left_behind_counts_for_a_minute(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    for (age, status) in [("5 seconds", StatusCode::CONFLICT), ("61 seconds", StatusCode::OK)] {
        sqlx::query(&format!(
            "INSERT INTO exports SELECT id, gen_random_uuid(), now() + interval '1 minute' - interval '{age}' FROM users
             WHERE name_key = 'alice' ON CONFLICT (user_id) DO UPDATE SET expires_at = EXCLUDED.expires_at"
        ))
        .execute(&server.pool)
        .await
        .unwrap();
        assert_eq!(ask(&alice, PASSWORD).await.status(), status, "{age}");
    }
}

#[sqlx::test]
async fn an_export_names_the_people_whom_one_knows_and_how(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    befriend(&alice, &bob).await;
    let slug = open_direct(&alice, "bob").await;
    alice.post("/people/charlie/block", &[]).await;
    charlie.post("/friends/requests", &[("username", "alice")]).await;
    let (data, _) = read(&ask(&alice, PASSWORD).await.bytes().await.unwrap());
    let people = data["people"].as_array().unwrap();
    let relations: Vec<_> = people
        .iter()
        .map(|tie| (tie["username"].as_str().unwrap(), tie["relation"].as_str().unwrap()))
        .collect();
    assert_eq!(relations, [("bob", "friends"), ("charlie", "blocked")]);
    let rooms = data["rooms"].as_array().unwrap();
    let direct = rooms.iter().find(|room| room["name"] == slug).unwrap();
    assert_eq!((&direct["kind"], &direct["read_seq"]), (&"direct".into(), &0.into()));
}

#[sqlx::test]
async fn an_export_holds_both_sides_of_direct_chats_and_the_ways_into_rooms(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    for (one, other) in [(&alice, &bob), (&bob, &charlie), (&alice, &charlie)] {
        befriend(one, other).await;
    }
    let with_bob = open_direct(&alice, "bob").await;
    let of_others = open_direct(&bob, "charlie").await;
    let group = make_room(&alice, "Telescope", &[("kind", "private")]).await;
    bob.write("General", "said to everybody").await;
    // More than is read at once.
    for n in 0..260 {
        bob.write(&with_bob, &format!("from bob {n}")).await;
    }
    let sent = [
        ("body", "from alicee"),
        ("client_id", &Uuid::new_v4().to_string()),
        ("reply_to", "3"),
    ];
    alice.post(&format!("/chat/room/{with_bob}/messages"), &sent).await;
    alice
        .post(
            &format!("/chat/room/{with_bob}/messages/261"),
            &[("body", "from alice")],
        )
        .await;
    charlie.write(&of_others, "between others").await;
    for (person, emoji) in [(&alice, "🌙"), (&bob, "🌧"), (&alice, "👍")] {
        let path = format!("/chat/room/{with_bob}/messages/3/reactions");
        person.post(&path, &[("emoji", emoji)]).await;
    }
    alice
        .post(&format!("/chat/room/{group}/members"), &[("username", "charlie")])
        .await;
    alice
        .post(
            &format!("/chat/room/{group}/invites"),
            &[("expires", "1d"), ("uses", "3")],
        )
        .await;

    let (data, _) = read(&ask(&alice, PASSWORD).await.bytes().await.unwrap());
    let theirs = data["direct_messages"].as_array().unwrap();
    assert_eq!(theirs.len(), 260);
    for (n, message) in theirs.iter().enumerate() {
        assert_eq!(
            (&message["body"], &message["from"]),
            (&format!("from bob {n}").into(), &"bob".into())
        );
    }
    let mine = data["messages"].as_array().unwrap();
    assert_eq!((mine.len(), &mine[0]["body"]), (1, &"from alice".into()));
    assert_eq!(mine[0].get("from"), None);
    assert_eq!(mine[0]["reply_to"], 3);
    assert!(mine[0]["edited_at"].is_string() && theirs[0]["edited_at"].is_null());
    let given = data["reactions"].as_array().unwrap();
    assert_eq!(
        (given.len(), &given[0]["emoji"], &given[0]["seq"]),
        (2, &"🌙".into(), &3.into())
    );
    assert!(given[1]["at"].is_string() && given[1]["room_id"] == mine[0]["room_id"]);
    let invited = &data["invited"][0];
    assert_eq!(
        (&invited["username"], &invited["room"]),
        (&"charlie".into(), &"Telescope".into())
    );
    let link = &data["invites"][0];
    assert_eq!(
        (&link["room"], &link["max_uses"], &link["uses"]),
        (&"Telescope".into(), &3.into(), &0.into())
    );
    assert_eq!(data["invitations"], serde_json::json!([]));
    let text = data.to_string();
    for foreign in ["said to everybody", "between others", "/invite/", "hash"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    let (data, _) = read(&ask(&charlie, PASSWORD).await.bytes().await.unwrap());
    let invitation = &data["invitations"][0];
    assert_eq!(
        (&invitation["by"], &invitation["room"]),
        (&"alice".into(), &"Telescope".into())
    );
}

#[sqlx::test]
async fn an_export_holds_the_files_that_one_sent_and_those_of_direct_chats(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    befriend(&alice, &bob).await;
    befriend(&bob, &charlie).await;
    let with_bob = open_direct(&alice, "bob").await;
    let of_others = open_direct(&bob, "charlie").await;
    // More than is read and sent at once.
    let long = "the moon and the tides ".repeat(60_000);
    for (person, room, name, content) in [
        (&alice, "General", "hers.txt", long.as_str()),
        (&bob, &with_bob, "to her.txt", "from bob to her"),
        (&alice, &with_bob, "same name.txt", "one"),
        (&alice, &with_bob, "same name.txt", "two"),
        (&bob, "General", "his own.txt", "in the room"),
        (&charlie, &of_others, "between.txt", "between others"),
    ] {
        let file = upload(person, room, name, content.as_bytes()).await;
        done(write_with(person, room, "", &[&file]).await).await;
    }
    upload(&alice, "General", "unsent.txt", b"unsent").await;
    let (data, files) = read(&ask(&alice, PASSWORD).await.bytes().await.unwrap());
    let told = data["attachments"].as_array().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|file| {
            (
                file["name"].as_str().unwrap(),
                file["size"].as_i64().unwrap(),
                file["from"].as_str(),
            )
        })
        .collect();
    let length = i64::try_from(long.len()).unwrap();
    assert_eq!(
        told,
        [
            ("hers.txt", length, None),
            ("same name.txt", 3, None),
            ("same name.txt", 3, None),
            ("to her.txt", 15, Some("bob"))
        ]
    );
    let content: Vec<_> = files.iter().map(|file| std::str::from_utf8(file).unwrap()).collect();
    assert_eq!(content, [long.as_str(), "one", "two", "from bob to her"]);
}
