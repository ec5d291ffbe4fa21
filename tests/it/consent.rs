//! Being asked again when the privacy page has changed.

use reqwest::{Response, StatusCode};
use sqlx::PgPool;
use umbrachat::accounts::model::CONSENT_VERSION;

use crate::nodes::{at, two};
use crate::support::{Cast, Person, spawn};

/// Asks for a page as a browser does.
async fn visit(person: &Person, path: &str) -> Response {
    let request = person.client.get(format!("{}{path}", person.address));
    request.header("accept", "text/html,*/*;q=0.8").send().await.unwrap()
}

/// Lets somebody have agreed to that version of the page, or have never been asked.
async fn had_agreed(pool: &PgPool, name: &str, version: Option<&str>) {
    sqlx::query(
        "UPDATE users SET consent_version = $2, consented_at = CASE WHEN $2 IS NULL THEN NULL ELSE '2025-03-04'::timestamptz END
         WHERE name_key = $1",
    )
    .bind(name)
    .bind(version)
    .execute(pool)
    .await
    .unwrap();
}

/// What is stored of somebody's consent: the version, and whether it is of a moment ago.
async fn stored(pool: &PgPool, name: &str) -> (Option<String>, Option<bool>) {
    let row = "SELECT consent_version, consented_at > now() - interval '1 minute' FROM users WHERE name_key = $1";
    sqlx::query_as(row).bind(name).fetch_one(pool).await.unwrap()
}

fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().unwrap()
}

#[sqlx::test]
async fn whoever_agreed_to_an_older_page_is_asked_once_and_led_back(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let mut socket = alice.socket("General").await;
    had_agreed(&first.pool, "alice", Some("2025-01")).await;
    // On the other node: this one may know her as she was for two seconds.
    let there = at(alice.clone(), &second);

    let answer = visit(&there, "/chat/room/General?before=9").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let asked = "/consent?next=%2Fchat%2Froom%2FGeneral%3Fbefore%3D9";
    assert_eq!(location(&answer), asked);
    let answer = there.fragment("/settings").await;
    assert_eq!(
        answer.headers()["hx-redirect"].to_str().unwrap().split('?').next(),
        Some("/consent")
    );
    for path in ["/consent", "/privacy", "/about", "/settings/data"] {
        assert_eq!(visit(&there, path).await.status(), StatusCode::OK, "{path}");
    }
    let page = visit(&there, asked).await.text().await.unwrap();
    assert!(page.contains("has changed") && page.contains("4 March 2025") && page.contains("2025-01"));
    assert!(page.contains("/accounts/logout") && page.contains("/settings/data"));

    // What she does on the page that is open goes on.
    assert_eq!(there.write("General", "typed before").await, 1);
    socket.until("typed before").await;
    socket.say("and by the socket").await;
    socket.until("and by the socket").await;

    let next = ("next", "/chat/room/General?before=9");
    let answer = there.post("/consent", &[next]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("field-consent-error") && page.contains(r#"value="/chat/room/General?before=9""#));
    assert_eq!(stored(&first.pool, "alice").await.0.as_deref(), Some("2025-01"));

    let answer = there.post("/consent", &[("consent", "on"), next]).await;
    assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, next.1));
    assert_eq!(
        stored(&first.pool, "alice").await,
        (Some(CONSENT_VERSION.to_owned()), Some(true))
    );
    for node in [&first, &second] {
        assert_eq!(visit(&at(alice.clone(), node), "/chat/").await.status(), StatusCode::OK);
    }
    assert_eq!(location(&visit(&alice, "/consent").await), "/chat/");
    assert_eq!(
        visit(&bob, "/chat/").await.status(),
        StatusCode::OK,
        "nobody else was asked"
    );
}

#[sqlx::test]
async fn whoever_does_not_agree_may_log_out_instead(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    had_agreed(&server.pool, "alice", Some("2025-01")).await;
    // A log-in of a moment ago is not in the cache.
    alice.log_in("alice").await;
    assert_eq!(location(&visit(&alice, "/chat/").await), "/consent?next=%2Fchat%2F");
    let answer = alice.post("/accounts/logout", &[]).await;
    assert_eq!(location(&answer), "/");
    assert_eq!(stored(&server.pool, "alice").await.0.as_deref(), Some("2025-01"));
}

#[sqlx::test]
async fn whose_account_was_made_on_the_command_line_is_not_asked(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    had_agreed(&server.pool, "alice", None).await;
    alice.log_in("alice").await;
    assert_eq!(visit(&alice, "/chat/").await.status(), StatusCode::OK);
}

#[sqlx::test]
async fn agreeing_leads_to_pages_of_this_site_only(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    for next in ["https://evil.example", "//evil.example", "/consent", "/accounts/login"] {
        let answer = alice.post("/consent", &[("consent", "on"), ("next", next)]).await;
        assert_eq!(location(&answer), "/chat/", "{next}");
    }
    let visitor = server.visitor();
    assert_eq!(
        location(&visitor.get("/consent").await),
        "/accounts/login?next=%2Fconsent"
    );
    let answer = visitor.post("/consent", &[("consent", "on")]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}
