//! Rows 9 and 21: how often something may be tried, and by whom.

use reqwest::StatusCode;
use sqlx::PgPool;
use umbrachat::config::Config;

use crate::support::{PASSWORD, Person, account, config, spawn_with};

fn throttled() -> Config {
    Config {
        auth_rate: 6.try_into().unwrap(),
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..config()
    }
}

/// Sends a log-in as a proxy would, for somebody at `address`.
async fn log_in_from(person: &Person, address: &str, token: &str, login: &str, password: &str) -> reqwest::Response {
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
