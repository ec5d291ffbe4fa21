//! How PostgreSQL goes about the program's statements: none may read a large table whole.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use umbrachat::database;

/// The tables that grow with people and with what they write.
const LARGE: &[&str] = &[
    "messages",
    "reactions",
    "mentions",
    "room_mentions",
    "members",
    "room_events",
    "users",
    "username_skeletons",
    "user_sessions",
    "session",
    "api_keys",
    "attachments",
    "removed_objects",
];

/// Statements that may read a large table whole: the statement, the table, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        r#"SELECT EXISTS (SELECT FROM users) AS "exists!""#,
        "users",
        "ends at the first row",
    ),
    (
        r#"SELECT count(*) AS "count!" FROM users WHERE erased_at IS NULL"#,
        "users",
        "an administrator wants to know how many there are, now and then",
    ),
    (
        r#"SELECT id AS "id: UserId", username FROM users u WHERE erased_at IS NULL AND NOT EXISTS (SELECT FROM username_skeletons s WHERE s.user_id = u.id) ORDER BY id"#,
        "users",
        "is asked once, at a start",
    ),
    (
        r#"SELECT id AS "id: UserId", username FROM users u WHERE erased_at IS NULL AND NOT EXISTS (SELECT FROM username_skeletons s WHERE s.user_id = u.id) ORDER BY id"#,
        "username_skeletons",
        "is asked once, at a start",
    ),
    (
        r#"SELECT count(*) AS "count!" FROM users WHERE role = 'admin'"#,
        "users",
        "reads an index that holds administrators only",
    ),
    (
        r#"SELECT count(*) AS "count!" FROM users u WHERE u.erased_at IS NULL AND (starts_with(u.name_key, $1) OR starts_with(u.display_key, $1) OR starts_with(u.last_key, $1) OR u.email_key = $1 OR starts_with(u.first_key, $2) AND starts_with(u.first_key || ' ' || u.last_key, $1))"#,
        "users",
        "is planned for its values: without a search it counts everybody",
    ),
];

/// A statement as the program prepares it, with the names of its parameters' types.
struct Statement {
    text: String,
    parameters: Vec<String>,
}

/// Every statement that is checked when the program is compiled. What begins with SET has no plan.
fn statements() -> Vec<Statement> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = files.map(|path| {
        let read: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let type_name = |name: &Value| match name.as_str().unwrap() {
            name if name.ends_with("Array") => name.replace("Array", "[]"),
            name => name.to_owned(),
        };
        let parameters = read["describe"]["parameters"]["Left"].as_array().unwrap();
        Statement {
            text: read["query"].as_str().unwrap().to_owned(),
            parameters: parameters.iter().map(type_name).collect(),
        }
    });
    let read: Vec<_> = read.filter(|statement| !statement.text.starts_with("SET ")).collect();
    assert!(read.len() > 50, "{}", read.len());
    read
}

/// The tables that the statement's plan, which must do for all values, reads whole.
async fn tables_read_whole(db: &mut PgConnection, statement: &Statement) -> Vec<String> {
    fn walk(node: &Value, found: &mut Vec<String>) {
        match node {
            Value::Array(nodes) => nodes.iter().for_each(|node| walk(node, found)),
            Value::Object(fields) => {
                let kind = fields.get("Node Type").and_then(Value::as_str).unwrap_or_default();
                // Without a condition an index is read from end to end.
                let is_whole = match kind {
                    "Seq Scan" => true,
                    "Index Scan" | "Index Only Scan" => !fields.contains_key("Index Cond"),
                    _ => false,
                };
                if is_whole {
                    found.push(fields["Relation Name"].as_str().unwrap().to_owned());
                }
                fields.values().for_each(|node| walk(node, found));
            }
            _ => {}
        }
    }
    let list = |items: Vec<&str>| match items.as_slice() {
        [] => String::new(),
        items => format!("({})", items.join(", ")),
    };
    let types = list(statement.parameters.iter().map(String::as_str).collect());
    let values = list(statement.parameters.iter().map(|_| "NULL").collect());
    let prepare = format!("PREPARE planned {types} AS {}", statement.text);
    sqlx::raw_sql(&prepare).execute(&mut *db).await.unwrap();
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE planned {values}");
    let plan: Value = sqlx::query_scalar(&explain)
        .persistent(false)
        .fetch_one(&mut *db)
        .await
        .unwrap();
    sqlx::raw_sql("DEALLOCATE planned").execute(&mut *db).await.unwrap();
    let mut found = Vec::new();
    walk(&plan, &mut found);
    found
}

