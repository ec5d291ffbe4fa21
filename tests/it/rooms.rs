//! Public rooms: who sees, joins and leaves them, and what happens to their sockets.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::erasure::until_left;
use crate::support::{Cast, numbers, spawn};

#[sqlx::test]
async fn everybody_sees_public_rooms_and_members_read_them(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    alice.write("General", "for members only").await;

    let home = charlie.page("/chat/").await;
    assert!(home.contains("/chat/room/General"));
    let invitation = charlie.page("/chat/room/General").await;
    assert!(invitation.contains("/chat/room/General/join") && invitation.contains("2 members"));
    assert!(numbers(&invitation).is_empty() && !invitation.contains("for members only"));

    charlie.join("General").await;
    assert!(charlie.page("/chat/room/General").await.contains("for members only"));
}

#[sqlx::test]
async fn the_name_of_a_room_is_found_in_any_case(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    assert_eq!(alice.get("/chat/room/gENERAL").await.status(), StatusCode::OK);
    let answer = admin.post("/admin/rooms", &[("name", "GENERAL"), ("topic", "")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("There is a room of this name already")
    );
}

#[sqlx::test]
async fn what_charlie_may_not_see_does_not_exist(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    alice.write("General", "secret").await;
    let nowhere = charlie.get("/chat/room/Nowhere/messages").await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    for path in [
        "/chat/room/General/messages",
        "/chat/room/General/messages?before=2",
        "/chat/room/Nowhere",
    ] {
        assert_eq!(charlie.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(charlie.fragment(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        "/chat/room/General/messages",
        "/chat/room/General/leave",
        "/chat/room/Nowhere/join",
    ] {
        let answer = charlie.post(path, &[("body", "hello")]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for room in ["General", "Nowhere"] {
        let (code, frames) = charlie.socket(room).await.closed().await;
        assert_eq!((code, frames.len()), (4403, 0), "{room}");
    }
    let stored = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM messages")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(stored, 1);
}

#[sqlx::test]
async fn visitors_are_led_to_the_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let visitor = server.visitor();
    for path in [
        "/chat/",
        "/chat/room/General",
        "/chat/room/General/messages",
        "/chat/me.css",
    ] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(
            answer.headers()["location"]
                .to_str()
                .unwrap()
                .starts_with("/accounts/login"),
            "{path}"
        );
    }
    assert_eq!(visitor.socket("General").await.closed().await, (4401, vec![]));
}

#[sqlx::test]
async fn joining_and_leaving_are_shown_once_to_those_in_the_room(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    charlie.join("General").await;
    charlie.join("General").await;
    let frame = socket.until("charlie Test").await;
    assert!(frame.contains("class=\"event\"") && frame.contains("joined"));
    socket.hears_nothing_of("charlie Test").await;
    let answer = charlie.post("/chat/room/General/leave", &[]).await;
    assert_eq!(answer.headers()["location"], "/chat/");
    assert!(socket.until("charlie Test").await.contains("left"));
}

/// Each join and each leave is told to everybody in the room.
#[sqlx::test]
async fn whoever_comes_and_goes_without_a_pause_has_to_wait_and_others_do_not(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { bob, charlie, .. } = server.cast().await;
    let mut refused = None;
    for path in ["join", "leave"].iter().cycle().take(300) {
        let answer = charlie.post(&format!("/chat/room/General/{path}"), &[]).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
    let refused = refused.expect("a limit");
    assert_eq!(refused.headers()["retry-after"], "1");
    let answer = bob.post("/chat/room/General/leave", &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

#[sqlx::test]
async fn whoever_leaves_hears_nothing_more(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = bob.socket("General").await;
    socket.until("online").await;
    bob.post("/chat/room/General/leave", &[]).await;
    alice.write("General", "he is gone").await;
    let (code, frames) = socket.closed().await;
    assert_eq!(code, 4403);
    assert!(!frames.concat().contains("he is gone"));
}

#[sqlx::test]
async fn an_archived_room_can_be_read_by_its_members_only(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin, alice, charlie, ..
    } = server.cast().await;
    alice.write("General", "before").await;
    let mut socket = alice.socket("General").await;
    socket.until("online").await;
    assert_eq!(
        admin.post("/admin/rooms/General/archive", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(socket.closed().await.0, 4403);

    let page = alice.page("/chat/room/General").await;
    assert!(page.contains("before") && page.contains("archived") && !page.contains("<textarea"));
    let answer = alice.post("/chat/room/General/messages", &[("body", "after")]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(charlie.get("/chat/room/General").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        charlie.post("/chat/room/General/join", &[]).await.status(),
        StatusCode::NOT_FOUND
    );
    assert!(!charlie.page("/chat/").await.contains("/chat/room/General"));

    assert_eq!(
        admin.post("/admin/rooms/General/restore", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    alice.write("General", "again").await;
    charlie.join("General").await;
}

#[sqlx::test]
async fn a_deleted_room_takes_everything_with_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    alice.write("General", "gone soon").await;
    let mut socket = alice.socket("General").await;
    socket.until("online").await;
    let keys = "SELECT count(*) FROM data_keys";
    let before: i64 = sqlx::query_scalar(keys).fetch_one(&server.pool).await.unwrap();
    assert_eq!(
        admin.post("/admin/rooms/General/delete", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(socket.closed().await.0, 4403);
    assert_eq!(alice.get("/chat/room/General").await.status(), StatusCode::NOT_FOUND);
    for table in ["rooms", "messages", "members", "room_events"] {
        until_left(&server.pool, table, 0).await;
    }
    assert_eq!(
        sqlx::query_scalar::<_, i64>(keys)
            .fetch_one(&server.pool)
            .await
            .unwrap(),
        before - 1
    );
}

#[sqlx::test]
async fn an_edited_room_moves_its_pages(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    socket.until("online").await;
    let answer = admin
        .post("/admin/rooms/General", &[("name", "Café"), ("topic", "all of us")])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let frame: serde_json::Value = serde_json::from_str(&socket.until("reload").await).unwrap();
    assert_eq!(frame["location"], "/chat/room/Caf%C3%A9");
    let page = alice.page(frame["location"].as_str().unwrap()).await;
    assert!(page.contains("Café") && page.contains("all of us"));
    assert_eq!(alice.get("/chat/room/General").await.status(), StatusCode::NOT_FOUND);
}
