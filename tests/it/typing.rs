//! Who is shown as typing, to whom, and how often.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::support::{Cast, spawn};

const TYPING: &str = r#"{"type":"typing"}"#;
const SHOWN: &str = r##"hx-target="#typing""##;

#[sqlx::test]
async fn the_others_in_the_room_see_on_every_node_who_types(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let mut types = alice.socket("General").await;
    let mut own_tab = alice.socket("General").await;
    let mut here = bob.socket("General").await;
    let mut elsewhere = at(bob, &second).socket("General").await;
    let mut stranger = charlie.inbox("").await;
    for _ in 0..5 {
        types.send(TYPING).await;
    }
    for socket in [&mut here, &mut elsewhere] {
        let frame = socket.until(SHOWN).await;
        assert!(
            frame.contains(">alice Test<") && frame.contains("data-author"),
            "{frame}"
        );
        assert!(!frame.contains("data-to"), "it is no change");
        socket.hears_nothing_of(SHOWN).await;
    }
    for socket in [&mut types, &mut own_tab, &mut stranger] {
        socket.hears_nothing_of(SHOWN).await;
    }
}

#[sqlx::test]
async fn who_hides_or_is_blocked_is_not_shown_as_typing(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    charlie.join("General").await;
    let mut sees = charlie.socket("General").await;
    let (mut alices, mut bobs) = (alice.socket("General").await, bob.socket("General").await);
    assert_eq!(
        alice.post("/people/bob/block", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    // Neither who blocks sees it nor who is blocked.
    bobs.send(TYPING).await;
    alices.send(TYPING).await;
    for _ in 0..2 {
        sees.until(SHOWN).await;
    }
    alices.hears_nothing_of(SHOWN).await;
    bobs.hears_nothing_of(SHOWN).await;

    let answer = charlie.post("/settings/privacy", &[("presence", "off")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    bobs.until(">2 online").await;
    sees.send(TYPING).await;
    bobs.hears_nothing_of(SHOWN).await;
}

#[sqlx::test]
async fn four_people_at_most_are_shown_as_typing_in_a_room_within_three_seconds(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let mut sees = alice.socket("General").await;
    let mut others = Vec::new();
    for n in 1..=6 {
        let person = server.person(&format!("typist{n}")).await;
        person.join("General").await;
        others.push(person.socket("General").await);
    }
    for socket in &mut others {
        socket.send(TYPING).await;
    }
    let mut shown = Vec::new();
    while shown.len() < 4 {
        shown.push(sees.until(SHOWN).await);
    }
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), 4, "each once");
    sees.hears_nothing_of(SHOWN).await;
    // Those who were not shown have their turn afterwards.
    for round in 0.. {
        for socket in &mut others {
            socket.send(TYPING).await;
        }
        if let Some(frame) = sees.next_within(Duration::from_millis(500)).await
            && frame.contains(SHOWN)
        {
            break;
        }
        assert!(round < 20, "nobody is shown any more");
    }
}

#[sqlx::test]
async fn who_was_put_out_is_not_shown_as_typing(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut sees, mut types) = (alice.socket("General").await, bob.socket("General").await);
    // Behind the program's back, so that the socket is still there.
    sqlx::query("DELETE FROM members USING users u WHERE u.id = user_id AND u.username = 'bob'")
        .execute(&pool)
        .await
        .unwrap();
    types.send(TYPING).await;
    sees.hears_nothing_of(SHOWN).await;
}
