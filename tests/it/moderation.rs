//! What administrators do about people, and the list of it that only grows.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::support::{Cast, PASSWORD, Person, config, spawn, spawn_with};
use umbrachat::config::Config;

async fn act(admin: &Person, username: &str, what: &str, fields: &[(&str, &str)]) -> StatusCode {
    let path = format!("/admin/users/{username}/{what}");
    admin.post(&path, fields).await.status()
}

#[sqlx::test]
async fn a_ban_ends_every_log_in_on_every_node_and_lets_none_begin(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { admin, alice, bob, .. } = first.cast().await;
    let mut stays = bob.socket("General").await;
    let mut here = alice.inbox("").await;
    let alice_elsewhere = at(alice, &second);
    let mut elsewhere = alice_elsewhere.socket("General").await;
    let reason = "spam & <b>noise</b>";
    assert_eq!(
        act(&admin, "alice", "ban", &[("reason", reason)]).await,
        StatusCode::SEE_OTHER
    );
    for socket in [&mut here, &mut elsewhere] {
        assert_eq!(socket.closed().await.0, 4401);
    }
    assert!(!alice_elsewhere.is_logged_in().await);
    let answer = alice_elsewhere.log_in("alice").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("This account is banned. The reason: spam &amp; &lt;b&gt;noise&lt;/b&gt;"));
    // Whoever does not know the password does not learn of it.
    let wrong = [("login", "alice"), ("password", "not the password of hers")];
    let page = second
        .visitor()
        .post("/accounts/login", &wrong)
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("The username or the password is wrong.") && !page.contains("banned"));
    assert!(admin.page("/admin/users?q=alice").await.contains("Banned"));
    stays.hears_nothing_of("banned").await;

    assert_eq!(act(&admin, "alice", "unban", &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(alice_elsewhere.log_in("alice").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(act(&admin, "alice", "end-sessions", &[]).await, StatusCode::SEE_OTHER);
    assert!(!at(alice_elsewhere, &first).is_logged_in().await);
    assert!(bob.is_logged_in().await);
}

#[sqlx::test]
async fn who_may_not_is_told_nothing_and_what_is_wrong_is_said(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    let visitor = server.visitor();
    for what in ["ban", "unban", "end-sessions"] {
        let reason = [("reason", "spam")];
        assert_eq!(act(&alice, "bob", what, &reason).await, StatusCode::NOT_FOUND, "{what}");
        assert_eq!(
            act(&visitor, "bob", what, &reason).await,
            StatusCode::NOT_FOUND,
            "{what}"
        );
        assert_eq!(
            act(&admin, "nobody", what, &reason).await,
            StatusCode::NOT_FOUND,
            "{what}"
        );
    }
    for path in ["/admin/audit", "/admin/users/bob/ban"] {
        assert_eq!(alice.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let answer = admin.post("/admin/users/bob/ban", &[("reason", " ")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("Say why."));
    assert_eq!(
        act(&admin, "stella", "ban", &[("reason", "spam")]).await,
        StatusCode::NOT_FOUND
    );
    let own = admin.name.clone();
    assert_eq!(
        act(&admin, &own, "ban", &[("reason", "spam")]).await,
        StatusCode::CONFLICT
    );
    assert!(admin.is_logged_in().await);
}

#[sqlx::test]
async fn what_administrators_do_is_listed_and_cannot_be_taken_out(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, .. } = server.cast().await;
    admin.make_room("Observatory").await;
    act(&admin, "bob", "ban", &[("reason", "spam")]).await;
    act(&admin, "bob", "unban", &[]).await;
    act(&admin, "alice", "end-sessions", &[]).await;
    admin.post("/admin/users/alice/reset-link", &[]).await;
    admin.post("/admin/users/alice/role", &[("role", "admin")]).await;
    admin.post("/admin/users/alice/role", &[("role", "member")]).await;
    for path in ["archive", "restore", "delete"] {
        admin.post(&format!("/admin/rooms/Observatory/{path}"), &[]).await;
    }
    let page = admin.page("/admin/audit").await;
    for sentence in [
        "made the room",
        "banned",
        "ended the ban of",
        "ended all sessions of",
        "made a reset link for",
        "made an administrator of",
        "made a member of",
        "archived the room",
        "opened again the room",
        "deleted the room",
    ] {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(page.contains(">spam<") && page.contains("Observatory"));
    for sql in [
        "UPDATE audit_log SET detail = ''",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ] {
        assert!(sqlx::query(sql).execute(&server.pool).await.is_err(), "{sql}");
    }
    assert_eq!(
        admin.page("/admin/audit").await.matches("<li>").count(),
        page.matches("<li>").count()
    );
}

#[sqlx::test]
async fn an_administrator_gives_the_password_again_after_fifteen_minutes_and_loses_nothing_typed(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { admin, bob, .. } = first.cast().await;
    let set_ahead = |minutes| {
        first.clock.set_ahead(TimeDelta::minutes(minutes));
        second.clock.set_ahead(TimeDelta::minutes(minutes));
    };
    set_ahead(14);
    assert_eq!(act(&admin, "bob", "unban", &[]).await, StatusCode::SEE_OTHER);
    set_ahead(16);
    let elsewhere = at(admin.clone(), &second);
    let ban = "/admin/users/bob/ban";
    let typed = |password| [("reason", "spam & <b>noise</b>"), ("password", password)];
    for (fields, status, said) in [
        (&typed("")[..1], StatusCode::FORBIDDEN, "Confirm it is you"),
        (
            &typed("not hers at all")[..],
            StatusCode::UNPROCESSABLE_ENTITY,
            "This is not your password.",
        ),
    ] {
        let answer = elsewhere.post(ban, fields).await;
        assert_eq!(answer.status(), status);
        let page = answer.text().await.unwrap();
        assert!(
            page.contains(said) && page.contains(r#"action="/admin/users/bob/ban""#),
            "{page}"
        );
        assert!(
            page.contains(r#"name="reason" value="spam &amp; &lt;b&gt;noise&lt;/b&gt;""#),
            "{page}"
        );
        assert!(!page.contains("not hers at all"));
    }
    assert!(bob.is_logged_in().await);
    assert_eq!(
        elsewhere.post(ban, &typed(PASSWORD)).await.status(),
        StatusCode::SEE_OTHER
    );
    assert!(!at(bob, &second).is_logged_in().await);
    // From then on every node does what that log-in asks for, and no other log-in of the same person's.
    assert_eq!(act(&admin, "bob", "unban", &[]).await, StatusCode::SEE_OTHER);
    set_ahead(30);
    assert_eq!(act(&admin, "bob", "unban", &[]).await, StatusCode::SEE_OTHER);
    let other = first.visitor();
    other.log_in("ada").await;
    set_ahead(32);
    assert_eq!(act(&admin, "bob", "unban", &[]).await, StatusCode::FORBIDDEN);
    assert_eq!(act(&other, "bob", "unban", &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(act(&admin, "bob", "unban", &[]).await, StatusCode::FORBIDDEN);
    for path in [
        "/%61dmin/users/bob/unban",
        "//admin/users/bob/unban",
        "/ADMIN/users/bob/unban",
    ] {
        assert_ne!(admin.post(path, &[]).await.status(), StatusCode::SEE_OTHER, "{path}");
    }
}

#[sqlx::test]
async fn the_password_of_an_administrator_cannot_be_guessed_in_the_administration(pool: PgPool) {
    let slow = Config {
        auth_rate: 5.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, slow).await;
    let admin = server.admin().await;
    server.clock.set_ahead(TimeDelta::minutes(16));
    let guess = async |password: &str| {
        let fields = [("name", "Guessed"), ("topic", "Kept"), ("password", password)];
        admin.post("/admin/rooms", &fields).await
    };
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(guess("not hers at all").await.status());
    }
    assert_eq!(statuses[0], StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(statuses[7], StatusCode::TOO_MANY_REQUESTS);
    let answer = guess(PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(answer.text().await.unwrap().contains(r#"name="topic" value="Kept""#));
}

/// Old things are tidied up at a start, and then now and then.
#[sqlx::test]
async fn where_a_log_in_came_from_is_forgotten_after_thirty_days(pool: PgPool) {
    let config = config();
    let server = spawn_with(pool.clone(), config.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    for (name, days) in [("alice", 31), ("bob", 29)] {
        sqlx::query(
            "UPDATE user_sessions SET created_at = now() - make_interval(days => $2)
             WHERE user_id = (SELECT id FROM users WHERE name_key = $1)",
        )
        .bind(name)
        .bind(days)
        .execute(&pool)
        .await
        .unwrap();
    }
    let _restarted = spawn_with(pool, config).await;
    let forgotten = async {
        while alice.page("/settings/sessions").await.contains(" from 127.0.0.1") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), forgotten)
        .await
        .expect("it is forgotten");
    assert!(bob.page("/settings/sessions").await.contains(" from 127.0.0.1"));
}
