//! Changing and deleting messages.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, open_direct};
use crate::support::{Cast, Person, attributes, numbers, spawn};

/// Where a message of the room is changed.
fn message(room: &str, seq: i64) -> String {
    format!("/chat/room/{room}/messages/{seq}")
}

/// What the form shows to whoever changes a message: the version of its text, and the text.
async fn form(person: &Person, room: &str, seq: i64) -> (String, String) {
    let answer = person.fragment(&format!("{}/edit", message(room, seq))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let html = answer.text().await.unwrap();
    let version = html.split("name=\"version\" value=\"").nth(1).unwrap();
    let text = html.split("aria-describedby=\"editor-error\">\n").nth(1).unwrap();
    (
        version.split('"').next().unwrap().to_owned(),
        text.split("</textarea>").next().unwrap().to_owned(),
    )
}

async fn change(person: &Person, room: &str, seq: i64, body: &str) -> StatusCode {
    person.post(&message(room, seq), &[("body", body)]).await.status()
}

async fn delete(person: &Person, room: &str, seq: i64) -> StatusCode {
    person
        .post(&format!("{}/delete", message(room, seq)), &[])
        .await
        .status()
}

#[sqlx::test]
async fn what_is_changed_is_drawn_anew_for_all_on_every_node(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let mut at_bob = bob.socket("General").await;
    let seq = alice.write("General", "the mooon").await;
    at_bob.until("the mooon").await;
    assert_eq!(form(&alice, "General", seq).await, ("1".into(), "the mooon".into()));
    assert_eq!(change(&alice, "General", seq, "the moon").await, StatusCode::SEE_OTHER);
    let frame = at_bob.until("the moon").await;
    assert!(
        frame.contains(&format!("hx-target=\"#m-{seq}\"")) && frame.contains("outerHTML"),
        "{frame}"
    );
    assert!(frame.contains("class=\"edited\">edited <time") && !frame.contains("mooon"));
    // Whoever comes later sees what stands, and nothing of what was before is kept.
    assert!(bob.page("/chat/room/General").await.contains("the moon"));
    let versions: Vec<i32> = sqlx::query_scalar("SELECT version FROM messages")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(versions, [2]);
    // The same text is no change.
    assert_eq!(change(&alice, "General", seq, "the moon").await, StatusCode::SEE_OTHER);
    assert_eq!(form(&alice, "General", seq).await.0, "2");
}

#[sqlx::test]
async fn who_was_away_gets_what_was_changed_and_deleted(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let kept = alice.write("General", "will be changed").await;
    let gone = alice.write("General", "will be deleted").await;
    let page = bob.page("/chat/room/General").await;
    let change_shown = attributes(&page, "data-change")[0].clone();
    assert_eq!(
        change(&alice, "General", kept, "was changed").await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(delete(&alice, "General", gone).await, StatusCode::SEE_OTHER);
    let path = format!("/ws/chatroom/General?after={change_shown}&seq={gone}");
    let mut socket = bob.try_socket_at(&path, Some(&server.address)).await.unwrap();
    let frame = socket.until("was changed").await;
    assert_eq!(numbers(&frame), [kept]);
    let frame = socket.until("Message deleted").await;
    assert_eq!(numbers(&frame), [gone]);
    assert!(!frame.contains("will be deleted"));
}

#[sqlx::test]
async fn authors_change_their_own_and_who_keeps_order_deletes_any(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    admin.join("General").await;
    let seq = alice.write("General", "mine").await;
    let menu = format!("{}/menu", message("General", seq));
    for (person, may_edit, may_delete) in [(&alice, true, true), (&bob, false, false), (&admin, false, true)] {
        let shown = person.fragment(&menu).await.text().await.unwrap();
        assert_eq!(
            (shown.contains("/edit"), shown.contains("/delete")),
            (may_edit, may_delete)
        );
    }
    for person in [&bob, &admin, &charlie] {
        assert_eq!(change(person, "General", seq, "theirs").await, StatusCode::NOT_FOUND);
        let asked = person.fragment(&format!("{}/edit", message("General", seq))).await;
        assert_eq!(asked.status(), StatusCode::NOT_FOUND);
    }
    for person in [&bob, &charlie] {
        let question = person.fragment(&format!("{}/delete", message("General", seq))).await;
        assert_eq!(question.status(), StatusCode::NOT_FOUND);
        assert_eq!(delete(person, "General", seq).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        charlie.get(&message("General", seq)).await.status(),
        StatusCode::NOT_FOUND
    );
    assert!(
        bob.fragment(&message("General", seq))
            .await
            .text()
            .await
            .unwrap()
            .contains("mine")
    );
    assert_eq!(delete(&admin, "General", seq).await, StatusCode::SEE_OTHER);
    // Gone for its author too, and for good.
    assert_eq!(change(&alice, "General", seq, "back").await, StatusCode::CONFLICT);
    assert_eq!(delete(&alice, "General", seq).await, StatusCode::SEE_OTHER);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE body IS NOT NULL OR edited_at IS NOT NULL")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 0);

    befriend(&alice, &bob).await;
    let direct = open_direct(&alice, "bob").await;
    let theirs = bob.write(&direct, "private").await;
    assert_eq!(delete(&alice, &direct, theirs).await, StatusCode::NOT_FOUND);
    assert_eq!(delete(&admin, &direct, theirs).await, StatusCode::NOT_FOUND);
    assert_eq!(delete(&bob, &direct, theirs).await, StatusCode::SEE_OTHER);
}

#[sqlx::test]
async fn of_two_changes_at_once_one_wins_and_the_other_is_told(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, .. } = first.cast().await;
    let elsewhere = at(alice.clone(), &second);
    let seq = alice.write("General", "one").await;
    let path = message("General", seq);
    let at_once = |person: &Person, body: &str| {
        let fields = [
            ("body".to_owned(), body.to_owned()),
            ("version".to_owned(), "1".to_owned()),
        ];
        let (person, path) = (person.clone(), path.clone());
        async move {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let answer = person.post_fragment("/chat/room/General", &path, &fields).await;
            (answer.status(), answer.text().await.unwrap())
        }
    };
    let answers = tokio::join!(at_once(&alice, "two"), at_once(&elsewhere, "three"));
    let mut answers = [answers.0, answers.1];
    answers.sort_by_key(|(status, _)| *status);
    assert_eq!(answers[0], (StatusCode::OK, String::new()));
    let (status, form_again) = &answers[1];
    assert_eq!(*status, StatusCode::CONFLICT);
    let (_, stands) = form(&alice, "General", seq).await;
    let typed = if stands == "two" { "three" } else { "two" };
    assert!(form_again.contains(&format!("“{stands}”")) && form_again.contains(&format!(">\n{typed}</textarea>")));
    // What was typed is in the form, which now replaces what stands.
    assert!(form_again.contains("name=\"version\" value=\"2\""));
}

#[sqlx::test]
async fn a_text_that_cannot_be_stored_is_shown_again(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let seq = alice.write("General", "one").await;
    let long = "x".repeat(4001);
    for (body, sentence) in [(" ", "Write something first."), (&*long, "at most 4,000 characters")] {
        let fields = [("body", body), ("version", "1")];
        let answer = alice.post_fragment("/", &message("General", seq), &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let shown = answer.text().await.unwrap();
        assert!(
            shown.contains(sentence) && shown.contains(&format!("\n{body}</textarea>")),
            "{shown}"
        );
    }
    // Without script the same stands on the room's page.
    let answer = alice.post(&message("General", seq), &[("body", "")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Write something first.") && page.contains("id=\"messages\""));
    assert!(page.contains("id=\"editor\"") && page.contains("id=\"composer\""));
}

#[sqlx::test]
async fn a_deleted_message_waits_for_nobody(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let mut inbox = bob.inbox("").await;
    let seq = alice.write("General", "one").await;
    let count = |frame: &str| {
        let frame: serde_json::Value = serde_json::from_str(frame).ok()?;
        frame["unread"].as_object()?.values().next()?[0].as_i64()
    };
    assert_eq!(delete(&alice, "General", seq).await, StatusCode::SEE_OTHER);
    while count(&inbox.until("{\"unread\":").await) != Some(0) {}
}

#[sqlx::test]
async fn deleting_races_with_changing_and_nothing_comes_back(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, .. } = first.cast().await;
    let elsewhere = at(alice.clone(), &second);
    for round in 0..10 {
        let seq = alice.write("General", "one").await;
        let body = format!("changed {round}");
        let (changed, deleted) = tokio::join!(
            change(&alice, "General", seq, &body),
            delete(&elsewhere, "General", seq)
        );
        assert!(
            [StatusCode::SEE_OTHER, StatusCode::CONFLICT].contains(&changed),
            "{changed}"
        );
        assert_eq!(deleted, StatusCode::SEE_OTHER);
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE body IS NOT NULL OR deleted_at IS NULL")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}
