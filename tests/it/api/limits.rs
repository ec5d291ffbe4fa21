//! How often programs may ask, and what is not asked of the server beyond that.

use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use umbrachat::config::Config;
use umbrachat::database;

use super::uploads::upload;
use super::{Program, problem};
use crate::outages::Line;
use crate::support::{config, spawn_with};

const ME: &str = "/api/users/me/";

#[sqlx::test]
async fn beyond_the_limit_of_an_address_the_database_is_not_asked(_: PgPoolOptions, options: PgConnectOptions) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    // Three for the address: one logs in, two are sent with a token whose log-in has ended.
    let limits = Config {
        api_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, limits).await;
    let cast = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let family = cast.alice.page("/settings/api").await;
    let end = crate::support::attributes(&family, "action");
    let end = end.iter().find(|action| action.contains("/families/")).unwrap();
    cast.alice.post(end, &[]).await;
    for _ in 0..2 {
        assert_eq!(alice.send(Method::GET, ME, None).await.status(), 401);
    }
    line.cut();
    let refused = alice.send(Method::GET, ME, None).await;
    assert_eq!(refused.headers()["ratelimit-policy"], "\"address\";q=3;w=60");
    problem(refused, 429).await;
}

#[sqlx::test]
async fn whoever_guesses_passwords_does_not_keep_programs_from_going_on(pool: PgPool) {
    let limits = Config {
        auth_rate: 6.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, limits).await;
    server.admin().await;
    let program = Program::of(&server, "ada").await;
    let wrong = json!({"username": "nobody", "password": "wrong"});
    let guess = || Program::stranger(&server);
    while guess()
        .send(Method::POST, "/api/token/", Some(wrong.clone()))
        .await
        .status()
        != StatusCode::TOO_MANY_REQUESTS
    {}
    let refresh = json!({"refresh": program.refresh});
    let next = program.post("/api/token/refresh/", refresh).await;
    let revoked = json!({"refresh": next["refresh"]});
    program.ok(Method::POST, "/api/token/revoke/", Some(revoked)).await;
}

#[sqlx::test]
async fn files_count_as_messages_before_they_are_received(pool: PgPool) {
    let limits = Config {
        message_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, limits).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let path = format!("/api/rooms/{}/upload/", alice.room("General").await);
    let refused = async || {
        let response = upload(&alice, &path, &[("client_id", "wrong")], &[("file", "a.txt", b"a")]).await;
        let is_refused = response.status() == StatusCode::TOO_MANY_REQUESTS;
        assert!(is_refused || response.status() == StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers().contains_key("retry-after"), is_refused);
        is_refused
    };
    // Four at once, and one a second.
    let mut taken = 0;
    while !refused().await {
        taken += 1;
        assert!(taken < 40, "never refused");
    }
    assert!(taken >= 4, "{taken}");
}
