//! Who knows whom: how two people become friends, who is told, and what a block keeps away.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, open_direct};
use crate::support::{Cast, Person, account, spawn};

const ASK: &str = "/friends/requests";

async fn ask(person: &Person, username: &str) -> StatusCode {
    person.post(ASK, &[("username", username)]).await.status()
}

async fn act(person: &Person, path: &str) -> StatusCode {
    person.post(path, &[]).await.status()
}

/// Whether the page shows somebody in that section.
async fn shows(person: &Person, section: &str, username: &str) -> bool {
    let page = person.page("/friends").await;
    let begin = format!(" aria-labelledby=\"{section}\">");
    let section = page.split("<section").find(|part| part.starts_with(&begin));
    section.is_some_and(|section| section.contains(&format!("@{username}<")))
}

fn badge(count: u32) -> String {
    format!(r#"<span class="badge mine">{count}</span>"#)
}

#[sqlx::test]
async fn a_request_is_seen_at_once_by_the_one_who_is_asked_on_every_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let mut room = bob.socket("General").await;
    let bob_elsewhere = at(bob, &second);
    let mut inbox = bob_elsewhere.inbox("").await;
    let mut strangers = charlie.inbox("").await;
    let mut own = alice.inbox("").await;

    assert_eq!(ask(&alice, "Bob").await, StatusCode::SEE_OTHER);
    for socket in [&mut room, &mut inbox] {
        assert!(socket.until("data-mine").await.contains(&badge(1)));
    }
    assert!(shows(&alice, "requested", "bob").await && shows(&bob_elsewhere, "asking", "alice").await);
    own.until("data-mine").await;
    assert_eq!(ask(&alice, "bob").await, StatusCode::SEE_OTHER, "twice is once");

    assert_eq!(
        act(&bob_elsewhere, "/friends/requests/alice/accept").await,
        StatusCode::SEE_OTHER
    );
    own.until("data-mine").await;
    while room.until("data-mine").await.contains(&badge(1)) {}
    assert!(shows(&alice, "friends", "bob").await && shows(&bob_elsewhere, "friends", "alice").await);
    assert!(!charlie.page("/friends").await.contains("@alice"));

    assert_eq!(act(&alice, "/friends/bob/remove").await, StatusCode::SEE_OTHER);
    assert!(!shows(&bob_elsewhere, "friends", "alice").await);
    strangers.hears_nothing_of("data-mine").await;
}

