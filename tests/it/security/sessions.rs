//! Rows 1 and 2: sessions and their cookies.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;
use tower_sessions::{Session, SessionStore};
use umbrachat::config::Config;
use umbrachat::database::KeyedStore;
use umbrachat::vault::Vault;

use super::{client, state};
use crate::support::{Cast, PASSWORD, Server, account, config, session_cookie, spawn, spawn_with};

/// Whether somebody who sends exactly these cookies is logged in.
async fn knows(server: &Server, cookies: &str) -> bool {
    let request = client()
        .get(format!("{}/chat/", server.address))
        .header("cookie", cookies);
    request.send().await.unwrap().status() == StatusCode::OK
}

fn set_cookies(answer: &reqwest::Response) -> Vec<String> {
    answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[sqlx::test]
async fn row_1_each_log_in_has_its_own_session_and_an_old_cookie_is_nobody(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    let alice = server.person("alice").await;
    let first = alice.cookies();
    assert!(knows(&server, &first).await);

    alice.log_in("alice").await;
    let second = alice.cookies();
    assert_ne!(first, second);
    assert!(!knows(&server, &first).await, "the log-in before ends with a new one");
    assert!(knows(&server, &second).await);

    alice.post("/accounts/logout", &[]).await;
    assert!(!alice.is_logged_in().await);
    assert!(!knows(&server, &second).await, "logged out means worthless");

    alice.log_in("alice").await;
    let third = alice.cookies();
    admin.post("/admin/users/alice/role", &[("role", "admin")]).await;
    assert!(!knows(&server, &third).await, "a new role ends the log-ins");
}

#[sqlx::test]
async fn row_1_logging_out_closes_the_sockets(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let mut socket = cast.alice.socket("General").await;
    let mut other = cast.bob.socket("General").await;
    socket.say("hello").await;
    other.until("hello").await;
    cast.alice.post("/accounts/logout", &[]).await;
    assert_eq!(socket.closed().await.0, 4401);
    cast.admin.post("/admin/users/bob/role", &[("role", "admin")]).await;
    assert_eq!(other.closed().await.0, 4401);
}

#[sqlx::test]
async fn row_2_cookies_are_out_of_reach_for_scripts_and_other_sites(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let visitor = server.visitor();
    let csrf = set_cookies(&visitor.get("/accounts/login").await);
    assert!(csrf[0].starts_with("umbra_csrf_") && csrf.len() == 1);
    let session = set_cookies(&visitor.log_in("alice").await);
    assert!(
        session[0].starts_with("umbra_session_") && !session[0].contains("Max-Age"),
        "{session:?}"
    );
    for cookie in csrf.iter().chain(&session) {
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && cookie.contains("; Path=/"));
        assert!(!cookie.contains("Secure") && !cookie.contains("Domain"));
    }
    let stay = [("login", "alice"), ("password", PASSWORD), ("remember", "on")];
    let stays = set_cookies(&server.visitor().post("/accounts/login", &stay).await);
    assert!(stays[0].contains("Max-Age=2592000"));
    let end = set_cookies(&visitor.post("/accounts/logout", &[]).await);
    let name = session[0].split_once('=').unwrap().0;
    assert!(end[0].starts_with(&format!("{name}=;")) && end[0].contains("Max-Age=0"));
}