/// Rooms and people with these numbers, each person in every hundredth room, and so many messages in each of the rooms.
async fn fill(db: &mut PgConnection, rooms: (i32, i32), people: (i32, i32), messages: i32) {
    let ((first_room, last_room), (first, last)) = (rooms, people);
    let sql = format!(
        "INSERT INTO data_keys (id, wrapped)
             SELECT md5('key of user' || n)::uuid, repeat('w', 140) FROM generate_series({first}, {last}) n
             UNION ALL
             SELECT md5('key of room' || n)::uuid, repeat('w', 140) FROM generate_series({first_room}, {last_room}) n;
         INSERT INTO users (id, username, name_key, email, email_key, first_name, last_name, first_key, last_key,
                            password_hash, role, data_key_id)
             SELECT md5('user' || n)::uuid, 'user' || n, 'user' || n, n || '@example.org', n || '@example.org',
                    'First' || n % 500, 'Last' || n, 'first' || n % 500, 'last' || n, repeat('h', 97),
                    CASE WHEN n = 1 THEN 'admin' ELSE 'member' END, md5('key of user' || n)::uuid
             FROM generate_series({first}, {last}) n;
         INSERT INTO username_skeletons (skeleton, user_id)
             SELECT 'user' || n, md5('user' || n)::uuid FROM generate_series({first}, {last}) n;
         INSERT INTO user_sessions (id, store_id, user_id, remember, device, expires_at, ended_at)
             SELECT md5(s || 'session' || n)::uuid, md5(s || 'record' || n), md5('user' || n)::uuid,
                    s = 1, 'Firefox on Linux', now() + interval '1 day' * (n % 60 - 30), CASE WHEN s = 2 THEN now() END
             FROM generate_series({first}, {last}) n, generate_series(1, 3) s;
         INSERT INTO api_keys (id, user_id, name, sealed, created_at)
             SELECT md5('api key' || n)::uuid, md5('user' || n)::uuid, 'Key', repeat('s', 180), now()
             FROM generate_series({first}, {last}) n;
         INSERT INTO tower_sessions.session (id, data, expiry_date)
             SELECT md5(s || 'record' || n), decode(repeat(md5('data' || n), 4), 'hex'), now() + interval '1 year'
             FROM generate_series({first}, {last}) n, generate_series(1, 3) s;
         INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id, last_seq, last_change)
             SELECT md5('room' || n)::uuid, 'Room' || n, 'room' || n, 'Room' || n, 'About ' || n, 'public',
                    md5('key of room' || n)::uuid, {messages}, {messages} * 2
             FROM generate_series({first_room}, {last_room}) n;
         INSERT INTO members (room_id, user_id, role)
             SELECT md5('room' || r)::uuid, md5('user' || n)::uuid, 'member'
             FROM generate_series({first_room}, {last_room}) r, generate_series({first}, {last}) n
             WHERE (n - r) % 10 = 0;
         INSERT INTO room_events (room_id, change, after_seq, kind, actor_id, at)
             SELECT md5('room' || r)::uuid, c * 20, c * 10, 'joined', md5('user' || {first} + c % 10)::uuid, now()
             FROM generate_series({first_room}, {last_room}) r, generate_series(1, {messages} / 10) c;
         INSERT INTO messages (room_id, seq, id, author_id, client_id, body, has_files, change, created_at)
             SELECT md5('room' || r)::uuid, n, md5(r || 'id' || n)::uuid,
                    md5('user' || {first} + n % ({last} - {first} + 1))::uuid, md5(r || 'client' || n)::uuid,
                    repeat('b', 160), n % 5 = 2, n * 2 - 1, now()
             FROM generate_series({first_room}, {last_room}) r, generate_series(1, {messages}) n;
         -- Two files of every fifth message; as many that nobody has sent, of which some are due; and as many that are gone.
         INSERT INTO attachments (id, room_id, author_id, seq, place, size, details, created_at)
             SELECT md5(room_id::text || seq || 'file' || f)::uuid, room_id, author_id, seq, f, 100000, repeat('d', 200), now()
             FROM messages, generate_series(1, 2) f WHERE has_files ON CONFLICT DO NOTHING;
         INSERT INTO attachments (id, room_id, author_id, size, details, created_at)
             SELECT md5(room_id::text || seq || 'unsent')::uuid, room_id, author_id, 100000, repeat('d', 200),
                    now() - interval '1 minute' * (seq % 70)
             FROM messages WHERE seq % 5 < 2 ON CONFLICT DO NOTHING;
         INSERT INTO removed_objects (id)
             SELECT md5(room_id::text || seq || 'gone')::uuid FROM messages WHERE seq % 5 < 2 ON CONFLICT DO NOTHING;
         INSERT INTO reactions (room_id, seq, emoji, user_id, created_at)
             SELECT room_id, seq, chr(128512 + e), author_id, now() FROM messages, generate_series(0, 1) e WHERE seq % 5 = 0
             ON CONFLICT DO NOTHING;
         INSERT INTO mentions (user_id, room_id, seq) SELECT author_id, room_id, seq FROM messages WHERE seq % 5 = 0
             ON CONFLICT DO NOTHING;
         INSERT INTO room_mentions (room_id, seq) SELECT room_id, seq FROM messages WHERE seq % 5 = 1
             ON CONFLICT DO NOTHING;"
    );
    sqlx::raw_sql(&sql).execute(db).await.unwrap();
}

