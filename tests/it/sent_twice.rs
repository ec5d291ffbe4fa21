//! A form that makes an account and is sent twice, by a second click without a script: both answers log in, into one
//! account and one log-in.

use regex::Regex;
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use sqlx::PgPool;
use umbrachat::config::Config;

use crate::support::{PASSWORD, Person, Server, account, config, session_cookie, spawn, spawn_with};

/// The hidden fields of the form on that page: its token and its id.
async fn hidden(visitor: &Person, path: &str) -> Vec<(String, String)> {
    let page = visitor.page(path).await;
    let field = Regex::new(r#"<input type="hidden" name="(csrf_token|form_id)" value="([^"]+)""#).unwrap();
    let fields: Vec<_> = field
        .captures_iter(&page)
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect();
    assert_eq!(fields.len(), 2, "{page}");
    fields
}

/// The filled in form as its browser sends it, `more` on top.
fn filled<'a>(hidden: &'a [(String, String)], name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = account(name, more);
    fields.extend(hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    fields
}

/// This browser before any answer has come: it has the same cookies in a jar of its own.
fn as_it_is(person: &Person, address: &str) -> Person {
    let copy = Person::new(address);
    for cookie in person.cookies().split("; ") {
        copy.jar.add_cookie_str(cookie, &address.parse().unwrap());
    }
    copy
}

fn leads_to(answer: &Response) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()[LOCATION].to_str().unwrap()
}

async fn count(server: &Server, what: &str) -> i64 {
    sqlx::query_scalar(what).fetch_one(&server.pool).await.unwrap()
}

/// Of one account there is one log-in that lives, whose cookies both work until one of them logs out.
async fn is_one_log_in(server: &Server, name: &str, first: &Person, second: &Person) {
    let live = format!(
        "SELECT count(*) FROM user_sessions s JOIN users u ON u.id = user_id WHERE name_key = '{name}' AND ended_at IS NULL"
    );
    assert_eq!(count(server, &live).await, 1);
    assert_ne!(session_cookie(&first.cookies()), session_cookie(&second.cookies()));
    for person in [first, second] {
        assert!(person.page("/chat/").await.contains(&format!("@{name}")));
    }
    second.post("/accounts/logout", &[]).await;
    assert!(!first.is_logged_in().await && !second.is_logged_in().await);
}

#[sqlx::test]
async fn a_sign_up_that_is_sent_twice_logs_in_twice(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let first = server.visitor();
    let hidden = hidden(&first, "/accounts/signup").await;
    let second = as_it_is(&first, &server.address);
    for browser in [&first, &second] {
        let answer = browser
            .post_raw("/accounts/signup", &filled(&hidden, "alice", &[]))
            .await;
        assert_eq!(leads_to(&answer), "/chat/");
    }
    // The cookie of the first answer may be there before the second click: then the token is of before.
    let answer = first.post_raw("/accounts/signup", &filled(&hidden, "alice", &[])).await;
    assert_eq!(leads_to(&answer), "/chat/");
    let fresh = [("form_id".to_owned(), hidden[1].1.clone())];
    let answer = first.post("/accounts/signup", &filled(&fresh, "alice", &[])).await;
    assert_eq!(leads_to(&answer), "/chat/");
    assert_eq!(count(&server, "SELECT count(*) FROM users").await, 2);
    is_one_log_in(&server, "alice", &first, &second).await;

    // What has ended stays so.
    let answer = as_it_is(&first, &server.address)
        .post("/accounts/signup", &filled(&fresh, "alice", &[]))
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("This name is taken"));
}

#[sqlx::test]
async fn two_sign_ups_at_once_on_two_nodes_are_one(pool: PgPool) {
    let config = config();
    let one = spawn_with(pool.clone(), config.clone()).await;
    one.admin().await;
    let two = spawn_with(pool, config).await;
    for round in 0..20 {
        let name = format!("alice{round}");
        let first = one.visitor();
        let hidden = hidden(&first, "/accounts/signup").await;
        let second = as_it_is(&first, &two.address);
        let fields = filled(&hidden, &name, &[]);
        let (a, b) = tokio::join!(
            first.post_raw("/accounts/signup", &fields),
            second.post_raw("/accounts/signup", &fields)
        );
        assert_eq!((leads_to(&a), leads_to(&b)), ("/chat/", "/chat/"), "round {round}");
        is_one_log_in(&one, &name, &first, &as_it_is(&second, &one.address)).await;
    }
    assert_eq!(count(&one, "SELECT count(*) FROM users").await, 21);
}

#[sqlx::test]
async fn a_setup_that_is_sent_twice_logs_in_twice(pool: PgPool) {
    let server = spawn(pool).await;
    let code = server.setup_code.clone().unwrap();
    let first = server.visitor();
    let hidden = hidden(&first, &format!("/setup?code={code}")).await;
    let second = as_it_is(&first, &server.address);
    let fields = filled(&hidden, "ada", &[("code", &code)]);
    for browser in [&first, &second, &first] {
        let answer = browser.post_raw("/setup", &fields).await;
        assert_eq!(leads_to(&answer), "/admin/rooms");
        assert_eq!(browser.get("/admin/rooms").await.status(), StatusCode::OK);
    }
    assert_eq!(count(&server, "SELECT count(*) FROM users").await, 1);
    // For everybody else there is no such page any more, whatever they know.
    for fields in [
        filled(
            &hidden,
            "ada",
            &[("code", &code), ("password", "another password entirely")],
        ),
        filled(&hidden, "eve", &[("code", &code)]),
        account("ada", &[("code", &code)]),
    ] {
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "csrf_token").collect();
        let answer = server.visitor().post("/setup", &fields).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    is_one_log_in(&server, "ada", &first, &second).await;
}

