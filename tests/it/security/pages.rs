//! Rows 13 and 14, and what else holds for every page: headers, errors, addresses.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sqlx::PgPool;

use crate::support::{Person, account, spawn};

/// What a form with this text in every field is answered when its token is none.
async fn refused(person: &Person, path: &str, text: &str) -> String {
    let fields = [("body", text), ("topic", text), ("client_id", text), (text, text)];
    person.post_raw(path, &fields).await.text().await.unwrap()
}

fn url_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[sqlx::test]
async fn row_13_no_text_becomes_markup(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    let payloads = [
        "<script>alert(1)</script>",
        r#"<hx-partial hx-target="body">x"#,
        r#""><img src=x onerror=alert(1)>"#,
        r#"' hx-swap-oob="true" x=""#,
        r#"<div hx-ws:connect="/ws/evil">"#,
        r#"<b x-data="{}">"#,
        "javascript:alert(1)",
    ];
    for (n, payload) in payloads.into_iter().enumerate() {
        let (name, room) = (format!("person{n}"), format!("room{n}"));
        let person = server.visitor();
        let names = [("first_name", payload), ("last_name", payload)];
        person.post("/accounts/signup", &account(&name, &names)).await;
        assert!(person.is_logged_in().await, "{payload}");
        admin.post("/admin/rooms", &[("name", &room), ("topic", payload)]).await;
        let profile = [("display_name", payload), ("bio", payload)];
        let answer = person.post("/settings/profile", &profile).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{payload}");
        person.join(&room).await;
        person.write(&room, payload).await;

        let typed = [("login", payload), ("password", "wrong password"), ("next", payload)];
        let pages = [
            person.page("/chat/").await,
            person.page("/settings/profile").await,
            admin.page(&format!("/@{name}")).await,
            person.page(&format!("/chat/room/{room}")).await,
            admin.page(&format!("/chat/room/{room}")).await,
            person.page(&format!("/chat/room/{room}?around=1")).await,
            person.page(&format!("/chat/room/{room}/messages/1/edit")).await,
            person.page(&format!("/chat/room/{room}/messages/1/reply")).await,
            person.page(&format!("/chat/room/{room}/messages/1/delete")).await,
            person.page(&format!("/chat/room/{room}/messages/1/react")).await,
            person.page(&format!("/chat/room/{room}/messages/1/reactions")).await,
            admin.page("/admin/rooms").await,
            admin.page(&format!("/admin/rooms/{room}/edit")).await,
            admin.page("/admin/users").await,
            admin.page(&format!("/admin/users?q={}", url_encoded(payload))).await,
            server
                .visitor()
                .post("/accounts/login", &typed)
                .await
                .text()
                .await
                .unwrap(),
            server
                .visitor()
                .post("/accounts/signup", &account(payload, &names))
                .await
                .text()
                .await
                .unwrap(),
            // Refused before they are carried out: by the log-in, in the composer, and on a page for every other form.
            refused(&server.visitor(), "/chat/room/nowhere/messages", payload).await,
            refused(&person, &format!("/chat/room/{room}/messages"), payload).await,
            refused(&person, "/chat/room/nowhere/messages", payload).await,
            refused(&person, &format!("/appearance?{}", url_encoded(payload)), payload).await,
            admin
                .post("/admin/rooms", &[("name", payload), ("topic", payload)])
                .await
                .text()
                .await
                .unwrap(),
            server
                .visitor()
                .page(&format!("/accounts/login?next={}", url_encoded(payload)))
                .await,
        ];
        for page in pages {
            if payload.contains('<') || payload.contains('"') {
                assert!(!page.contains(payload), "{payload}");
            }
            for unsafe_part in [
                "<script>alert",
                "<hx-partial",
                "<img src",
                "<div hx-ws",
                "<b x-data",
                "href=\"javascript",
            ] {
                assert!(!page.contains(unsafe_part), "{unsafe_part} of {payload}");
            }
            assert!(!page.contains(r#"hx-swap-oob="true""#), "{payload}");
        }
    }
}

#[sqlx::test]
async fn row_14_every_answer_has_the_security_headers(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let visitor = server.visitor();
    let style = crate::support::attributes(&visitor.page("/").await, "href");
    let style = style.into_iter().find(|href| href.starts_with("/assets/app.")).unwrap();
    let mut answers = Vec::new();
    for path in [
        "/",
        "/privacy",
        "/about",
        "/api/docs",
        "/accounts/login",
        "/accounts/signup",
        "/accounts/logout",
        "/setup",
        "/healthz",
        "/readyz",
        "/nowhere",
        "/chat/room/nowhere",
        "/privacy/",
        &style,
        "/assets/nothing.css",
        "/consent",
        "/chat/",
        "/chat/me.css",
        "/chat/room/General",
        "/chat/room/General/messages?before=1",
        "/chat/room/General/members",
        "/chat/room/General/settings",
        "/@alice",
        "/settings",
        "/settings/profile",
        "/settings/picture",
        "/pictures/alice/00000000-0000-0000-0000-000000000000",
        "/settings/appearance",
        "/settings/data",
        "/settings/blocks",
        "/friends",
        "/chat/rooms",
        "/chat/switch?q=alice",
        "/chat/with/alice",
        "/invitations",
        "/chat/room/General/invites",
        "/invite/nothing",
        "/friends/search?q=alice",
        "/settings/sessions",
        "/settings/api",
        "/settings/email",
        "/settings/password",
        "/accounts/reset",
        "/accounts/reset/done",
        "/accounts/reset/nothing",
        "/accounts/email/done",
        "/accounts/email/verify/nothing",
        "/admin/",
        "/admin/rooms",
        "/admin/users",
        "/admin/users/alice/ban",
        "/admin/audit",
        "/admin/jobs",
        "/ws/chatroom/General",
    ] {
        answers.push((path.to_owned(), visitor.get(path).await));
        answers.push((path.to_owned(), cast.admin.get(path).await));
        answers.push((path.to_owned(), cast.alice.fragment(path).await));
    }
    answers.push(("403".into(), visitor.post_raw("/accounts/login", &[]).await));
    answers.push(("422".into(), visitor.post("/accounts/login", &[("login", "x")]).await));
    for (path, answer) in &answers {
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("script-src 'self';"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(header("permissions-policy").contains("camera=()"), "{path}");
        assert_eq!(header("x-request-id").len(), 16, "{path}");
        assert!(header("strict-transport-security").is_empty(), "only over TLS: {path}");
        let cache = header("cache-control");
        if *path == style {
            assert!(cache.contains("immutable"), "{path}");
        } else {
            assert!(cache.contains("no-store"), "{path} {cache}");
        }
    }
}

#[sqlx::test]
async fn errors_answer_as_they_were_asked(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let visitor = server.visitor();
    let get = |path: &str, accept: &'static str| {
        let request = visitor
            .client
            .get(format!("{}{path}", server.address))
            .header("accept", accept);
        async move { request.send().await.unwrap() }
    };
    let page = get("/nowhere", "text/html").await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    let part = visitor.fragment("/nowhere").await;
    assert_eq!(part.status(), StatusCode::NOT_FOUND);
    assert!(!part.text().await.unwrap().contains("<html"));
    let json: serde_json::Value = get("/nowhere", "application/json").await.json().await.unwrap();
    assert_eq!(json["error"]["code"], "not_found");
    let json = get("/chat/", "application/json").await;
    assert_eq!(json.status(), StatusCode::UNAUTHORIZED);
    for (method, path, status) in [
        (Method::DELETE, "/nowhere", 403),
        (Method::GET, "/accounts/logout", 405),
    ] {
        let answer = visitor
            .client
            .request(method, format!("{}{path}", server.address))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}

#[sqlx::test]
async fn an_address_that_can_name_nothing_is_not_found(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    admin.make_room("General").await;
    for path in [
        "/chat/room/%00",
        "/chat/room/%00/messages",
        "/chat/room/General%00",
        "/admin/rooms/%00/edit",
        "/admin/rooms/%00/delete",
        "/chat/room/%ff",
        "/chat/room/%ff/messages",
        "/admin/rooms/%ff/edit",
    ] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().contains("Error 404"), "{path}");
    }
    for (path, fields) in [
        ("/chat/room/%00/join", &[][..]),
        ("/chat/room/%00/leave", &[]),
        ("/chat/room/%ff/join", &[]),
        ("/admin/rooms/%00/archive", &[]),
        ("/admin/users/%00/role", &[("role", "admin")]),
    ] {
        assert_eq!(admin.post(path, fields).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        "/admin/users?q=%00",
        "/admin/users?after=%00",
        "/admin/rooms?after=%00",
        "/admin/rooms?show=%00",
    ] {
        assert_eq!(admin.get(path).await.status(), StatusCode::OK, "{path}");
    }
    for login in ["\0", "ada\0", "\0@example.org"] {
        let typed = [("login", login), ("password", "seven quiet moons")];
        let answer = server.visitor().post("/accounts/login", &typed).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{login:?}");
    }
    let mut socket = admin.socket("%00").await;
    assert_eq!(socket.closed().await.0, 4403, "not one of the codes to try again after");
}

#[sqlx::test]
async fn a_slash_more_or_less_redirects_on_this_site(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    for (path, right) in [
        ("/chat", "/chat/"),
        ("/admin", "/admin/"),
        ("/admin/rooms/?show=open", "/admin/rooms?show=open"),
        ("/accounts/login/", "/accounts/login"),
    ] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "{path}");
        assert_eq!(answer.headers()["location"], right);
    }
    for path in ["//evil.example/", "/\\evil.example/"] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[sqlx::test]
async fn with_the_database_away_pages_say_so_in_time(pool: PgPool) {
    let server = spawn(pool).await;
    let alice = {
        server.admin().await;
        server.person("alice").await
    };
    server.pool.close().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let answer = tokio::time::timeout(crate::support::PATIENCE, alice.get("/chat/"))
        .await
        .expect("in time");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(answer.text().await.unwrap().contains("Request "));
    assert_eq!(alice.get("/healthz").await.status(), StatusCode::OK);
}
