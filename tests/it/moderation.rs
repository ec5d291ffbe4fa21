//! What administrators do about people, and the list of it that only grows.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::support::{Cast, Person, config, spawn, spawn_with};

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
