//! Rows 1 and 2: sessions and their cookies.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;
use umbrachat::config::Config;

use super::{client, state};
use crate::support::{Cast, PASSWORD, Server, account, config, spawn, spawn_with};

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
    assert!(csrf[0].starts_with("umbra_csrf=") && csrf.len() == 1);
    let session = set_cookies(&visitor.log_in("alice").await);
    assert!(
        session[0].starts_with("umbra_session=") && !session[0].contains("Max-Age"),
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
    assert!(end[0].starts_with("umbra_session=;") && end[0].contains("Max-Age=0"));
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