/// As autovacuum does, which then has no reason to come in between.
async fn gather_statistics(db: &mut PgConnection) {
    sqlx::raw_sql("VACUUM ANALYZE").execute(db).await.unwrap();
}

/// A connection as the program opens them, whose plans do for all values: what PostgreSQL comes to after five times.
async fn planner(options: &PgConnectOptions) -> PgConnection {
    let mut db = database::pool(options.clone()).acquire().await.unwrap().detach();
    sqlx::raw_sql("SET plan_cache_mode = force_generic_plan")
        .execute(&mut db)
        .await
        .unwrap();
    db
}

#[sqlx::test]
async fn no_statement_reads_a_large_table_whole(_: PgPoolOptions, options: PgConnectOptions) {
    let mut filler = options.connect().await.unwrap();
    let mut db = planner(&options).await;
    fill(&mut filler, (1, 50), (1, 3000), 1500).await;
    gather_statistics(&mut filler).await;
    let mut excused = Vec::new();
    for statement in statements() {
        let text = statement.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for table in tables_read_whole(&mut db, &statement).await {
            match EXCEPTIONS
                .iter()
                .position(|exception| exception.0 == text && exception.1 == table)
            {
                Some(exception) => excused.push(exception),
                None => assert!(!LARGE.contains(&table.as_str()), "{table} is read whole by: {text}"),
            }
        }
    }
    excused.sort_unstable();
    assert!(
        excused.into_iter().eq(0..EXCEPTIONS.len()),
        "an exception is not needed"
    );
}

/// A plan lives until statistics are gathered anew, up to a minute, in which `messages` can grow a thousandfold. There are
/// none before a table has fifty rows, and with that many no plan may read it whole.
#[sqlx::test]
async fn what_was_planned_on_the_first_statistics_does_for_many_messages(_: PgPoolOptions, options: PgConnectOptions) {
    let mut filler = options.connect().await.unwrap();
    let mut db = planner(&options).await;
    for messages in [0, 51] {
        if messages > 0 {
            fill(&mut filler, (1, 1), (1, 10), messages).await;
            gather_statistics(&mut filler).await;
        }
        for statement in statements() {
            let tables = tables_read_whole(&mut db, &statement).await;
            assert!(
                !tables.contains(&"messages".to_owned()),
                "{messages}: {}",
                statement.text
            );
        }
    }
}

