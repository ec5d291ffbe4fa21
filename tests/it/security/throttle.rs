//! Rows 9, 19 and 21: how often something may be tried, and by whom.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::StatusCode;
use sqlx::PgPool;
use tokio_tungstenite::tungstenite::Message;
use umbrachat::config::Config;

use crate::nodes::{two_with, up};
use crate::services::{Redis, shared_redis};
use crate::support::{Cast, PASSWORD, Person, Server, account, config, spawn_with};

fn throttled() -> Config {
    Config {
        auth_rate: 6.try_into().unwrap(),
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..config()
    }
}

/// Sends a log-in as a proxy would, for somebody at `address`.
pub async fn log_in_from(
    person: &Person,
    address: &str,
    token: &str,
    login: &str,
    password: &str,
) -> reqwest::Response {
    let fields = [("login", login), ("password", password), ("csrf_token", token)];
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = person
        .client
        .post(format!("{}/accounts/login", person.address))
        .body(body);
    let request = request
        .header("origin", &person.address)
        .header("x-forwarded-for", address);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
        .unwrap()
}

#[sqlx::test]
async fn row_9_log_ins_are_throttled_by_account_and_by_address(pool: PgPool) {
    let server = spawn_with(pool, throttled()).await;
    server.admin().await;
    server.person("alice").await;
    server.person("bob").await;
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;

    // One address: its limit, whichever accounts it tries.
    for _ in 0..6 {
        let answer = log_in_from(&visitor, "192.0.2.1", &token, "alice", "wrong password").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = log_in_from(&visitor, "192.0.2.1", &token, "ALICE", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert!(
        answer.text().await.unwrap().contains(r#"value="ALICE""#),
        "what was typed is kept"
    );
    let answer = log_in_from(&visitor, "192.0.2.1", &token, "bob", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);

    // Alice herself, elsewhere, is unaffected.
    let answer = log_in_from(&server.visitor(), "192.0.2.2", &token, "alice", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "a token belongs to its browser");
    let alice = server.visitor();
    let her_token = alice.csrf_token().await;
    let answer = log_in_from(&alice, "192.0.2.2", &her_token, "alice", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);

    // One account from many addresses: three times that. A second person is unaffected.
    let mut statuses = Vec::new();
    for n in 0..16 {
        let address = format!("192.0.2.{}", 10 + n);
        let answer = log_in_from(&visitor, &address, &token, "alice", "wrong password").await;
        statuses.push(answer.status());
    }
    assert_eq!(statuses[9], StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(statuses[15], StatusCode::TOO_MANY_REQUESTS);
    let answer = log_in_from(&visitor, "192.0.2.99", &token, "bob", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

#[sqlx::test]
async fn row_9_whoever_guesses_from_many_addresses_does_not_keep_the_owner_out(pool: PgPool) {
    let server = spawn_with(pool, throttled()).await;
    server.admin().await;
    let alice = server.person("alice").await;
    alice.post("/accounts/logout", &[]).await;
    let her_token = alice.csrf_token().await;
    let mallory = server.person("mallory").await;
    mallory.post("/accounts/logout", &[]).await;
    let token = mallory.csrf_token().await;
    let attack = async || {
        let mut last = None;
        for n in 0..160 {
            let address = format!("192.0.2.{n}");
            last = Some(log_in_from(&mallory, &address, &token, "alice", "wrong password").await);
        }
        assert_eq!(last.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    };
    // As often as one address may try, also from the address where the attack comes from; but nobody guesses there more.
    for address in ["203.0.113.1", "192.0.2.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"] {
        attack().await;
        let answer = log_in_from(&alice, address, &her_token, "alice", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{address}");
        alice.post("/accounts/logout", &[]).await;
    }
    attack().await;
    let answer = log_in_from(&alice, "203.0.113.5", &her_token, "alice", "wrong password").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer = log_in_from(&alice, "203.0.113.6", &her_token, "alice", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    // A browser that knows neither this account nor any other is as slow as all the attackers.
    for (person, token) in [(&mallory, &token), (&server.visitor(), &her_token)] {
        let status = log_in_from(person, "203.0.113.7", token, "alice", PASSWORD)
            .await
            .status();
        assert_ne!(status, StatusCode::SEE_OTHER);
    }
}

#[sqlx::test]
async fn row_9_sign_ups_are_throttled_and_keep_what_was_typed(pool: PgPool) {
    let server = spawn_with(
        pool,
        Config {
            trusted_proxies: vec![],
            ..throttled()
        },
    )
    .await;
    server.admin().await;
    let visitor = server.visitor();
    let mut last = None;
    for n in 0..7 {
        let name = format!("guess{n}");
        last = Some(
            visitor
                .post("/accounts/signup", &account(&name, &[("consent", "")]))
                .await,
        );
    }
    let last = last.unwrap();
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(last.headers().contains_key("retry-after"));
    assert!(last.text().await.unwrap().contains(r#"value="guess6""#));
}

#[sqlx::test]
async fn row_21_a_forged_address_does_not_count(pool: PgPool) {
    let server = spawn_with(
        pool,
        Config {
            trusted_proxies: vec![],
            ..throttled()
        },
    )
    .await;
    server.admin().await;
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let (address, login) = (format!("192.0.2.{n}"), format!("nobody{n}"));
        statuses.push(
            log_in_from(&visitor, &address, &token, &login, "wrong password")
                .await
                .status(),
        );
    }
    assert_eq!(statuses[7], StatusCode::TOO_MANY_REQUESTS, "{statuses:?}");
}

/// Tries to log in so often, at the nodes in turn; gives the statuses and how long the last one is told to wait.
async fn try_in_turn(
    nodes: &[&Server],
    address: impl Fn(usize) -> String,
    login: &str,
    times: usize,
) -> (Vec<u16>, Option<u64>) {
    let mut visitors = Vec::new();
    for node in nodes {
        let visitor = node.visitor();
        visitors.push((visitor.csrf_token().await, visitor));
    }
    let (mut statuses, mut wait) = (Vec::new(), None);
    for n in 0..times {
        let (token, visitor) = &visitors[n % nodes.len()];
        let started = Instant::now();
        let answer = log_in_from(visitor, &address(n), token, login, "wrong password").await;
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        statuses.push(answer.status().as_u16());
        let header = answer.headers().get("retry-after");
        wait = header.map(|seconds| seconds.to_str().unwrap().parse().unwrap());
    }
    (statuses, wait)
}

/// A list of statuses: so many tries are taken, then so many are refused.
fn taken_then_refused(taken: usize, refused: usize) -> Vec<u16> {
    [vec![422; taken], vec![429; refused]].concat()
}

#[sqlx::test]
async fn row_9_two_nodes_share_one_limit(pool: PgPool) {
    let url = shared_redis();
    let (first, second) = two_with(pool, [url.clone(), url], throttled()).await;
    first.admin().await;
    first.person("alice").await;
    second.person("bob").await;
    let nodes = [&first, &second];

    let one = |_| "192.0.2.1".to_owned();
    let (statuses, wait) = try_in_turn(&nodes, one, "nobody", 8).await;
    assert_eq!(statuses, taken_then_refused(6, 2));
    assert!(
        (1..=10).contains(&wait.unwrap()),
        "the next try is free after 10 s: {wait:?}"
    );
    // A household of IPv6 is one address on both nodes as well.
    let household = |n| format!("2001:db8:1:2::{n}");
    assert_eq!(
        try_in_turn(&nodes, household, "nobody else", 7).await.0,
        taken_then_refused(6, 1)
    );

    // One account from many addresses: three times that. A second person is unaffected, at both nodes.
    let many = |n| format!("192.0.2.{}", 10 + n);
    assert_eq!(
        try_in_turn(&nodes, many, "alice", 20).await.0,
        taken_then_refused(18, 2)
    );
    for node in nodes {
        let bob = node.visitor();
        let token = bob.csrf_token().await;
        let answer = log_in_from(&bob, "192.0.2.99", &token, "bob", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
}

#[sqlx::test]
async fn row_9_without_redis_each_node_limits_by_itself(pool: PgPool) {
    let redis = Redis::start();
    let url = redis.url();
    let (first, second) = two_with(pool, [url.clone(), url], throttled()).await;
    first.admin().await;
    let nodes = [&first, &second];
    let one = |_| "192.0.2.1".to_owned();
    assert_eq!(try_in_turn(&nodes, one, "before", 7).await.0, taken_then_refused(6, 1));

    // What the node has counted before stands: three each.
    redis.freeze();
    let still = |_| "192.0.2.4".to_owned();
    assert_eq!(
        try_in_turn(&[&first], still, "frozen", 7).await.0,
        taken_then_refused(6, 1)
    );
    let redis = redis.stop();
    assert_eq!(
        try_in_turn(&[&second], one, "before", 4).await.0,
        taken_then_refused(3, 1)
    );
    let other = |_| "192.0.2.2".to_owned();
    for node in nodes {
        assert_eq!(
            try_in_turn(&[node], other, "meanwhile", 7).await.0,
            taken_then_refused(6, 1)
        );
    }

    let _redis = redis.start_again();
    for node in nodes {
        up(node).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let third = |_| "192.0.2.3".to_owned();
    assert_eq!(try_in_turn(&nodes, third, "after", 7).await.0, taken_then_refused(6, 1));
}

#[sqlx::test]
async fn row_19_too_many_bad_frames_are_answered_together(pool: PgPool) {
    let slow = Config {
        message_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, slow).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let start = Instant::now();
    for _ in 0..200 {
        socket.send("not json").await;
    }
    // A ping is answered after all that came before it.
    socket.send(Message::Ping("all".into())).await;
    let (mut unreadable, mut too_fast) = (0, 0);
    loop {
        match socket.0.next().await.unwrap().unwrap() {
            Message::Pong(_) => break,
            Message::Text(text) if text.contains("\"invalid_json\"") => unreadable += 1,
            Message::Text(text) if text.contains("\"too_fast\"") => too_fast += 1,
            _ => {}
        }
    }
    // Four at once and one each second; and as often that the rest is too much.
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!((4..=5 + seconds).contains(&unreadable), "{unreadable} in {seconds} s");
    assert!((1..=1 + seconds).contains(&too_fast), "{too_fast} in {seconds} s");
    assert!(bob.write("General", "unaffected").await > 0);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    socket.say("readable").await;
    socket.until(">readable<").await;
}
