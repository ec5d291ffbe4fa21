//! Row 3: what changes something comes from our own pages.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use sqlx::PgPool;

use super::state;
use crate::support::spawn;

/// Every address that changes something, with fields that would.
const UNSAFE: [(&str, &str); 71] = [
    ("/setup", "code=x"),
    (
        "/accounts/signup",
        "username=eve&first_name=Eve&password=seven+quiet+moons+over+the+bay&consent=on",
    ),
    ("/accounts/login", "login=alice&password=seven+quiet+moons+over+the+bay"),
    ("/accounts/logout", ""),
    ("/consent", "consent=on"),
    ("/appearance", "theme=dawn"),
    ("/settings/profile", "display_name=Evil"),
    ("/settings/picture", ""),
    ("/settings/picture/delete", ""),
    ("/settings/appearance", "theme=dawn"),
    ("/friends/requests", "username=bob"),
    ("/chat/room/General/read", "seq=1"),
    ("/chat/room/General/unread", "seq=1"),
    ("/chat/room/General/messages/1", "body=Evil"),
    ("/chat/room/General/messages/1/delete", ""),
    ("/chat/room/General/messages/1/reactions", "emoji=%F0%9F%91%8D"),
    ("/chat/room/General/reactions", "reaction=1+%F0%9F%91%8D"),
    ("/chat/room/General/notify", "level=nothing"),
    ("/chat/rooms", "title=Evil"),
    ("/chat/with/bob", ""),
    ("/chat/open", "name=General"),
    ("/chat/room/General/members", "username=bob"),
    ("/chat/room/General/invitations/bob/withdraw", ""),
    ("/chat/room/General/invites", "expires=never&uses=0"),
    (
        "/chat/room/General/invites/00000000-0000-0000-0000-000000000000/revoke",
        "",
    ),
    ("/invite/x", ""),
    ("/invitations/General/accept", ""),
    ("/invitations/General/decline", ""),
    ("/friends/requests/bob/accept", ""),
    ("/friends/requests/bob/decline", ""),
    ("/friends/requests/bob/cancel", ""),
    ("/friends/bob/remove", ""),
    ("/people/bob/block", ""),
    ("/people/bob/unblock", ""),
    ("/settings/export", "password=seven+quiet+moons+over+the+bay"),
    (
        "/settings/messages/delete",
        "password=seven+quiet+moons+over+the+bay&room=all",
    ),
    (
        "/settings/delete",
        "password=seven+quiet+moons+over+the+bay&username=ada",
    ),
    ("/settings/privacy", "presence=off&receipts=off"),
    (
        "/settings/password",
        "current_password=seven+quiet+moons+over+the+bay&password=eight+loud+suns+under+it",
    ),
    (
        "/settings/email",
        "email=eve@example.org&password=seven+quiet+moons+over+the+bay",
    ),
    ("/accounts/reset", "login=alice"),
    ("/accounts/reset/x", "password=eight+loud+suns+under+it"),
    ("/accounts/email/verify/x", ""),
    ("/admin/users/alice/reset-link", ""),
    ("/admin/users/alice/ban", "reason=spam"),
    ("/admin/users/alice/unban", ""),
    ("/admin/users/alice/end-sessions", ""),
    ("/settings/sessions/end-others", ""),
    ("/settings/sessions/00000000-0000-0000-0000-000000000000/end", ""),
    ("/settings/api/keys", "name=Evil"),
    ("/settings/api/keys/00000000-0000-0000-0000-000000000000/revoke", ""),
    ("/settings/api/families/00000000-0000-0000-0000-000000000000/end", ""),
    ("/chat/room/General/join", ""),
    ("/chat/room/General/leave", ""),
    ("/chat/room/General/members", "username=bob"),
    ("/chat/room/General/members/bob/remove", ""),
    ("/chat/room/General/members/bob/role", "role=owner"),
    ("/chat/room/General/settings", "title=Evil&topic="),
    ("/chat/room/General/delete", "title=General"),
    ("/chat/room/General/messages", "body=hello"),
    ("/chat/room/General/files", ""),
    (
        "/chat/room/General/files/00000000-0000-0000-0000-000000000000/delete",
        "",
    ),
    ("/files/00000000-0000-0000-0000-000000000000/delete", ""),
    ("/admin/rooms", "name=Evil&topic="),
    ("/admin/rooms/General", "name=Evil&topic="),
    ("/admin/rooms/General/archive", ""),
    ("/admin/rooms/General/restore", ""),
    ("/admin/rooms/General/delete", ""),
    ("/admin/users/alice/role", "role=admin"),
    ("/admin/jobs/00000000-0000-0000-0000-000000000000/retry", ""),
    ("/admin/jobs/00000000-0000-0000-0000-000000000000/discard", ""),
];