#[sqlx::test]
async fn two_setups_of_one_form_at_once_on_two_nodes_are_one(pool: PgPool) {
    for round in 0..8 {
        let config = config();
        sqlx::query("TRUNCATE users, login_tokens, data_keys, server_secrets CASCADE")
            .execute(&pool)
            .await
            .unwrap();
        let one = spawn_with(pool.clone(), config.clone()).await;
        // A node that starts makes earlier codes worthless.
        let two = spawn_with(pool.clone(), config).await;
        let code = two.setup_code.clone().unwrap();
        let first = one.visitor();
        let hidden = hidden(&first, &format!("/setup?code={code}")).await;
        let second = as_it_is(&first, &two.address);
        let fields = filled(&hidden, "ada", &[("code", &code)]);
        let (a, b) = tokio::join!(first.post_raw("/setup", &fields), second.post_raw("/setup", &fields));
        assert_eq!(
            (leads_to(&a), leads_to(&b)),
            ("/admin/rooms", "/admin/rooms"),
            "round {round}"
        );
        assert_eq!(count(&one, "SELECT count(*) FROM users").await, 1);
        is_one_log_in(&one, "ada", &first, &as_it_is(&second, &one.address)).await;
    }
}

#[sqlx::test]
async fn a_taken_name_stays_taken_for_every_other_form(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.visitor();
    let form = hidden(&alice, "/accounts/signup").await;
    let answer = alice.post_raw("/accounts/signup", &filled(&form, "alice", &[])).await;
    assert_eq!(leads_to(&answer), "/chat/");

    let form_id = form[1].1.as_str();
    let other = server.visitor();
    for more in [
        // Another form, also with her password; without one; and her form with another password.
        &[("form_id", "0190b7a0-0000-7000-8000-000000000000")][..],
        &[],
        &[("form_id", "")],
        &[("form_id", form_id), ("password", "another password entirely")],
    ] {
        let answer = other.post("/accounts/signup", &account("alice", more)).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains("This name is taken"));
        assert!(!other.is_logged_in().await);
    }
    // Of the same form another name makes another account.
    let answer = other
        .post("/accounts/signup", &account("bobby", &[("form_id", form_id)]))
        .await;
    assert_eq!(leads_to(&answer), "/chat/");
    assert!(other.page("/chat/").await.contains("@bobby"));
    assert!(alice.page("/chat/").await.contains("@alice"));
    // In a browser where somebody is logged in, too.
    let third = server.visitor();
    third.log_in("alice").await;
    let answer = third
        .post("/accounts/signup", &account("carol", &[("form_id", form_id)]))
        .await;
    assert_eq!(leads_to(&answer), "/chat/");
    assert_eq!(count(&server, "SELECT count(*) FROM users").await, 4);
}

#[sqlx::test]
async fn row_9_a_form_that_is_sent_again_is_no_way_round_the_limit_of_log_ins(pool: PgPool) {
    let limited = Config {
        auth_rate: 1.try_into().unwrap(),
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..config()
    };
    let server = spawn_with(pool, limited).await;
    server.admin().await;
    let alice = server.visitor();
    let form = hidden(&alice, "/accounts/signup").await;
    let guess = |n: u8, password: &'static str| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(filled(&form, "alice", &[("password", password)]))
            .finish();
        // From everywhere, so that no address has its fill.
        let request = as_it_is(&alice, &server.address)
            .client
            .post(format!("{}/accounts/signup", server.address));
        let request = request
            .header("origin", &server.address)
            .header("x-forwarded-for", format!("192.0.2.{n}"));
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
    };
    let made = guess(0, PASSWORD).await.unwrap();
    assert_eq!(leads_to(&made), "/chat/");
    let mut statuses = Vec::new();
    for n in 1..=12 {
        statuses.push(guess(n, "a guess of somebody").await.unwrap().status());
    }
    // Three at once, and then one every 20 seconds.
    assert_eq!(statuses[2], StatusCode::UNPROCESSABLE_ENTITY, "{statuses:?}");
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
}

#[sqlx::test]
async fn a_log_in_that_is_sent_twice_leads_on_twice(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;
    let log_in = |login: &'static str| {
        let fields = [
            ("login", login),
            ("password", PASSWORD),
            ("next", "/chat/room/General"),
            ("csrf_token", &token),
        ];
        let visitor = &visitor;
        async move { visitor.post_raw("/accounts/login", &fields).await }
    };
    for login in ["alice", "Alice"] {
        assert_eq!(leads_to(&log_in(login).await), "/chat/room/General");
    }
    let answer = log_in("ada").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "that is somebody else");
    assert!(visitor.page("/chat/").await.contains("@alice"));
}
