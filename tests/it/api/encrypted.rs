//! Bodies that are sealed beside TLS, and the page where their keys are made.

use chrono::Utc;
use fernet::Fernet;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Program, problem};
use crate::encryption::{dump, python};
use crate::erasure::until_left;
use crate::nodes::two_with;
use crate::services::shared_redis;
use crate::support::{Cast, Person, attributes, config, spawn, spawn_with};

const SEALED: &str = "application/vnd.umbrachat.fernet";
const ME: &str = "/api/users/me/";

/// A key as its page shows it.
struct Key {
    id: String,
    text: String,
    cipher: Fernet,
}

impl Key {
    /// Makes one on the page.
    async fn make(person: &Person, name: &str) -> Self {
        let answer = person.post("/settings/api/keys", &[("name", name)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let page = answer.text().await.unwrap();
        let value = |id: &str| {
            let field = page.split(&format!("id=\"{id}\"")).nth(1).unwrap();
            attributes(field, "value")[0].clone()
        };
        let text = value("key-secret");
        let cipher = Fernet::new(&text).unwrap();
        Self {
            id: value("key-id"),
            text,
            cipher,
        }
    }

    fn token(&self, method: &Method, path: &str, age: i64, body: &Value) -> String {
        let iat = Utc::now().timestamp() - age;
        let question = json!({"iat": iat, "method": method.as_str(), "path": path, "body": body});
        self.cipher.encrypt(question.to_string().as_bytes())
    }

    /// What a sealed answer holds.
    async fn opened(&self, response: Response) -> (u16, Value) {
        let (outer, kind) = (response.status(), response.headers()["content-type"].clone());
        let text = response.text().await.unwrap();
        assert_eq!(kind, SEALED, "{text}");
        let answer: Value = serde_json::from_slice(&self.cipher.decrypt(&text).unwrap()).unwrap();
        assert!((Utc::now().timestamp() - answer["iat"].as_i64().unwrap()).abs() < 60);
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        assert_eq!(outer.as_u16(), if status == 204 { 200 } else { status });
        (status, answer["body"].clone())
    }
}

/// Sends a token with that key, asking for a sealed answer or a plain one.
async fn send(program: &Program, key: &str, (method, path): (Method, &str), token: String, accept: &str) -> Response {
    let request = program.request(method, path).header("umbra-key", key).body(token);
    let request = request.header("content-type", SEALED).header("accept", accept);
    request.send().await.unwrap()
}

async fn undecryptable(response: Response) {
    let found = problem(response, 400).await;
    assert_eq!(found["type"], "urn:umbrachat:undecryptable");
    let detail = found["detail"].as_str().unwrap();
    assert!(
        detail.contains("undecryptable") && detail.contains("seal a new one"),
        "always the same: {detail}"
    );
    assert_eq!(found["errors"], json!({}));
}

#[sqlx::test]
async fn requests_and_answers_are_sealed_both_ways(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let program = Program::of(&server, "alice").await;
    let key = Key::make(&alice, "Backup").await;
    let room = program.room("General").await;
    let path = format!("/api/rooms/{room}/messages/");
    let ask = async |method: Method, path: &str, body: Value| {
        let token = key.token(&method, path.split('?').next().unwrap(), 0, &body);
        key.opened(send(&program, &key.id, (method, path), token, SEALED).await)
            .await
    };
    let (status, made) = ask(Method::POST, &path, json!({"plaintext": "over the moon"})).await;
    assert_eq!((status, &made["plaintext"]), (201, &json!("over the moon")));
    // A query is not in it, and a question that asks for nothing may be sealed as well.
    let (status, messages) = ask(Method::GET, &format!("{path}?limit=1"), Value::Null).await;
    assert_eq!((status, messages.to_string().contains("over the moon")), (200, true));
    // Errors too, and what has no body.
    let (status, refused) = ask(Method::POST, &path, json!({"plain": "x"})).await;
    assert_eq!((status, &refused["status"]), (422, &json!(422)));
    assert!(refused["errors"]["plain"].is_array());
    assert_eq!(ask(Method::GET, "/api/nowhere", Value::Null).await.0, 404);
    let place = format!("{path}{}/", made["id"].as_str().unwrap());
    assert_eq!(ask(Method::DELETE, &place, Value::Null).await, (204, Value::Null));

    // Either way without the other.
    let token = key.token(&Method::POST, &path, 0, &json!({"plaintext": "half"}));
    let plain = send(&program, &key.id, (Method::POST, &path), token, "application/json").await;
    assert_eq!(plain.json::<Value>().await.unwrap()["plaintext"], "half");
    let unwanted = program.request(Method::GET, ME).header("umbra-key", &key.id);
    let unwanted = unwanted.header("accept", format!("{SEALED};q=0, */*"));
    let plain = unwanted.send().await.unwrap();
    assert_eq!(plain.json::<Value>().await.unwrap()["username"], "alice");
    // What is wrong with a body is told as of any.
    let twice = json!({"iat": Utc::now().timestamp(), "method": "POST", "path": path}).to_string();
    let twice = twice.replacen('{', r#"{"body":{"plaintext":"a","plaintext":"b"},"#, 1);
    let twice = key.cipher.encrypt(twice.as_bytes());
    let refused = send(&program, &key.id, (Method::POST, &path), twice, "*/*").await;
    assert!(problem(refused, 422).await["errors"]["plaintext"].is_array());
    let document = program
        .request(Method::GET, "/api/openapi.json")
        .header("umbra-key", &key.id);
    let document = document.header("accept", SEALED).send().await.unwrap();
    assert_eq!(document.headers()["cache-control"], "no-store");
    assert_eq!(key.opened(document).await.1["openapi"], "3.1.0");
    let asked = program.request(Method::GET, ME).header("umbra-key", &key.id);
    let answer = asked
        .header("accept", format!("application/json;q=0.1, {SEALED}"))
        .send()
        .await
        .unwrap();
    assert!(answer.headers().contains_key("ratelimit"));
    assert_eq!(key.opened(answer).await.1["username"], "alice");
}

#[sqlx::test]
async fn what_is_not_meant_for_now_and_here_is_refused_without_a_reason(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let program = Program::of(&server, "alice").await;
    let (key, other, theirs) = (
        Key::make(&alice, "One").await,
        Key::make(&alice, "Two").await,
        Key::make(&bob, "Theirs").await,
    );
    let room = program.room("General").await;
    let path = format!("/api/rooms/{room}/messages/");
    let target = || (Method::POST, path.as_str());
    let body = json!({"plaintext": "hello"});
    let good = |age| key.token(&Method::POST, &path, age, &body);
    let mut damaged = good(0);
    damaged.replace_range(60..61, if &damaged[60..61] == "A" { "B" } else { "A" });
    let without_time = json!({"method": "POST", "path": path, "body": body}).to_string();
    let list = json!([Utc::now().timestamp(), "POST", path, body]).to_string();
    for (id, token) in [
        (key.id.as_str(), key.token(&Method::PUT, &path, 0, &body)),
        (&key.id, key.token(&Method::POST, "/api/rooms/", 0, &body)),
        (&key.id, key.token(&Method::POST, path.trim_end_matches('/'), 0, &body)),
        (&key.id, good(62)),
        (&key.id, good(-65)),
        (&key.id, key.cipher.encrypt(without_time.as_bytes())),
        (&key.id, key.cipher.encrypt(b"no JSON")),
        (&key.id, key.cipher.encrypt(list.as_bytes())),
        (&key.id, damaged),
        (&key.id, "nonsense".into()),
        (&key.id, String::new()),
        (&other.id, good(0)),
        (&theirs.id, theirs.token(&Method::POST, &path, 0, &body)),
        ("00000000-0000-0000-0000-000000000000", good(0)),
        ("nonsense", good(0)),
    ] {
        undecryptable(send(&program, id, target(), token, "*/*").await).await;
    }
    let sealed = send(&program, &key.id, target(), "nonsense".into(), SEALED).await;
    let (status, refused) = key.opened(sealed).await;
    assert_eq!((status, &refused["type"]), (400, &json!("urn:umbrachat:undecryptable")));
    // No key is named, or nobody is who has one; a token that is over is told as always.
    let unnamed = program
        .request(Method::POST, &path)
        .header("content-type", SEALED)
        .body(good(0));
    undecryptable(unnamed.send().await.unwrap()).await;
    let mut stranger = Program::stranger(&server);
    let token = key.token(&Method::POST, "/api/token/", 0, &json!({}));
    undecryptable(send(&stranger, &key.id, (Method::POST, "/api/token/"), token, "*/*").await).await;
    stranger.access = Some("nonsense".into());
    problem(send(&stranger, &key.id, target(), good(0), "*/*").await, 401).await;

    // Nothing of all that was carried out.
    assert!(!alice.page("/chat/room/General").await.contains("hello"));
    assert_eq!(send(&program, &key.id, target(), good(58), "*/*").await.status(), 201);
    let revoke = format!("/settings/api/keys/{}/revoke", key.id);
    assert_eq!(bob.post(&revoke, &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(alice.post(&revoke, &[]).await.headers()["location"], "/settings/api");
    undecryptable(send(&program, &key.id, target(), good(0), "*/*").await).await;
    assert_eq!(alice.post(&revoke, &[]).await.status(), StatusCode::NOT_FOUND);
}

#[sqlx::test]
async fn a_sealed_body_is_good_once_on_all_nodes(pool: PgPool) {
    let config = config();
    let (first, second) = two_with(pool.clone(), [shared_redis(), shared_redis()], config.clone()).await;
    let Cast { alice, .. } = first.cast().await;
    let here = Program::of(&first, "alice").await;
    let there = here.at(&second);
    let key = Key::make(&alice, "Backup").await;
    let path = format!("/api/rooms/{}/messages/", here.room("General").await);
    let target = || (Method::POST, path.as_str());
    let token = key.token(&Method::POST, &path, 0, &json!({"plaintext": "only once"}));
    let (one, two) = tokio::join!(
        send(&here, &key.id, target(), token.clone(), "*/*"),
        send(&there, &key.id, target(), token.clone(), "*/*")
    );
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400]);
    // The same written otherwise is the same.
    for again in [
        token.clone(),
        token.trim_end_matches('=').to_owned(),
        format!("{token}=\n"),
    ] {
        undecryptable(send(&there, &key.id, target(), again, "*/*").await).await;
    }
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(stored, 1);

    // Whoever starts tidies up: what is too old to be good is forgotten, and nothing else.
    let old = "INSERT INTO api_bodies_seen SELECT key_id, 'x', seen_at - interval '6 minutes' FROM api_bodies_seen";
    sqlx::query(old).execute(&pool).await.unwrap();
    let _third = spawn_with(pool.clone(), config).await;
    until_left(&pool, "api_bodies_seen", 1).await;
    undecryptable(send(&here, &key.id, target(), token, "*/*").await).await;
}

#[sqlx::test]
async fn the_lines_in_python_of_the_document_speak_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let program = Program::of(&server, "alice").await;
    let key = Key::make(&alice, "Python").await;
    let room = program.room("General").await;
    let document = include_str!("../../../docs/api-encryption.md");
    let lines = document
        .split("```python\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let script = format!(
        "{lines}\nimport sys\nargs, room = sys.argv[1:5], sys.argv[5]\npath = f'/api/rooms/{{room}}/messages/'\n\
         print(json.dumps([call(*args, 'POST', path, {{'plaintext': 'Grüße 🌙'}}),\n\
         call(*args, 'GET', path + '?limit=1'), call(*args, 'PATCH', path + 'nowhere/', {{'plaintext': 'x'}})]))"
    );
    let access = program.access.clone().unwrap();
    let arguments = [server.address.clone(), access, key.id.clone(), key.text.clone(), room];
    let written = tokio::task::spawn_blocking(move || python(&script, &arguments.each_ref().map(String::as_str)));
    let answers: Value = serde_json::from_slice(&written.await.unwrap()).unwrap();
    assert_eq!(
        (&answers[0][0], &answers[0][1]["plaintext"]),
        (&json!(201), &json!("Grüße 🌙"))
    );
    assert_eq!(answers[1][0], 200);
    assert!(answers[1][1].to_string().contains("Grüße 🌙"));
    assert_eq!(answers[2][0], 404);
}

#[sqlx::test]
async fn keys_are_shown_once_and_programs_are_put_out_on_their_page(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let page = alice.page("/settings/api").await;
    assert!(page.contains("No program is logged in") && !page.contains("/revoke"));
    let nameless = alice.post("/settings/api/keys", &[("name", " ")]).await;
    assert_eq!(nameless.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nameless.text().await.unwrap().contains("Enter a name."));

    let key = Key::make(&alice, "<Backup>").await;
    let page = alice.page("/settings/api").await;
    assert!(page.contains(&key.id) && page.contains("&lt;Backup&gt;") && page.contains("never used"));
    assert!(!page.contains(&key.text), "shown once");
    assert!(!dump(&pool).await.contains(&key.text), "stored sealed");
    assert!(!bob.page("/settings/api").await.contains(&key.id));
    let program = Program::of(&server, "alice").await;
    let token = key.token(&Method::GET, ME, 0, &Value::Null);
    assert_eq!(
        send(&program, &key.id, (Method::GET, ME), token, SEALED).await.status(),
        200
    );
    assert!(
        alice
            .page("/settings/api")
            .await
            .contains("last used within the last hour")
    );

    let ends = |page: &str| -> Vec<String> {
        let mut paths = attributes(page, "action");
        paths.retain(|path| path.starts_with("/settings/api/families/"));
        paths
    };
    let end = ends(&alice.page("/settings/api").await);
    assert_eq!(end.len(), 1, "her browser is none");
    assert_eq!(bob.post(&end[0], &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(alice.post(&end[0], &[]).await.headers()["location"], "/settings/api");
    assert_eq!(
        program.send(Method::GET, ME, None).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert!(ends(&alice.page("/settings/api").await).is_empty() && alice.is_logged_in().await);
    for path in ["/settings/api/families/x/end", "/settings/api/keys/x/revoke"] {
        assert_eq!(alice.post(path, &[]).await.status(), StatusCode::NOT_FOUND);
    }

    for number in 1..20 {
        Key::make(&alice, &number.to_string()).await;
    }
    let refused = alice.post("/settings/api/keys", &[("name", "One more")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().await.unwrap().contains("value=\"One more\""),
        "what was typed is kept"
    );
}
