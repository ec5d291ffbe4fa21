//! Rows 9, 19 and 21: how often something may be tried, and by whom.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
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
    let mut taken = 0;
    let answer = loop {
        let answer = log_in_from(&visitor, "192.0.2.1", &token, "ALICE", "wrong password").await;
        if answer.status() != StatusCode::UNPROCESSABLE_ENTITY {
            break answer;
        }
        taken += 1;
    };
    assert_eq!((answer.status(), taken >= 6), (StatusCode::TOO_MANY_REQUESTS, true));
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
    let mut taken = 0;
    let refused = loop {
        let address = format!("192.0.2.{}", 10 + taken);
        let answer = log_in_from(&visitor, &address, &token, "alice", "wrong password").await;
        if answer.status() != StatusCode::UNPROCESSABLE_ENTITY {
            break answer;
        }
        taken += 1;
    };
    assert_eq!((refused.status(), taken >= 10), (StatusCode::TOO_MANY_REQUESTS, true));
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
        for n in 0..1600 {
            let address = format!("192.0.2.{}", n % 160);
            let answer = log_in_from(&mallory, &address, &token, "alice", "wrong password").await;
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                return;
            }
        }
        panic!("nobody stops the attack");
    };
    // Also from an address where the attack comes from.
    for address in ["203.0.113.1", "192.0.2.1", "203.0.113.2", "203.0.113.3"] {
        attack().await;
        let answer = log_in_from(&alice, address, &her_token, "alice", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{address}");
        alice.post("/accounts/logout", &[]).await;
    }
    // Nobody guesses more there than an address may.
    attack().await;
    let guesses = (0..20).map(|_| log_in_from(&alice, "203.0.113.5", &her_token, "alice", "wrong password"));
    let refused = |answer: &reqwest::Response| answer.status() == StatusCode::TOO_MANY_REQUESTS;
    assert!(join_all(guesses).await.iter().any(refused));
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

/// Tries to log in so often at once, at the nodes in turn; gives how many of the tries were taken. What is tried at once is
/// counted before much of it is free again, on a slow machine too; so a range does for how many these may be.
async fn taken(nodes: &[&Server], address: impl Fn(usize) -> String, login: &str, times: usize) -> usize {
    let mut visitors = Vec::new();
    for node in nodes {
        let visitor = node.visitor();
        visitors.push((visitor.csrf_token().await, visitor));
    }
    let tries = (0..times).map(|n| {
        let ((token, visitor), address) = (&visitors[n % nodes.len()], address(n));
        async move { log_in_from(visitor, &address, token, login, "wrong password").await }
    });
    let mut taken = 0;
    for answer in join_all(tries).await {
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
        } else {
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            taken += 1;
        }
    }
    taken
}

#[sqlx::test]
async fn row_9_two_nodes_share_one_limit(pool: PgPool) {
    let url = shared_redis();
    let (first, second) = two_with(pool, [url.clone(), url], throttled()).await;
    first.admin().await;
    first.person("alice").await;
    second.person("bob").await;
    let nodes = [&first, &second];

    // Each node by itself would take six of one address.
    let one = |_| "192.0.2.1".to_owned();
    assert!((6..12).contains(&taken(&nodes, one, "nobody", 12).await));
    // A household of IPv6 is one address on both nodes as well.
    let household = |n| format!("2001:db8:1:2::{n}");
    assert!((6..12).contains(&taken(&nodes, household, "nobody else", 12).await));

    // One account from many addresses: three times that. A second person is unaffected, at both nodes.
    let many = |n| format!("192.0.2.{}", 10 + n);
    assert!((18..36).contains(&taken(&nodes, many, "alice", 36).await));
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
    assert!((6..12).contains(&taken(&nodes, one, "before", 12).await));

    redis.freeze();
    let still = |_| "192.0.2.4".to_owned();
    assert!((6..12).contains(&taken(&[&first], still, "frozen", 12).await));
    let redis = redis.stop();
    // What the node has counted before stands.
    assert!((0..6).contains(&taken(&[&second], one, "before", 12).await));
    let other = |_| "192.0.2.2".to_owned();
    for node in nodes {
        assert!((6..12).contains(&taken(&[node], other, "meanwhile", 12).await));
    }

    let _redis = redis.start_again();
    for node in nodes {
        up(node).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let third = |_| "192.0.2.3".to_owned();
    assert!((6..12).contains(&taken(&nodes, third, "after", 12).await));
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
