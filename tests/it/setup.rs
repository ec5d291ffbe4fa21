//! The first administrator: `security.md` row 26.

use reqwest::StatusCode;
use sqlx::PgPool;
use umbrachat::config::{Config, Secret};

use crate::support::{PASSWORD, Person, account, config, spawn, spawn_with};

async fn people(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn admins(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'admin'")
        .fetch_one(pool)
        .await
        .unwrap()
}

fn leads_to(answer: &reqwest::Response) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()["location"].to_str().unwrap()
}

#[sqlx::test]
async fn every_page_of_an_empty_server_leads_to_the_setup(pool: PgPool) {
    let server = spawn(pool).await;
    let visitor = server.visitor();
    for path in [
        "/",
        "/chat/",
        "/admin/",
        "/accounts/login",
        "/accounts/signup",
        "/privacy",
        "/about",
        "/nowhere",
    ] {
        assert_eq!(leads_to(&visitor.get(path).await), "/setup", "{path}");
    }
    for path in ["/healthz", "/readyz", "/setup"] {
        assert_eq!(visitor.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let page = visitor.page("/setup").await;
    assert!(page.contains("/setup?code="), "it says where the code is");
    let style = crate::support::attributes(&page, "href")
        .into_iter()
        .find(|href| href.starts_with("/assets/app."))
        .unwrap();
    assert_eq!(visitor.get(&style).await.status(), StatusCode::OK);
}

#[sqlx::test]
async fn the_printed_address_fills_in_the_code(pool: PgPool) {
    let server = spawn(pool).await;
    let code = server.setup_code.clone().unwrap();
    assert!(code.len() >= 26, "128 bits or more in base32: {code}");
    let page = server.visitor().page(&format!("/setup?code={code}")).await;
    assert!(page.contains(&format!(r#"value="{code}""#)));
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM login_tokens")
        .fetch_all(&server.pool)
        .await
        .unwrap();
    assert_eq!(stored.len(), 1);
    assert!(
        !stored[0].windows(code.len()).any(|part| part == code.as_bytes()),
        "the code is stored hashed"
    );
}

#[sqlx::test]
async fn a_wrong_or_missing_code_is_an_error_of_its_field(pool: PgPool) {
    let server = spawn(pool).await;
    let visitor = server.visitor();
    for code in ["", "wrong", "aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let answer = visitor.post("/setup", &account("ada", &[("code", code)])).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains("start of the server"), "it says where the code is");
        assert!(page.contains(r#"value="ada""#), "the rest is kept");
        assert!(!page.contains(PASSWORD), "the password is not");
    }
    assert_eq!(people(&server.pool).await, 0);
}

#[sqlx::test]
async fn the_code_may_be_typed_first_and_the_form_follows(pool: PgPool) {
    let server = spawn(pool).await;
    let visitor = server.visitor();
    let code = server.setup_code.clone().unwrap();
    let answer = visitor.post("/setup", &[("code", &code.to_uppercase())]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains(r#"name="password""#));
    assert_eq!(
        visitor.post("/setup", &[("code", "wrong")]).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(people(&server.pool).await, 0);
}

#[sqlx::test]
async fn beyond_the_limit_no_code_is_judged(pool: PgPool) {
    let limited = Config {
        auth_rate: 3.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, limited).await;
    let visitor = server.visitor();
    let code = server.setup_code.clone().unwrap();
    for _ in 0..3 {
        let answer = visitor.post("/setup", &[("code", "wrong")]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    for fields in [vec![("code", code.as_str())], account("ada", &[("code", &code)])] {
        let answer = visitor.post("/setup", &fields).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.headers().contains_key("retry-after"));
        let page = answer.text().await.unwrap();
        assert!(page.contains(&format!(r#"value="{code}""#)), "what was typed is kept");
        assert!(!page.contains("is not the code"), "{page}");
    }
}

#[sqlx::test]
async fn the_setup_makes_an_administrator_once(pool: PgPool) {
    let server = spawn(pool).await;
    let code = server.setup_code.clone().unwrap();
    let visitor = server.visitor();
    let answer = visitor.post("/setup", &account("ada", &[("code", &code)])).await;
    assert_eq!(leads_to(&answer), "/admin/rooms");
    assert_eq!(visitor.get("/admin/rooms").await.status(), StatusCode::OK, "logged in");

    let late = server.visitor();
    assert_eq!(late.get("/setup").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        late.get(&format!("/setup?code={code}")).await.status(),
        StatusCode::NOT_FOUND
    );
    let token = late.csrf_token().await;
    let answer = late
        .post_raw("/setup", &account("eve", &[("code", &code), ("csrf_token", &token)]))
        .await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!((people(&server.pool).await, admins(&server.pool).await), (1, 1));
    let codes: i64 = sqlx::query_scalar("SELECT count(*) FROM login_tokens")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(codes, 0, "the code is gone");
}

#[sqlx::test]
async fn two_setups_at_once_make_one_administrator(pool: PgPool) {
    let server = spawn(pool).await;
    let code = server.setup_code.clone().unwrap();
    let try_it = |name: &'static str, code: String| {
        let visitor: Person = server.visitor();
        async move {
            visitor
                .post("/setup", &account(name, &[("code", &code)]))
                .await
                .status()
        }
    };
    let (a, b, c) = tokio::join!(
        try_it("ada", code.clone()),
        try_it("bea", code.clone()),
        try_it("cleo", code.clone())
    );
    let made = [a, b, c]
        .iter()
        .filter(|status| **status == StatusCode::SEE_OTHER)
        .count();
    assert_eq!(made, 1, "{a} {b} {c}");
    assert!([a, b, c].iter().all(|status| !status.is_server_error()));
    assert_eq!((people(&server.pool).await, admins(&server.pool).await), (1, 1));
}

#[sqlx::test]
async fn a_restart_prints_a_new_code_and_the_old_one_is_worthless(pool: PgPool) {
    let config = config();
    let mut first = spawn_with(pool.clone(), config.clone()).await;
    let old = first.setup_code.clone().unwrap();
    first.stop().await;
    let second = spawn_with(pool, config).await;
    assert_ne!(second.setup_code.as_ref(), Some(&old));
    let answer = second
        .visitor()
        .post("/setup", &account("ada", &[("code", &old)]))
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[sqlx::test]
async fn the_command_line_makes_an_administrator_too(pool: PgPool) {
    let config = config();
    let server = spawn_with(pool.clone(), config.clone()).await;
    let weak = umbrachat::app::create_admin(config.clone(), pool.clone(), "ada", &Secret::new("1234567890")).await;
    assert!(weak.unwrap_err().to_string().contains("easy to guess"));
    umbrachat::app::create_admin(config.clone(), pool.clone(), "ada", &Secret::new(PASSWORD))
        .await
        .unwrap();
    let taken = umbrachat::app::create_admin(config, pool, "Ada", &Secret::new(PASSWORD)).await;
    assert!(taken.unwrap_err().to_string().contains("taken"));

    let agreed: bool = sqlx::query_scalar("SELECT consent_version IS NOT NULL OR consented_at IS NOT NULL FROM users")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert!(!agreed, "nobody was asked");
    let half = sqlx::query("UPDATE users SET consented_at = now()").execute(&server.pool);
    assert!(half.await.is_err(), "a consent is to a version");

    let ada = server.visitor();
    assert_eq!(
        ada.get("/setup").await.status(),
        StatusCode::NOT_FOUND,
        "the running server notices"
    );
    ada.log_in("ada").await;
    assert_eq!(ada.get("/admin/").await.status(), StatusCode::OK);
}
