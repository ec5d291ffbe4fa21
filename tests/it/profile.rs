//! What people say of themselves, who sees it, and who is told when it changes.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::support::{Cast, Person, spawn};

/// The name by which somebody is shown as the author of the first message that `reader` sees in General.
async fn author(reader: &Person) -> String {
    let page = reader.page("/chat/room/General").await;
    let name = regex::Regex::new(r#"class="author" href="/@[^"]*"[^>]*><bdi>([^<]*)<"#).unwrap();
    name.captures(&page).unwrap()[1].to_owned()
}

#[sqlx::test]
async fn a_person_is_shown_by_the_display_name_or_both_names_or_the_username(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    alice.write("General", "hello").await;
    assert_eq!(author(&bob).await, "alice Test");
    for (fields, shown) in [
        (
            [("display_name", "Luna"), ("first_name", "Ana"), ("last_name", "Ruiz")],
            "Luna",
        ),
        (
            [("display_name", " "), ("first_name", "Ana"), ("last_name", "Ruiz")],
            "Ana Ruiz",
        ),
        (
            [("display_name", ""), ("first_name", ""), ("last_name", "Ruiz")],
            "Ruiz",
        ),
        ([("display_name", ""), ("first_name", ""), ("last_name", "")], "alice"),
    ] {
        let answer = alice.post("/settings/profile", &fields).await;
        assert_eq!(answer.headers()["location"], "/settings/profile");
        assert_eq!(author(&bob).await, shown);
        for path in ["/@alice", "/settings/profile"] {
            let side_bar = format!("<span class=\"author\"><bdi>{shown}</bdi></span>, your account");
            assert!(alice.page(path).await.contains(&side_bar), "{shown} on {path}, at once");
        }
        let people = admin.page(&format!("/admin/users?q={}", shown.replace(' ', "+"))).await;
        assert!(people.contains(&format!(">{shown}</bdi>")), "found as {shown}");
    }
}

#[sqlx::test]
async fn what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let long = "x".repeat(501);
    let wrong = [("display_name", "Luna\u{202e}"), ("first_name", "Ana"), ("bio", &long)];
    let answer = alice.post("/settings/profile", &wrong).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    for part in [
        "field-display_name-error",
        "field-bio-error",
        "value=\"Ana\"",
        &long,
        "<html",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let answer = alice
        .post_fragment("/settings/profile", "/settings/profile", &wrong)
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let fragment = answer.text().await.unwrap();
    assert!(fragment.contains("field-bio-error") && !fragment.contains("<html"));
    assert!(
        !alice.page("/settings/profile").await.contains("Ana"),
        "nothing is stored"
    );

    let right = [("first_name", "Ana"), ("bio", "First line.\r\nSecond <b>line</b>.")];
    let answer = alice
        .post_fragment("/settings/profile", "/settings/profile", &right)
        .await;
    assert_eq!(answer.headers()["hx-trigger"], r#"{"toast":"Your profile is saved."}"#);
    let fragment = answer.text().await.unwrap();
    assert!(fragment.contains("First line.\nSecond &lt;b&gt;line&lt;/b&gt;.") && !fragment.contains("<html"));
    assert!(
        alice.page("/settings").await.contains("First line."),
        "the first section"
    );
}

#[sqlx::test]
async fn open_pages_of_those_in_a_room_with_somebody_are_told_of_a_new_name_and_no_others(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = first.cast().await;
    admin.make_room("Elsewhere").await;
    charlie.join("Elsewhere").await;
    let own = alice.inbox("").await;
    let room = bob.socket("General").await;
    let inbox = at(bob, &second).inbox("").await;
    let mut strangers = [charlie.inbox("").await, at(charlie, &second).socket("Elsewhere").await];

    alice.post("/settings/profile", &[("display_name", "Luna & Co")]).await;
    for mut socket in [own, room, inbox] {
        let frame = socket.until("<template data-author=").await;
        assert!(
            frame.contains("<b>Luna &amp; Co</b>") && frame.contains(">LC</span>"),
            "{frame}"
        );
    }
    for socket in &mut strangers {
        socket.hears_nothing_of("Luna").await;
    }
}

#[sqlx::test]
async fn whoever_left_the_last_common_room_is_not_told(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut inbox = bob.inbox("").await;
    alice.post("/settings/profile", &[("display_name", "Luna")]).await;
    inbox.until("Luna").await;
    bob.post("/chat/room/General/leave", &[]).await;
    alice.post("/settings/profile", &[("display_name", "Stella")]).await;
    inbox.hears_nothing_of("Stella").await;
}

#[sqlx::test]
async fn a_public_profile_is_for_people_with_an_account(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    let ulker = server.person("Ülker.9").await;
    let fields = [("display_name", "Luna"), ("bio", "Watches the sky.\nEvery night.")];
    alice.post("/settings/profile", &fields).await;

    // Who shares no room with her sees it too, by whatever case of the name.
    for path in ["/@alice", "/@ALICE"] {
        let page = charlie.page(path).await;
        for part in [
            "Luna",
            "@alice",
            "Watches the sky.\nEvery night.",
            "Here since",
            "<html",
        ] {
            assert!(page.contains(part), "{part} on {path}");
        }
        assert!(!page.contains("Edit profile"));
    }
    let card = charlie.fragment("/@alice").await.text().await.unwrap();
    assert!(card.contains("Luna") && card.contains("data-close") && !card.contains("<html"));
    assert!(alice.page("/@alice").await.contains("Edit profile"));
    assert!(alice.page("/@%C3%9Clker.9").await.contains("@Ülker.9"));
    assert!(
        ulker
            .page("/settings/profile")
            .await
            .contains("href=\"/@%C3%9Clker.9\"")
    );

    let missing = charlie.get("/@nobody").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(charlie.get("/@").await.status(), StatusCode::NOT_FOUND);
    for path in ["/@alice", "/@nobody"] {
        assert_eq!(
            server.visitor().get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}
