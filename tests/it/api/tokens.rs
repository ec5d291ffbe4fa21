//! How programs get in, stay in, and are put out.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::{Hmac, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::PgPool;
use umbrachat::config::Config;
use umbrachat::vault::Vault;
use uuid::Uuid;

use super::{Program, problem};
use crate::nodes::{at, two};
use crate::support::{PASSWORD, config, done, spawn, spawn_with};

const ME: &str = "/api/users/me/";

async fn status(program: &Program) -> StatusCode {
    program.send(Method::GET, ME, None).await.status()
}

#[sqlx::test]
async fn somebody_registers_logs_in_and_goes_on(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let mut program = Program::stranger(&server);
    let sent = json!({"username": "alice", "email": "alice@example.org", "password": PASSWORD, "consent": true});
    let response = program.send(Method::POST, "/api/register/", Some(sent)).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let made: Value = response.json().await.unwrap();
    assert_eq!(
        (&made["username"], &made["email"]),
        (&json!("alice"), &json!("alice@example.org"))
    );
    assert_eq!((&made["first_name"], &made["name"]), (&json!(""), &json!("alice")));

    program.log_in("alice").await;
    assert_eq!(program.get(ME).await, made);
    assert_eq!(program.get(&location).await["username"], "alice");
    let first = (program.access.clone(), program.refresh.clone());
    // Without the slash it is the same address.
    let next = program
        .post("/api/token/refresh", json!({"refresh": program.refresh}))
        .await;
    program.take(&next);
    assert!(program.access != first.0 && program.refresh != first.1);
    assert_eq!(status(&program).await, 200);
    // It is a person like others.
    assert!(server.visitor().log_in("alice").await.status().is_redirection());
}

#[sqlx::test]
async fn what_is_wrong_with_a_registration_is_said_by_field(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let program = Program::stranger(&server);
    let wrong = async |sent: Value, status| {
        program
            .problem(Method::POST, "/api/register/", Some(sent), status)
            .await
    };
    let fields = |problem: &Value| -> Vec<String> { problem["errors"].as_object().unwrap().keys().cloned().collect() };
    let all = wrong(json!({"username": "a", "email": "x", "password": "short"}), 422).await;
    assert_eq!(fields(&all), ["consent", "email", "password", "username"]);
    assert_eq!(fields(&wrong(json!({"username": "bob"}), 422).await), ["password"]);
    let unknown = wrong(
        json!({"username": "bob", "password": PASSWORD, "consent": true, "is_admin": true}),
        422,
    )
    .await;
    assert_eq!(fields(&unknown), ["is_admin"]);
    let of_type = wrong(json!({"username": "bob", "password": PASSWORD, "consent": "yes"}), 422).await;
    assert_eq!(fields(&of_type), ["consent"]);
    let taken = wrong(json!({"username": "ADA", "password": PASSWORD, "consent": true}), 422).await;
    assert_eq!(fields(&taken), ["username"]);

    let post = || program.request(Method::POST, "/api/register/");
    let form = post().form(&[("username", "bob")]).send().await.unwrap();
    problem(form, 415).await;
    let json = |body: String| {
        post()
            .header("content-type", "application/json; charset=utf-8")
            .body(body)
    };
    let broken = problem(json("{\"username\":\n".into()).send().await.unwrap(), 400).await;
    assert!(broken["detail"].as_str().unwrap().contains("line 2"), "{broken}");
    problem(json(" ".repeat(66_000)).send().await.unwrap(), 413).await;
    let wrong_method = program.send(Method::PUT, "/api/register/", None).await;
    problem(wrong_method, 405).await;
}

#[sqlx::test]
async fn a_refresh_token_is_good_once_and_an_old_one_ends_its_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let (mut program, other) = (Program::of(&server, "alice").await, Program::of(&server, "alice").await);
    let first = program.refresh.clone();
    let refresh = async |token: &str| {
        let program = Program::stranger(&server);
        program
            .send(Method::POST, "/api/token/refresh/", Some(json!({"refresh": token})))
            .await
    };
    let next: Value = refresh(&first).await.json().await.unwrap();
    // Whoever lost the answer gets the same token again, in those ten seconds.
    let again: Value = refresh(&first).await.json().await.unwrap();
    assert_eq!(again["refresh"], next["refresh"]);
    program.take(&next);
    assert_eq!(status(&program).await, 200);

    server.clock.set_ahead(TimeDelta::seconds(11));
    let refused = refresh(&first).await;
    assert!(
        refused.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("invalid_token")
    );
    problem(refused, 401).await;
    assert_eq!(status(&program).await, 401, "its access tokens are worthless, too");
    problem(refresh(&program.refresh).await, 401).await;
    assert_eq!(status(&other).await, 200, "another log-in goes on");
    let page = alice.page("/settings/sessions").await;
    assert!(page.contains("used a second time"), "{page}");
}