#[sqlx::test]
async fn row_3_what_changes_something_needs_our_origin_and_our_token(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    admin.make_room("General").await;
    admin.join("General").await;
    let alice = server.person("alice").await;
    let own = server.address.as_str();
    let token = admin.csrf_token().await;
    let foreign_token = alice.csrf_token().await;
    let before = state(&server.pool).await;
    let refused: [(Option<&str>, Option<&str>, Option<&str>); 9] = [
        // Origin, Sec-Fetch-Site, token.
        (Some(own), None, None),
        (Some(own), None, Some("")),
        (Some(own), None, Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        (Some(own), None, Some(&foreign_token)),
        (Some("https://evil.example"), None, Some(&token)),
        (Some("null"), None, Some(&token)),
        (Some("null"), Some("same-origin"), Some(&token)),
        (None, Some("cross-site"), Some(&token)),
        (None, Some("same-site"), Some(&token)),
    ];
    for (path, fields) in UNSAFE {
        for (origin, site, token) in refused {
            for in_header in [true, false] {
                let mut request = admin.client.post(format!("{own}{path}"));
                request = request.header("content-type", "application/x-www-form-urlencoded");
                for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                    request = if let Some(value) = value {
                        request.header(name, value)
                    } else {
                        request
                    };
                }
                request = match token {
                    Some(token) if in_header => request.header("x-csrf-token", token).body(fields),
                    Some(token) => request.body(format!("{fields}&csrf_token={token}")),
                    None => request.body(fields),
                };
                let answer = request.send().await.unwrap();
                assert_eq!(
                    answer.status(),
                    StatusCode::FORBIDDEN,
                    "{path} {origin:?} {site:?} {token:?}"
                );
            }
        }
    }
    assert_eq!(state(&server.pool).await, before, "nothing changed");
    assert!(admin.is_logged_in().await);

    // The same with the right token is done: with an Origin, or where no browser says where it comes from.
    for (origin, site) in [(Some(own), None), (None, Some("same-origin")), (None, None)] {
        let mut request = admin
            .client
            .post(format!("{own}/appearance"))
            .header("x-csrf-token", &token);
        request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body("theme=dawn");
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            request = if let Some(value) = value {
                request.header(name, value)
            } else {
                request
            };
        }
        assert_eq!(request.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    }
}

#[sqlx::test]
async fn row_3_a_token_of_another_log_in_is_out_of_date(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let old = alice.csrf_token().await;
    alice.log_in("alice").await;
    let answer = alice.post_raw("/accounts/logout", &[("csrf_token", &old)]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("This page is out of date. Load it again.")
    );
    assert!(alice.is_logged_in().await);
}

#[sqlx::test]
async fn row_23_without_the_password_no_address_of_the_administration_changes_anything(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.cast().await.admin;
    let token = admin.csrf_token().await;
    server.clock.set_ahead(TimeDelta::minutes(16));
    // The use of the log-in is noted now, and not by what follows.
    admin.page("/admin/").await;
    let before = state(&server.pool).await;
    let acts = UNSAFE.iter().filter(|(path, _)| path.starts_with("/admin/"));
    let mut asked = 0;
    for (path, fields) in acts {
        for (htmx, status) in [("false", StatusCode::FORBIDDEN), ("true", StatusCode::OK)] {
            let request = admin.client.post(format!("{}{path}", server.address));
            let request = request.header("origin", &server.address).header("hx-request", htmx);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer = request
                .body(format!("csrf_token={token}&{fields}"))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(answer.headers().contains_key("hx-retarget"), htmx == "true");
            assert!(answer.text().await.unwrap().contains("Confirm it is you"), "{path}");
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked}");
    assert_eq!(state(&server.pool).await, before);
}

#[sqlx::test]
async fn row_3_get_changes_nothing(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let before = state(&server.pool).await;
    for (path, fields) in UNSAFE {
        for method in [Method::GET, Method::HEAD] {
            let url = format!("{}{path}?{fields}", server.address);
            let status = cast.admin.client.request(method, url).send().await.unwrap().status();
            assert!(!status.is_server_error(), "{path} {status}");
        }
    }
    assert_eq!(state(&server.pool).await, before);
}

#[sqlx::test]
async fn row_3_a_form_has_a_limit(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let visitor = server.visitor();
    let huge = "x".repeat(70 * 1024);
    let answer = visitor
        .post("/accounts/login", &[("login", &huge), ("password", "x")])
        .await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(visitor.get("/accounts/login").await.status(), StatusCode::OK);
}
