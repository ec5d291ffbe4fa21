//! What the database holds, and that others can read it with the keys.

use std::io::Write;
use std::process::{Command, Stdio};

use sqlx::PgPool;
use umbrachat::config::master_keys;
use umbrachat::vault::Vault;

use crate::program::{Folder, Server as Program, command};
use crate::security::throttle::log_in_from;
use crate::support::{Cast, Person, account, config, session_cookie, spawn, spawn_with};

const CANARY: &str = "canary-7f3a the moon is down by 21:40";

/// Everything that every table holds, as text.
pub async fn dump(pool: &PgPool) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname IN ('public', 'tower_sessions') ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut text = String::new();
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(&format!("SELECT t::text FROM {table} t"))
            .fetch_all(pool)
            .await
            .unwrap();
        text.push_str(&rows.join("\n"));
    }
    text
}

#[sqlx::test]
async fn the_database_holds_ciphertext_only(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    alice.write("General", CANARY).await;
    let dump = dump(&server.pool).await;
    assert!(dump.contains("gAAAA"), "Fernet tokens are there");
    for secret in [
        "canary-7f3a",
        "moon is down",
        crate::support::PASSWORD,
        server.keys.as_str(),
    ] {
        assert!(!dump.contains(secret), "{secret}");
    }
    let session = session_cookie(&alice.cookies());
    assert!(!dump.contains(&session), "sessions are stored hashed");
}

/// What was derived of a key must not outlive it.
#[sqlx::test]
async fn a_cipher_leaves_the_memory_with_either_of_its_keys(pool: PgPool) {
    let vault = Vault::open(&pool, &master_keys::generate(), None).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for (forgets_room, forgets_all) in [(true, false), (false, false), (false, true)] {
        let room = vault.create_data_key(&mut connection).await.unwrap();
        let author = vault.create_data_key(&mut connection).await.unwrap();
        vault.message_cipher(&pool, room, author).await.unwrap();
        let destroyed = if forgets_room { room } else { author };
        vault.destroy_data_key(&mut connection, destroyed).await.unwrap();
        vault.message_cipher(&pool, room, author).await.expect("from memory");
        if forgets_all {
            vault.forget_all();
        } else {
            vault.forget(destroyed);
        }
        assert!(vault.message_cipher(&pool, room, author).await.is_err());
    }
}

#[sqlx::test]
async fn anybody_with_the_keys_reads_it_with_pythons_cryptography(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    alice.write("General", CANARY).await;
    let row: (String, i32, String, String, String) = sqlx::query_as(
        "SELECT m.id::text, m.version, m.body, r.wrapped, a.wrapped FROM messages m
         JOIN rooms ON rooms.id = m.room_id JOIN data_keys r ON r.id = rooms.data_key_id
         JOIN users ON users.id = m.author_id JOIN data_keys a ON a.id = users.data_key_id",
    )
    .fetch_one(&server.pool)
    .await
    .unwrap();

    let call = format!(
        "{}\nimport sys\nid, version, token, room, author, keys = sys.argv[1:]\n\
         sys.stdout.buffer.write(read_message(keys, room, author, id, int(version), token).encode())",
        program(1)
    );
    let version = row.1.to_string();
    let read = python(&call, &[&row.0, &version, &row.2, &row.3, &row.4, &server.keys]);
    assert_eq!(String::from_utf8(read).unwrap(), CANARY);
}

/// One of the programs in the document.
pub fn program(number: usize) -> &'static str {
    let document = include_str!("../../docs/encryption.md");
    let begin = document.split("```python\n").nth(number).unwrap();
    begin.split("```").next().unwrap()
}