#[sqlx::test]
async fn a_refresh_token_whose_successor_was_used_ends_its_log_in_at_once(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let mut program = Program::of(&server, "alice").await;
    let first = program.refresh.clone();
    for _ in 0..2 {
        let next = program
            .post("/api/token/refresh/", json!({"refresh": program.refresh}))
            .await;
        program.take(&next);
    }
    assert_eq!(status(&program).await, 200);
    let copied = Some(json!({"refresh": first}));
    program.problem(Method::POST, "/api/token/refresh/", copied, 401).await;
    assert_eq!(status(&program).await, 401);
}

#[sqlx::test]
async fn only_one_of_many_who_refresh_at_once_moves_on(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let program = Program::of(&server, "alice").await;
    let tries = (0..20).map(|_| program.post("/api/token/refresh/", json!({"refresh": program.refresh})));
    let answers = futures_util::future::join_all(tries).await;
    assert!(answers.iter().all(|answer| answer["refresh"] == answers[0]["refresh"]));
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM refresh_tokens")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(stored, 2);
}

#[sqlx::test]
async fn forged_and_foreign_tokens_are_refused(pool: PgPool) {
    let config = config();
    let server = spawn_with(pool, config.clone()).await;
    server.admin().await;
    server.person("alice").await;
    let good = Program::of(&server, "alice").await;
    let access = good.access.clone().unwrap();
    let part = |at: usize| access.split('.').nth(at).unwrap().to_owned();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part(1)).unwrap()).unwrap();
    for claim in ["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "typ"] {
        assert!(!claims[claim].is_null(), "{claim}: {claims}");
    }
    let header = |alg: &str| encode(&json!({"typ": "JWT", "alg": alg}));
    let mut later = claims.clone();
    later["exp"] = json!(claims["exp"].as_i64().unwrap() + 3600);
    let forged = [
        format!("{}.{}.", header("none"), part(1)),
        format!("{}.{}.{}", header("none"), part(1), part(2)),
        format!("{}.{}.{}", header("HS384"), part(1), part(2)),
        format!("{}.{}.{}", header("RS256"), part(1), part(2)),
        format!("{}.{}.{}", part(0), encode(&later), part(2)),
        format!("{}.{}.{}", part(0), part(1), &part(2)[1..]),
        format!("{}.{}", part(0), part(1)),
        good.refresh.clone(),
        String::new(),
        "ünïcode".into(),
    ];
    // The right algorithm, with another key, or about something else.
    let keys = config.umbra_keys.as_ref().unwrap().expose();
    let vault = Vault::open(&server.pool, keys, None).await.unwrap();
    let signed = |key: &[u8], claims: &Value| {
        let text = format!("{}.{}", header("HS256"), encode(claims));
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let access_key = vault.access_key().as_slice();
    let own = Program {
        access: Some(signed(access_key, &claims)),
        ..Program::stranger(&server)
    };
    assert_eq!(status(&own).await, 200, "what is signed like this is good");
    let other_keys = [vault.refresh_key(), vault.cookie_key(), &[0; 32]].map(|key| signed(key, &claims));
    let browser: Uuid = sqlx::query_scalar("SELECT id FROM user_sessions WHERE kind <> 'program' LIMIT 1")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    let other_claims = [
        ("typ", json!("refresh")),
        ("aud", json!("other")),
        ("iss", json!("umbrachat/other")),
        ("nbf", json!(claims["exp"])),
        ("exp", json!(claims["iat"].as_i64().unwrap() - 60)),
        ("sid", json!(browser)),
    ]
    .map(|(claim, value)| {
        let mut claims = claims.clone();
        claims[claim] = value;
        signed(access_key, &claims)
    });
    for token in forged.into_iter().chain(other_keys).chain(other_claims) {
        let stranger = Program {
            access: Some(token.clone()),
            ..Program::stranger(&server)
        };
        // What was asked for once may be remembered.
        for _ in 0..2 {
            assert_eq!(status(&stranger).await, 401, "{token}");
        }
    }
    let twice = good.request(Method::GET, ME).bearer_auth(&access).send().await.unwrap();
    problem(twice, 400).await;
    let basic = Program::stranger(&server)
        .request(Method::GET, ME)
        .basic_auth("alice", Some(PASSWORD));
    problem(basic.send().await.unwrap(), 401).await;

    // One is not good for the other.
    let sent = Some(json!({"refresh": access}));
    Program::stranger(&server)
        .problem(Method::POST, "/api/token/refresh/", sent, 401)
        .await;

    // Its time.
    server.clock.set_ahead(TimeDelta::minutes(9));
    assert_eq!(status(&good).await, 200);
    server.clock.set_ahead(TimeDelta::minutes(11));
    assert_eq!(status(&good).await, 401, "it is over");
    server.clock.set_ahead(TimeDelta::minutes(-1));
    assert_eq!(status(&good).await, 401, "it is not good yet");
    // A refresh token's.
    server.clock.set_ahead(TimeDelta::days(31));
    good.problem(
        Method::POST,
        "/api/token/refresh/",
        Some(json!({"refresh": good.refresh})),
        401,
    )
    .await;
}