#[sqlx::test]
async fn only_what_stands_can_be_answered_and_by_nobody_else(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    for nobody in ["alice", "nobody", "<b>", ""] {
        assert_eq!(ask(&alice, nobody).await, StatusCode::NOT_FOUND, "{nobody:?}");
    }
    ask(&alice, "bob").await;
    for (person, path) in [
        (&alice, "/friends/requests/bob/accept"),
        (&alice, "/friends/requests/bob/decline"),
        (&alice, "/friends/bob/remove"),
        (&bob, "/friends/requests/alice/cancel"),
        (&charlie, "/friends/requests/alice/accept"),
        (&charlie, "/friends/requests/bob/cancel"),
        (&charlie, "/friends/alice/remove"),
    ] {
        assert_eq!(act(person, path).await, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        act(&bob, "/friends/requests/alice/decline").await,
        StatusCode::SEE_OTHER
    );
    assert!(!shows(&alice, "requested", "bob").await);
    ask(&alice, "bob").await;
    assert_eq!(act(&alice, "/friends/requests/bob/cancel").await, StatusCode::SEE_OTHER);
    assert!(!shows(&bob, "asking", "alice").await);
    let visitor = server.visitor();
    for path in ["/friends", "/friends/search?q=alice", "/settings/blocks"] {
        assert_eq!(visitor.get(path).await.status(), StatusCode::SEE_OTHER, "{path}");
    }
    for path in [ASK, "/friends/alice/remove", "/people/alice/block"] {
        let answer = visitor.post(path, &[("username", "alice")]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[sqlx::test]
async fn who_ask_each_other_at_once_are_friends(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    for _ in 0..5 {
        let asked = (0..4).flat_map(|_| [ask(&alice, "bob"), ask(&bob, "alice")]);
        assert_eq!(join_all(asked).await, [StatusCode::SEE_OTHER; 8]);
        assert!(shows(&alice, "friends", "bob").await && shows(&bob, "friends", "alice").await);
        let ended = join_all([act(&alice, "/friends/bob/remove"), act(&bob, "/friends/alice/remove")]).await;
        assert!(ended.contains(&StatusCode::SEE_OTHER) && ended.contains(&StatusCode::NOT_FOUND));
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM friendships")
        .fetch_one(&first.pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[sqlx::test]
async fn a_block_ends_a_friendship_and_is_not_told(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    ask(&alice, "bob").await;
    ask(&bob, "alice").await;
    assert_eq!(act(&alice, "/people/bob/block").await, StatusCode::SEE_OTHER);
    assert_eq!(act(&alice, "/people/bob/block").await, StatusCode::SEE_OTHER);
    assert!(!shows(&bob, "friends", "alice").await);
    let blocked = alice.page("/settings/blocks").await;
    assert!(blocked.contains("@bob<") && !bob.page("/settings/blocks").await.contains("@alice<"));

    let mut inbox = alice.inbox("").await;
    assert_eq!(ask(&bob, "alice").await, StatusCode::SEE_OTHER, "as to everybody else");
    assert!(shows(&bob, "requested", "alice").await);
    assert!(!shows(&alice, "asking", "bob").await);
    inbox.hears_nothing_of("badge").await;
    assert_eq!(ask(&alice, "bob").await, StatusCode::CONFLICT);
    assert_eq!(act(&alice, "/friends/requests/bob/accept").await, StatusCode::NOT_FOUND);
    let profile = bob.page("/@alice").await;
    assert!(profile.contains("Waiting") && !profile.contains("Unblock"));

    let folded = |style: String| style.contains("--folded");
    assert!(folded(alice.page("/chat/me.css").await) && !folded(bob.page("/chat/me.css").await));
    assert_eq!(act(&alice, "/people/bob/unblock").await, StatusCode::SEE_OTHER);
    assert!(!folded(alice.page("/chat/me.css").await));
    assert!(shows(&alice, "asking", "bob").await, "what was asked meanwhile");
}

#[sqlx::test]
async fn the_chat_of_two_who_are_not_friends_any_more_closes_on_every_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    befriend(&alice, &bob).await;
    let slug = open_direct(&alice, "bob").await;
    for path in ["/friends/bob/remove", "/people/bob/block"] {
        let (mut at_alice, mut at_bob) = (alice.socket(&slug).await, bob.socket(&slug).await);
        at_alice.say(path).await;
        for socket in [&mut at_alice, &mut at_bob] {
            socket.until(path).await;
        }
        let started = Instant::now();
        assert_eq!(act(&alice, path).await, StatusCode::SEE_OTHER);
        for socket in [&mut at_alice, &mut at_bob] {
            assert_eq!(socket.closed().await.0, 4403, "{path}");
            assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        }
        for person in [&alice, &bob] {
            assert_eq!(person.socket(&slug).await.closed().await.0, 4403, "{path}");
            let page = person.page(&format!("/chat/room/{slug}")).await;
            assert!(
                page.contains("not friends any more") && page.contains(path),
                "it can be read"
            );
        }
        act(&alice, "/people/bob/unblock").await;
        befriend(&alice, &bob).await;
    }
    let (mut at_alice, mut at_bob) = (alice.socket(&slug).await, bob.socket(&slug).await);
    at_bob.say("again").await;
    at_alice.until("again").await;
}

#[sqlx::test]
async fn people_are_found_by_the_beginning_of_any_of_their_names(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let visitor = server.visitor();
    let names = [("first_name", "Søren Æ."), ("last_name", "Ünal")];
    visitor.post("/accounts/signup", &account("soeren", &names)).await;
    for (q, is_found) in [
        ("soe", true),
        ("%40SOEREN", true),
        ("s%C3%B8ren+%C3%A6.+%C3%BCn", true),
        ("%C3%9CNAL", true),
        ("oeren", false),
        ("nobody", false),
        ("%25", false),
        ("s_", false),
        ("s", false),
    ] {
        let answer = bob.fragment(&format!("/friends/search?q={q}")).await;
        let found = answer.text().await.unwrap();
        assert_eq!(found.contains("@soeren<"), is_found, "{q}");
        assert!(!found.contains("<html"));
    }
    // Whoever goes by another name is found by that one, and not by those that are not shown.
    visitor
        .post(
            "/settings/profile",
            &[("display_name", "Nordlicht"), names[0], names[1]],
        )
        .await;
    for (q, is_found) in [
        ("nordl", true),
        ("soe", true),
        ("%C3%9CNAL", false),
        ("s%C3%B8ren", false),
    ] {
        let found = bob
            .fragment(&format!("/friends/search?q={q}"))
            .await
            .text()
            .await
            .unwrap();
        assert_eq!(found.contains("@soeren<"), is_found, "{q}");
    }
    let page = bob.page("/friends/search?q=bo").await;
    assert!(
        page.contains("Nobody found") && page.contains("<html"),
        "oneself is not found"
    );

    // What somebody is to the reader stands beside them.
    ask(&alice, "bob").await;
    assert!(
        bob.page("/friends/search?q=ali")
            .await
            .contains("/friends/requests/alice/accept")
    );
    assert!(
        alice
            .page("/friends/search?q=bob")
            .await
            .contains("/friends/requests/bob/cancel")
    );
    act(&bob, "/people/alice/block").await;
    assert!(
        bob.page("/friends/search?q=ali")
            .await
            .contains("/people/alice/unblock")
    );
}

#[sqlx::test]
async fn long_lists_of_people_have_pages(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    sqlx::query(
        "WITH keys AS (INSERT INTO data_keys (id, wrapped) SELECT gen_random_uuid(), '' FROM generate_series(1, 120) RETURNING id),
         numbered AS (SELECT id, row_number() OVER () AS n FROM keys),
         made AS (
             INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                                data_key_id, consent_version, consented_at)
             SELECT gen_random_uuid(), 'many' || n, 'many' || n, 'Many', '', 'many', '', '', 'member', id, '', now()
             FROM numbered RETURNING id
         ), me AS (SELECT id FROM users WHERE name_key = 'alice')
         INSERT INTO friendships (lower_id, higher_id, requester_id, asked_at, accepted_at)
         SELECT LEAST(made.id, me.id), GREATEST(made.id, me.id), me.id, now(), now() FROM made, me",
    )
    .execute(&server.pool)
    .await
    .unwrap();
    for start in ["/friends", "/friends/search?q=many"] {
        let (mut path, mut seen, mut pages) = (start.to_owned(), 0, 0);
        loop {
            let page = alice.page(&path).await;
            seen += page.matches("id=\"person-").count();
            pages += 1;
            let mut links = crate::support::attributes(&page, "href").into_iter();
            let Some(next) = links.find(|link| link.contains("after=")) else {
                break;
            };
            path = next.replace("&amp;", "&");
        }
        assert_eq!((seen, pages), (120, 3), "{start}");
    }
}

#[sqlx::test]
async fn a_page_that_was_away_is_told_what_it_missed_and_only_then(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let digest = |page: &str| crate::support::attributes(page, "data-mine").remove(0);
    let before = digest(&bob.page("/chat/").await);
    let mut fresh = bob.inbox(&format!("?mine={before}")).await;
    assert_eq!(fresh.next().await, r#"{"heartbeat":true}"#, "the first frame");
    drop(fresh);
    ask(&alice, "bob").await;
    let mut late = bob.inbox(&format!("?mine={before}")).await;
    let frame = late.until("data-mine").await;
    assert!(frame.contains(&badge(1)));
    assert_eq!(digest(&frame), digest(&bob.page("/chat/").await));
}