/// What a program in Python writes.
pub fn python(program: &str, arguments: &[&str]) -> Vec<u8> {
    // Debian's own Python has Debian's library.
    let python = if std::path::Path::new("/usr/bin/python3").exists() {
        "/usr/bin/python3"
    } else {
        "python3"
    };
    let mut child = Command::new(python)
        .arg("-")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[sqlx::test]
async fn bodies_moved_to_another_row_are_refused_and_the_page_stands(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    alice.write("General", "from alice one").await;
    alice.write("General", "from alice two").await;
    bob.write("General", "from bob").await;
    // The two of one author are exchanged: same keys, other ids.
    sqlx::query(
        "UPDATE messages m SET body = o.body FROM messages o
         WHERE (m.seq, o.seq) IN ((1, 2), (2, 1)) AND m.room_id = o.room_id",
    )
    .execute(&server.pool)
    .await
    .unwrap();
    let page = bob.page("/chat/room/General").await;
    assert_eq!(page.matches("could not be decrypted").count(), 2);
    assert!(!page.contains("from alice") && page.contains("from bob"));
}

#[sqlx::test]
async fn an_older_key_opens_old_data_and_the_first_one_seals(pool: PgPool) {
    let old = config();
    let mut server = spawn_with(pool.clone(), old.clone()).await;
    let Cast { admin, alice, .. } = server.cast().await;
    alice.write("General", "under the old key").await;
    server.stop().await;

    let new_key = umbrachat::config::master_keys::generate();
    let both = format!("{new_key},{}", old.umbra_keys.as_ref().unwrap().expose());
    let keys = Some(umbrachat::config::Secret::new(both));
    let mut server = spawn_with(
        pool.clone(),
        umbrachat::config::Config {
            umbra_keys: keys,
            ..old.clone()
        },
    )
    .await;
    let alice = moved(alice, &server).await;
    assert!(alice.page("/chat/room/General").await.contains("under the old key"));
    moved(admin, &server).await.make_room("Fresh").await;
    let wrapped: String = sqlx::query_scalar(
        "SELECT k.wrapped FROM data_keys k JOIN rooms r ON r.data_key_id = k.id WHERE r.slug = 'Fresh'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(fernet::Fernet::new(&new_key).unwrap().decrypt(&wrapped).is_ok());
    server.stop().await;
}

/// The same person at the server's new address.
async fn moved(person: crate::support::Person, server: &crate::support::Server) -> crate::support::Person {
    let mut visitor = server.visitor();
    visitor.name = person.name;
    let name = visitor.name.clone();
    visitor.log_in(&name).await;
    visitor
}

#[sqlx::test]
async fn keys_that_do_not_fit_the_data_are_refused_at_the_start(pool: PgPool) {
    let first = config();
    let keys = first.umbra_keys.as_ref().unwrap().expose();
    Vault::open(&pool, keys, None).await.unwrap();
    Vault::open(&pool, keys, None).await.unwrap();
    let other = umbrachat::config::master_keys::generate();
    let error = Vault::open(&pool, &other, None).await.unwrap_err();
    assert!(error.to_string().contains("none of the keys fits"), "{error}");
}

/// Whether any file below the folder holds these bytes.
fn is_in_folder(folder: &std::path::Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_in_folder(&path, needle);
        }
        // A file that went away meanwhile, or a socket, holds nothing.
        std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_disk_nor_log_hold_what_was_written() {
    let folder = Folder::new();
    let log = folder.path("log");
    let mut program = command(&folder, &[]);
    program
        .env("RUST_LOG", "trace")
        .stderr(std::fs::File::create(&log).unwrap());
    let server = Program::spawn_logged(&mut program, &folder.path("data"));
    let code = server.line().rsplit_once("code=").unwrap().1.to_owned();
    let ada = Person::new(&server.address);
    ada.post("/setup", &account("ada", &[("code", &code)])).await;
    ada.make_room("General").await;
    ada.join("General").await;
    ada.write("General", CANARY).await;
    let mut socket = ada.socket("General").await;
    socket.say("canary-by-socket").await;
    socket.until("canary-by-socket").await;
    // Refused: with a token that does not fit, and where nobody is logged in.
    let refused = [("body", "canary-refused"), ("client_id", ""), ("room", "")];
    ada.post_raw("/chat/room/General/messages", &refused).await;
    let visitor = Person::new(&server.address);
    let page = visitor
        .post("/chat/room/General/messages", &refused)
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("canary-refused"));
    let again = r#"{"action":"/chat/room/General/messages","fields":[["body","canary-refused"]]}"#;
    let log_in = [
        ("login", "ada"),
        ("password", crate::support::PASSWORD),
        ("again", again),
    ];
    visitor.post("/accounts/login", &log_in).await;
    visitor.post_raw("/chat/room/General/messages", &log_in).await;
    assert!(ada.page("/chat/room/General").await.contains(CANARY));
    let session = session_cookie(&ada.cookies());
    server.stop();

    assert!(is_in_folder(&folder.path("data"), b"gAAAA"), "the tokens are found");
    for secret in [
        CANARY,
        "canary-by-socket",
        "canary-refused",
        crate::support::PASSWORD,
        &session,
    ] {
        assert!(
            !is_in_folder(&folder.path("data"), secret.as_bytes()),
            "on the disk: {secret}"
        );
    }
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.len() > 1000, "the log is found");
    for secret in [
        CANARY,
        "canary-by-socket",
        "canary-refused",
        crate::support::PASSWORD,
        &session,
        &code,
    ] {
        assert!(!log.contains(secret), "in the log: {secret}");
    }
}