#[sqlx::test]
async fn row_2_behind_tls_cookies_are_secure_and_pinned_to_the_host(pool: PgPool) {
    let public_url = Some("https://chat.example.org".parse().unwrap());
    let server = spawn_with(pool, Config { public_url, ..config() }).await;
    let code = server.setup_code.clone().unwrap();
    // A browser would keep secure cookies on TLS only; here they are carried by hand.
    let answer = client()
        .get(format!("{}/setup?code={code}", server.address))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let csrf = set_cookies(&answer).remove(0);
    assert!(csrf.starts_with("__Host-umbra_csrf=") && csrf.contains("; Secure") && csrf.contains("; Path=/"));
    let page = answer.text().await.unwrap();
    let token = regex::Regex::new(r#"name="csrf_token" value="([^"]+)""#)
        .unwrap()
        .captures(&page)
        .unwrap()[1]
        .to_owned();
    let fields = account("ada", &[("code", &code), ("csrf_token", &token)]);
    let post = |origin: &'static str| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        let request = client()
            .post(format!("{}/setup", server.address))
            .body(body)
            .header("origin", origin);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.header("cookie", csrf.split(';').next().unwrap()).send()
    };
    let foreign = post("http://localhost:8000").await.unwrap();
    assert_eq!(
        foreign.status(),
        StatusCode::FORBIDDEN,
        "with PUBLIC_URL set, only that is ours"
    );
    assert!(foreign.text().await.unwrap().contains("PUBLIC_URL"));
    let answer = post("https://chat.example.org").await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let session = set_cookies(&answer).remove(0);
    assert!(
        session.starts_with("__Host-umbra_session=") && session.contains("; Secure") && !session.contains("Domain")
    );
}

#[sqlx::test]
async fn row_2_a_thousand_visitors_add_no_row(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let before = state(&server.pool).await;
    let client = client();
    for _ in 0..1000 {
        let answer = client
            .get(format!("{}/accounts/login", server.address))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(state(&server.pool).await, before);
}

#[sqlx::test]
async fn a_log_in_that_ends_while_its_socket_opens_ends_the_socket(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, .. } = server.cast().await;
    let token = alice.csrf_token().await;
    // The handshake is answered, and then the way into the room is long.
    let mut held = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE members IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let mut socket = alice.try_socket("General", Some(&alice.address)).await.unwrap();
    alice.post_raw("/accounts/logout", &[("csrf_token", &token)]).await;
    // By now all nodes have closed the sockets of that log-in that they knew.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    held.rollback().await.unwrap();
    assert_eq!(socket.closed().await.0, 4401);
}

/// The session library's store, as the server has it.
async fn store_of(server: &Server) -> KeyedStore {
    let vault = Vault::open(&server.pool, &server.keys, None).await.unwrap();
    KeyedStore::new(server.pool.clone(), vault.session_key())
}

/// The log-ins that live, and the records of the library.
async fn stored(server: &Server) -> (i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM user_sessions WHERE ended_at IS NULL), (SELECT count(*) FROM tower_sessions.session)",
    )
    .fetch_one(&server.pool)
    .await
    .unwrap()
}

#[sqlx::test]
async fn row_2_a_visitor_is_stored_nowhere_and_a_log_in_in_two_rows(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let before = stored(&server).await;
    for _ in 0..20 {
        server.visitor().page("/accounts/login").await;
    }
    let failed = server
        .visitor()
        .post("/accounts/login", &[("login", "ada"), ("password", "wrong")])
        .await;
    assert_eq!(failed.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(stored(&server).await, before);
    let alice = server.person("alice").await;
    assert_eq!(stored(&server).await, (before.0 + 1, before.1 + 1));
    alice.post("/accounts/logout", &[]).await;
    assert_eq!(stored(&server).await, before);
}

#[sqlx::test]
async fn row_6_a_log_in_that_ends_while_requests_are_in_flight_stays_ended(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let cookies = alice.cookies();
    let flight: Vec<_> = (0..200)
        .map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move { alice.get("/chat/").await.status() })
        })
        .collect();
    alice.post("/accounts/logout", &[]).await;
    for request in flight {
        let status = request.await.unwrap();
        assert!(matches!(status, StatusCode::OK | StatusCode::SEE_OTHER), "{status}");
    }
    assert!(!knows(&server, &cookies).await);
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM user_sessions s JOIN users u ON u.id = s.user_id
         WHERE u.username = 'alice' AND (s.ended_at IS NULL OR s.store_id IN (SELECT id FROM tower_sessions.session))",
    )
    .fetch_one(&server.pool)
    .await
    .unwrap();
    assert_eq!(left, 0, "neither the log-in nor its record is there");
}

