//! The settings: what people see and decide of their own account.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::support::{Cast, PASSWORD, Person, attributes, spawn};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// A second browser of somebody, which calls itself so.
async fn another_browser(person: &Person, device: &'static str) -> Person {
    let mut other = Person::new(&person.address);
    other.client = reqwest::Client::builder()
        .cookie_provider(other.jar.clone())
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(device)
        .build()
        .unwrap();
    other.name.clone_from(&person.name);
    let answer = other
        .post("/accounts/login", &[("login", &person.name), ("password", PASSWORD)])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    other
}

/// Where the forms of the page end a session.
fn ends(page: &str) -> Vec<String> {
    let mut paths = attributes(page, "action");
    paths.retain(|path| path.starts_with("/settings/sessions/") && path.ends_with("/end"));
    paths
}

#[sqlx::test]
async fn sessions_are_listed_with_device_and_address_and_end_one_by_one(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, charlie, .. } = first.cast().await;
    let laptop = at(another_browser(&alice, FIREFOX).await, &second);
    let mut socket = laptop.socket("General").await;
    another_browser(&charlie, FIREFOX).await;

    let page = alice.page("/settings/sessions").await;
    assert!(page.contains("Firefox on Linux") && page.contains("from 127.0.0.1") && page.contains("This device"));
    let ends_of_alice = ends(&page);
    assert_eq!(ends_of_alice.len(), 1, "her own two, of which one is this one");

    // For others it does not exist, nor does one of theirs for her.
    let answer = charlie.post(&ends_of_alice[0], &[]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let ends_of_charlie = ends(&charlie.page("/settings/sessions").await);
    for path in [ends_of_charlie[0].as_str(), "/settings/sessions/nonsense/end"] {
        assert_eq!(alice.post(path, &[]).await.status(), StatusCode::NOT_FOUND);
    }
    assert!(laptop.is_logged_in().await);

    let answer = alice.post(&ends_of_alice[0], &[]).await;
    assert_eq!(answer.headers()["location"], "/settings/sessions");
    assert_eq!(socket.closed().await.0, 4401, "on the other node too");
    assert!(!at(laptop, &first).is_logged_in().await && alice.is_logged_in().await);
    assert!(ends(&alice.page("/settings/sessions").await).is_empty());
    assert_eq!(
        alice.post(&ends_of_alice[0], &[]).await.status(),
        StatusCode::NOT_FOUND,
        "it has ended"
    );
}

#[sqlx::test]
async fn all_other_sessions_end_at_once_and_this_one_stays(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(another_browser(&alice, "<b>x</b>").await);
    }
    let mut socket = others[0].socket("General").await;
    let mut own = alice.socket("General").await;
    let page = alice.page("/settings/sessions").await;
    assert!(!page.contains("<b>x</b>") && page.contains("Unknown browser"));

    let answer = alice
        .post_fragment("/settings/sessions", "/settings/sessions/end-others", &[])
        .await;
    assert_eq!(
        answer.headers()["hx-trigger"],
        r#"{"toast":"All other sessions have ended."}"#
    );
    let fragment = answer.text().await.unwrap();
    assert!(fragment.contains("You are logged in nowhere else.") && !fragment.contains("<html"));
    assert_eq!(socket.closed().await.0, 4401);
    for other in &others {
        assert!(!other.is_logged_in().await);
    }
    own.say("still here").await;
    own.until("still here").await;
    assert!(bob.is_logged_in().await, "nobody else's end");
}

#[sqlx::test]
async fn many_sessions_come_in_pages(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    sqlx::query(
        "INSERT INTO user_sessions (id, store_id, user_id, remember, device, expires_at)
         SELECT lpad(n::text, 32, '0')::uuid, 'record' || n, u.id, true, 'x', now() + interval '1 day'
         FROM users u, generate_series(1, 120) n WHERE u.username = 'alice'",
    )
    .execute(&server.pool)
    .await
    .unwrap();
    let mut seen = Vec::new();
    let mut path = Some("/settings/sessions".to_owned());
    while let Some(next) = path {
        let page = alice.page(&next).await;
        seen.extend(ends(&page));
        path = attributes(&page, "href")
            .into_iter()
            .find(|href| href.starts_with("/settings/sessions?before="));
    }
    assert_eq!(seen.len(), 120);
    seen.dedup();
    assert_eq!(seen.len(), 120);
}

#[sqlx::test]
async fn a_look_is_kept_in_the_account_and_in_the_browser(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let answer = alice.post("/settings/appearance", &[("theme", "dawn")]).await;
    assert_eq!(answer.headers()["location"], "/settings/appearance");
    assert!(alice.page("/settings").await.contains(r#"data-theme="dawn""#));
    let elsewhere = another_browser(&alice, FIREFOX).await;
    assert!(
        elsewhere
            .page("/settings/appearance")
            .await
            .contains(r#"data-theme="dawn""#)
    );
    let answer = alice.post("/settings/appearance", &[("theme", "noon")]).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[sqlx::test]
async fn who_is_not_logged_in_is_led_to_the_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let visitor = server.visitor();
    for path in [
        "/settings",
        "/settings/appearance",
        "/settings/email",
        "/settings/password",
        "/settings/sessions",
        "/settings/data",
        "/settings/profile",
    ] {
        let answer = visitor.get(path).await;
        let next = path.replace('/', "%2F");
        assert_eq!(answer.headers()["location"], format!("/accounts/login?next={next}"));
    }
    for path in [
        "/settings/sessions/end-others",
        "/settings/appearance",
        "/settings/privacy",
        "/settings/export",
        "/settings/messages/delete",
        "/settings/delete",
        "/settings/email",
        "/settings/password",
        "/settings/picture/delete",
        "/settings/profile",
    ] {
        let answer = visitor.post(path, &[("theme", "dawn")]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    // Of a file nothing is read, so that there is nothing to keep for after the log-in.
    let answer = visitor.post("/settings/picture", &[("theme", "dawn")]).await;
    assert!(
        answer.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with("/accounts/login")
    );
}

#[sqlx::test]
async fn each_switch_is_set_by_itself_and_only_for_oneself(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let is_on = |page: &str, name: &str| page.contains(&format!(r#"name="{name}" value="off""#));
    let page = alice.page("/settings/data").await;
    assert!(is_on(&page, "presence") && is_on(&page, "receipts"), "as it begins");
    for (name, presence, receipts) in [("receipts", true, false), ("presence", false, false)] {
        alice.post("/settings/privacy", &[(name, "off")]).await;
        let page = alice.page("/settings/data").await;
        assert_eq!(
            (is_on(&page, "presence"), is_on(&page, "receipts")),
            (presence, receipts)
        );
    }
    let page = bob.page("/settings/data").await;
    assert!(is_on(&page, "presence") && is_on(&page, "receipts"));
    alice
        .post("/settings/privacy", &[("presence", "on"), ("receipts", "on")])
        .await;
    let page = alice.page("/settings/data").await;
    assert!(is_on(&page, "presence") && is_on(&page, "receipts"));
    let answer = alice.post("/settings/privacy", &[("presence", "maybe")]).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}