/// A file that user 11 has not sent in room 1 yet.
async fn unsent(db: &mut PgConnection) -> String {
    sqlx::query_scalar(
        "SELECT id::text FROM attachments WHERE room_id = md5('room1')::uuid AND author_id = md5('user11')::uuid AND seq IS NULL",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

/// Stores a message of user 11 in room 1, with that file of theirs.
async fn store(db: &mut PgConnection, wait: bool, file: Option<&str>) {
    let stored: i64 = sqlx::query_scalar(
        "SELECT count(seq) FROM store_messages(
             ARRAY[md5('room1')::uuid], ARRAY[gen_random_uuid()], ARRAY[md5('user11')::uuid],
             ARRAY[md5('key of user11')::uuid], ARRAY[gen_random_uuid()], ARRAY['text'], ARRAY[1::bigint],
             ARRAY[$2::text], ARRAY[now()], $1)",
    )
    .bind(wait)
    .bind(file.map(|id| format!("{{{id}}}")))
    .fetch_one(db)
    .await
    .unwrap();
    assert_eq!(stored, 1);
}

#[sqlx::test]
async fn messages_are_stored_by_index_though_it_was_planned_on_small_tables(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut filler = options.connect().await.unwrap();
    let mut db = database::pool(options.clone()).acquire().await.unwrap().detach();
    fill(&mut filler, (1, 2), (1, 20), 30).await;
    gather_statistics(&mut filler).await;
    for wait in [true, false].repeat(6) {
        store(&mut db, wait, None).await;
    }
    let file = unsent(&mut filler).await;
    store(&mut db, true, Some(&file)).await;
    fill(&mut filler, (3, 20), (21, 1000), 500).await;
    let file = unsent(&mut filler).await;
    for (wait, file) in [(true, None), (false, None), (true, Some(file.as_str()))] {
        let mut tx = db.begin().await.unwrap();
        store(&mut tx, wait, file).await;
        assert_eq!(read_whole(&mut tx).await, []);
        tx.commit().await.unwrap();
    }
}

/// The tables that this transaction has read whole, with how many rows that were.
async fn read_whole(tx: &mut PgConnection) -> Vec<(String, i64)> {
    sqlx::query_as(
        "SELECT relname::text, seq_tup_read FROM pg_stat_xact_user_tables WHERE seq_scan > 0 ORDER BY relname",
    )
    .fetch_all(tx)
    .await
    .unwrap()
}

/// What goes with a message, a room or an account that goes: by the program's statements, and by what hangs on their tables.
#[sqlx::test]
async fn files_are_deleted_by_index_whatever_takes_them_away(_: PgPoolOptions, options: PgConnectOptions) {
    let mut filler = options.connect().await.unwrap();
    let mut db = planner(&options).await;
    fill(&mut filler, (1, 20), (1, 1000), 1500).await;
    gather_statistics(&mut filler).await;
    let files: i64 = sqlx::query_scalar("SELECT count(*) FROM attachments")
        .fetch_one(&mut filler)
        .await
        .unwrap();
    assert!(files > 20_000, "{files}");
    for statement in [
        "SELECT delete_messages(md5('room1')::uuid, ARRAY[1, 2, 6, 7]::bigint[], now())",
        "DELETE FROM messages WHERE room_id = md5('room2')::uuid AND seq > 0 AND seq <= 200",
        "DELETE FROM attachments WHERE id = ANY (ARRAY(
             SELECT id FROM attachments WHERE seq IS NULL AND created_at < now() - interval '1 hour'
             ORDER BY created_at LIMIT 200)) AND seq IS NULL",
        "DELETE FROM removed_objects WHERE id = ANY (ARRAY[md5('room1')::uuid])",
    ] {
        let mut tx = db.begin().await.unwrap();
        sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap();
        let read = read_whole(&mut tx).await;
        assert_eq!(read, [], "{statement}");
        tx.commit().await.unwrap();
    }
}

#[sqlx::test]
async fn what_names_the_members_of_a_large_room_is_counted_and_deleted_by_index(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut filler = options.connect().await.unwrap();
    let mut db = planner(&options).await;
    fill(&mut filler, (1, 2), (1, 3000), 1500).await;
    gather_statistics(&mut filler).await;
    for statement in [
        "SELECT FROM members CROSS JOIN LATERAL (SELECT count_mentions(room_id, user_id, 1000)) c WHERE room_id = md5('room1')::uuid",
        "SELECT delete_messages(md5('room1')::uuid, ARRAY[1, 5, 6, 7]::bigint[], now())",
    ] {
        let mut tx = db.begin().await.unwrap();
        sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap();
        assert_eq!(read_whole(&mut tx).await, [], "{statement}");
        tx.commit().await.unwrap();
    }
}