/// A request finds the log-in alive, the log-in ends, and only then does the request get on.
#[sqlx::test]
async fn row_6_what_was_looked_up_before_the_end_does_not_outlive_it(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    let alice = server.person("alice").await;
    let cookies = alice.cookies();
    // Noting the use of a log-in, an hour after the last time, waits for a lock that is held here.
    sqlx::raw_sql(
        "UPDATE user_sessions SET last_used_at = now() - interval '2 hours';
         CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END';
         CREATE TRIGGER wait_for_test BEFORE UPDATE OF last_used_at ON user_sessions
             FOR EACH STATEMENT EXECUTE FUNCTION wait_for_test()",
    )
    .execute(&server.pool)
    .await
    .unwrap();
    // Whoever ends it has been noted already.
    let token = admin.csrf_token().await;
    let mut held = server.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(7)")
        .execute(&mut *held)
        .await
        .unwrap();
    // Sent again while the cache answers, which it does for two seconds at most.
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted)";
    let ask = || {
        let alice = alice.clone();
        tokio::spawn(async move { alice.get("/chat/").await.status() })
    };
    let mut flight = ask();
    while !sqlx::query_scalar::<_, bool>(waiting)
        .fetch_one(&mut *held)
        .await
        .unwrap()
    {
        if flight.is_finished() {
            flight = ask();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let fields = [("role", "admin"), ("csrf_token", token.as_str())];
    let ended = admin.post_raw("/admin/users/alice/role", &fields).await;
    assert!(ended.status().is_redirection(), "{}", ended.status());
    held.rollback().await.unwrap();
    assert_eq!(flight.await.unwrap(), StatusCode::OK, "it began before the end");
    assert!(!knows(&server, &cookies).await);
}

/// What the library would do at the end of a request that began before the log-out.
#[sqlx::test]
async fn row_6_saving_a_session_does_not_bring_an_ended_log_in_back(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let (cookies, store) = (alice.cookies(), store_of(&server).await);
    let id = session_cookie(&cookies).parse().unwrap();
    let session = Session::new(Some(id), Arc::new(store.clone()), None);
    session.load().await.unwrap();
    assert!(session.get_value("login").await.unwrap().is_some(), "it is her session");
    let record = store.load(&id).await.unwrap().unwrap();

    alice.post("/accounts/logout", &[]).await;
    session.insert("more", 1).await.unwrap();
    assert!(session.save().await.is_err());
    assert!(store.save(&record).await.is_err());
    assert!(!knows(&server, &cookies).await);
    // And should a record come back all the same, it names a log-in that has ended.
    store.create(&mut record.clone()).await.unwrap();
    assert!(!knows(&server, &cookies).await);
}

#[sqlx::test]
async fn a_dump_of_the_database_opens_no_session(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let cookie = session_cookie(&alice.cookies());
    let stored: Vec<(String, Vec<u8>)> = sqlx::query_as("SELECT id, data FROM tower_sessions.session")
        .fetch_all(&server.pool)
        .await
        .unwrap();
    assert_eq!(stored.len(), 2);
    let raw = tower_sessions::session::Id::to_string(&cookie.parse().unwrap());
    assert_eq!(raw, cookie);
    for (id, data) in stored {
        assert_ne!(id, cookie);
        assert!(!data.windows(cookie.len()).any(|part| part == cookie.as_bytes()));
        assert!(
            !knows(&server, &alice.cookies().replace(&cookie, &id)).await,
            "what is stored is no cookie"
        );
    }
    assert!(!format!("{:?}", store_of(&server).await).contains("key"));
}

/// Each of two nodes that start on an empty database finds the library's table.
#[sqlx::test(migrations = false)]
async fn two_nodes_make_the_tables_at_once(pool: PgPool) {
    let (first, second) = tokio::join!(umbrachat::database::migrate(&pool), umbrachat::database::migrate(&pool));
    first.unwrap();
    second.unwrap();
    sqlx::query("SELECT id, data, expiry_date FROM tower_sessions.session")
        .fetch_optional(&pool)
        .await
        .unwrap();
}