#[sqlx::test]
async fn cookies_are_no_way_in(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let response = cast.alice.get(ME).await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    problem(response, 401).await;
}

#[sqlx::test]
async fn whatever_ends_a_log_in_ends_a_programs_on_every_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let program = async |name: &str| {
        let program = Program::of(&first, name).await;
        let elsewhere = program.at(&second);
        assert_eq!(status(&elsewhere).await, 200);
        elsewhere
    };
    // The other node may have looked it up a moment ago: it is told within two seconds.
    let ends = async |program: &Program| {
        let answered = Instant::now();
        while status(program).await == 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let took = answered.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(status(program).await, 401);
        let sent = Some(json!({"refresh": program.refresh}));
        program.problem(Method::POST, "/api/token/refresh/", sent, 401).await;
    };

    let revoked = program("alice").await;
    let sent = json!({"refresh": revoked.refresh});
    Program::stranger(&first).post("/api/token/revoke/", sent).await;
    ends(&revoked).await;
    // Nor is the access token in the way that is over by now.
    let unknown = json!({"refresh": "never was"});
    revoked.post("/api/token/revoke/", unknown).await;

    let ended = program("alice").await;
    done(cast.alice.post("/settings/sessions/end-others", &[]).await).await;
    ends(&ended).await;

    let changed = program("alice").await;
    let fields = [
        ("current_password", PASSWORD),
        ("password", "another seven quiet moons"),
    ];
    done(cast.alice.post("/settings/password", &fields).await).await;
    ends(&changed).await;

    let banned = program("bob").await;
    done(cast.admin.post("/admin/users/bob/ban", &[("reason", "spam")]).await).await;
    ends(&banned).await;
    let sent = json!({"username": "bob", "password": PASSWORD});
    let problem = banned.problem(Method::POST, "/api/token/", Some(sent), 422).await;
    assert!(problem["detail"].as_str().unwrap().contains("spam"), "{problem}");

    let deleted = program("charlie").await;
    let charlie = at(cast.charlie, &first);
    done(
        charlie
            .post("/settings/delete", &[("password", PASSWORD), ("username", "charlie")])
            .await,
    )
    .await;
    ends(&deleted).await;
}

#[sqlx::test]
async fn guessed_passwords_are_slowed_down(pool: PgPool) {
    let server = spawn_with(
        pool,
        Config {
            auth_rate: 3.try_into().unwrap(),
            ..config()
        },
    )
    .await;
    let program = Program::stranger(&server);
    sqlx::query("SELECT 1").execute(&server.pool).await.unwrap();
    server.admin().await;
    let sent = || Some(json!({"username": "ada", "password": "wrong"}));
    for _ in 0..2 {
        let problem = program.problem(Method::POST, "/api/token/", sent(), 422).await;
        assert!(
            problem["errors"]["form"].is_null() && problem["errors"]["password"].is_array(),
            "{problem}"
        );
    }
    let response = program.send(Method::POST, "/api/token/", sent()).await;
    assert!(response.headers().contains_key("retry-after"));
    problem(response, 429).await;
}

#[sqlx::test]
async fn requests_are_counted_over_all_nodes_and_answers_say_what_is_left(pool: PgPool) {
    let limits = Config {
        api_rate: 5.try_into().unwrap(),
        ..config()
    };
    let redis = crate::services::shared_redis();
    let (first, second) = crate::nodes::two_with(pool, [redis.clone(), redis], limits).await;
    first.admin().await;
    first.person("alice").await;
    first.person("bob").await;
    let alice = Program::of(&first, "alice").await;
    let elsewhere = alice.at(&second);
    for (program, left) in [(&alice, 4), (&elsewhere, 3), (&alice, 2), (&elsewhere, 1), (&alice, 0)] {
        let response = program.send(Method::GET, ME, None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["ratelimit-policy"], "\"account\";q=5;w=60");
        let told = response.headers()["ratelimit"].to_str().unwrap();
        assert!(told.starts_with(&format!("\"account\";r={left};t=")), "{told}");
    }
    let refused = elsewhere.send(Method::GET, ME, None).await;
    assert!(
        refused.headers()["ratelimit"]
            .to_str()
            .unwrap()
            .starts_with("\"account\";r=0;")
    );
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 429).await;
    // Another person is not held up by it, until the address has sent three times as many.
    let bob = Program::of(&first, "bob").await;
    assert_eq!(status(&bob).await, 200);
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(Program::stranger(&second).send(Method::GET, ME, None).await);
    }
    let last = answers.pop().unwrap();
    assert_eq!(last.headers()["ratelimit-policy"], "\"address\";q=15;w=60");
    problem(last, 429).await;
}

#[sqlx::test]
async fn before_the_server_is_set_up_programs_are_told_so(pool: PgPool) {
    let server = spawn(pool).await;
    let sent = Some(json!({"username": "ada", "password": PASSWORD}));
    let told = Program::stranger(&server)
        .problem(Method::POST, "/api/token/", sent, 503)
        .await;
    assert!(told["detail"].as_str().unwrap().contains("not set up yet"), "{told}");
}