#[sqlx::test]
async fn redis_carries_ids_and_numbers_only(pool: PgPool) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let url = std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis: `make test` starts one");
    let mut monitor = tokio::net::TcpStream::connect(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    monitor.write_all(b"MONITOR\r\n").await.unwrap();
    let redis_url = Some(umbrachat::config::Secret::new(url.clone()));
    let configuration = umbrachat::config::Config {
        redis_url,
        // Each attempt stands in Redis for a second.
        auth_rate: 60.try_into().unwrap(),
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..config()
    };
    let server = spawn_with(pool, configuration).await;
    while server.visitor().get("/readyz").await.status() != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let Cast { alice, .. } = server.cast().await;
    alice.write("General", CANARY).await;
    let _socket = alice.socket("General").await;
    let token = alice.csrf_token().await;
    log_in_from(&alice, "192.0.2.77", &token, "canary-login", "canary-password").await;
    let (room, user): (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as("SELECT r.id, u.id FROM rooms r, users u WHERE u.username = 'alice'")
            .fetch_one(&server.pool)
            .await
            .unwrap();
    let mut redis = redis::Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let end = uuid::Uuid::new_v4().to_string();
    redis::cmd("ECHO").arg(&end).exec_async(&mut redis).await.unwrap();
    let heard = async {
        let (mut heard, mut buffer) = (String::new(), [0; 4096]);
        // Alice and Bob joined, then she wrote: three changes of the room. And she is online in it.
        while heard.matches(&room.to_string()).count() < 4
            || !heard.contains(&user.to_string())
            || !heard.contains(&end)
        {
            let length = monitor.read(&mut buffer).await.unwrap();
            heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        heard
    };
    let heard = tokio::time::timeout(crate::support::PATIENCE, heard)
        .await
        .expect("doorbells are heard");
    assert!(heard.contains("umbrachat:throttle:"), "the log-in is counted");
    for secret in ["canary", "alice", "192.0.2.77", crate::support::PASSWORD] {
        assert!(!heard.contains(secret), "{secret}");
    }
    // What stays there for a while.
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    keys.retain(|key| heard.contains(key.as_str()));
    assert!(!keys.is_empty());
    let hash = regex::Regex::new("^umbrachat:throttle:[A-Za-z0-9_-]{43}$").unwrap();
    for key in keys {
        assert!(hash.is_match(&key), "{key}");
        let (value, expiry): (Option<u64>, i64) = redis::pipe()
            .get(&key)
            .pttl(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        // It may have expired by now.
        assert!(
            value.is_none() || (0..=60_000).contains(&expiry),
            "{value:?} for {expiry} ms"
        );
    }
}
