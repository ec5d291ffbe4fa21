//! Rooms that people make themselves, and direct chats: who finds them, who is told, and who never is.

use futures_util::future::join_all;
use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::support::{Cast, Person, spawn};

/// Makes two people friends.
pub async fn befriend(one: &Person, other: &Person) {
    for (person, asked) in [(one, other), (other, one)] {
        let answer = person.post("/friends/requests", &[("username", &asked.name)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
}

/// Makes a room, and returns its place in addresses.
pub async fn make_room(owner: &Person, title: &str, fields: &[(&str, &str)]) -> String {
    let answer = owner.post("/chat/rooms", &[&[("title", title)], fields].concat()).await;
    let location = answer.headers()["location"].to_str().unwrap();
    location.strip_prefix("/chat/room/").expect(location).to_owned()
}

/// Opens the direct chat with somebody, and returns its place in addresses.
pub async fn open_direct(person: &Person, other: &str) -> String {
    let answer = person.post(&format!("/chat/with/{other}"), &[]).await;
    let location = answer.headers()["location"].to_str().unwrap();
    location.strip_prefix("/chat/room/").expect(location).to_owned()
}

async fn is_closed_to(person: &Person, slug: &str) {
    for path in ["", "/messages?before=1", "/changes?after=0"] {
        let answer = person.get(&format!("/chat/room/{slug}{path}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/join", "/leave"] {
        let answer = person.post(&format!("/chat/room/{slug}{path}"), &[]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(person.socket(slug).await.closed().await.0, 4403);
}

#[sqlx::test]
async fn a_group_begins_with_friends_and_nobody_else_learns_of_it(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    befriend(&alice, &bob).await;
    let bob = at(bob, &second);
    let mut inbox = bob.inbox("").await;
    let mut strangers = charlie.inbox("").await;
    let title = "Night <b>watch</b>";
    let slug = make_room(&alice, title, &[("kind", "group"), ("members", "bob")]).await;
    assert!(inbox.until(&slug).await.contains("Night &lt;b&gt;watch&lt;/b&gt;"));
    let mut room = bob.socket(&slug).await;
    alice.write(&slug, "only for us").await;
    room.until("only for us").await;
    let page = bob.page(&format!("/chat/room/{slug}")).await;
    assert!(page.contains("made this room") && page.contains("added") && page.contains(&slug));
    is_closed_to(&charlie, &slug).await;
    strangers.hears_nothing_of(&slug).await;
    assert!(!charlie.page("/chat/").await.contains(&slug));
    let other = make_room(&alice, title, &[]).await;
    assert_ne!(other, slug, "a title may be taken");
    is_closed_to(&bob, &other).await;

    let answer = bob.post(&format!("/chat/room/{slug}/leave"), &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(room.closed().await.0, 4403);
    is_closed_to(&bob, &slug).await;
    assert!(!bob.page("/chat/").await.contains(&slug));
}

#[sqlx::test]
async fn what_is_wrong_with_a_new_room_stands_beside_its_field(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    befriend(&alice, &bob).await;
    let long = "x".repeat(65);
    for (fields, sentence) in [
        (vec![("title", " ")], "Give the room a name."),
        (vec![("title", &long)], "Use at most 64 characters."),
        (vec![("title", "\u{200B}\u{3164}")], "Nothing of this name can be seen."),
        (vec![("title", "a\u{202E}b")], "Use letters that can be seen only."),
        (vec![("title", "a"), ("kind", "secret")], "Choose one of these."),
        (
            vec![("title", "a"), ("members", "charlie")],
            "Choose people among your friends.",
        ),
        (
            vec![("title", "a"), ("members", "nobody")],
            "Choose people among your friends.",
        ),
        (
            vec![("title", "a"), ("members", "alice")],
            "Choose people among your friends.",
        ),
    ] {
        let fields = [&fields[..], &[("topic", "kept as typed"), ("members", "bob")]].concat();
        let answer = alice.post("/chat/rooms", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence) && page.contains("kept as typed"), "{fields:?}");
        assert!(page.contains(r#"name="members" value="bob" checked"#), "{fields:?}");
    }
    let rooms: i64 = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE kind <> 'public'")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(rooms, 0);
    let visitor = server.visitor();
    assert_eq!(visitor.get("/chat/rooms").await.status(), StatusCode::SEE_OTHER);
    for path in ["/chat/rooms", "/chat/with/alice"] {
        let answer = visitor.post(path, &[("title", "a")]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[sqlx::test]
async fn two_friends_have_one_direct_chat_however_often_it_is_opened_at_once(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    for (path, status) in [
        ("/chat/with/bob", StatusCode::CONFLICT),
        ("/chat/with/alice", StatusCode::NOT_FOUND),
        ("/chat/with/nobody", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(alice.post(path, &[]).await.status(), status, "{path}");
    }
    assert_eq!(alice.get("/chat/with/bob").await.headers()["location"], "/@bob");
    befriend(&alice, &bob).await;
    let bob = at(bob, &second);
    let (mut inbox, mut strangers) = (bob.inbox("").await, charlie.inbox("").await);
    let opened = (0..6).flat_map(|_| [open_direct(&alice, "bob"), open_direct(&bob, "alice")]);
    let slugs = join_all(opened).await;
    let slug = slugs[0].clone();
    assert_eq!(slugs, vec![slug.clone(); 12]);
    let rooms: i64 = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE kind = 'direct'")
        .fetch_one(&first.pool)
        .await
        .unwrap();
    assert_eq!(rooms, 1);
    assert!(
        inbox.until(&slug).await.contains("alice Test"),
        "called by the other person"
    );
    let location = format!("/chat/room/{slug}");
    assert_eq!(bob.get("/chat/with/alice").await.headers()["location"], location);
    alice.write(&slug, "between us").await;
    assert!(bob.page(&location).await.contains("between us"));
    let answer = bob.post(&format!("{location}/leave"), &[]).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    is_closed_to(&charlie, &slug).await;
    strangers.hears_nothing_of(&slug).await;
}

#[sqlx::test]
async fn a_direct_chat_of_people_who_are_not_friends_any_more_can_be_read_only(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    befriend(&alice, &bob).await;
    let slug = open_direct(&alice, "bob").await;
    alice.write(&slug, "before").await;
    let path = format!("/chat/room/{slug}");
    for (end, again) in [
        ("/friends/alice/remove", None),
        ("/people/alice/block", Some("/people/alice/unblock")),
    ] {
        let (mut open, write) = (alice.socket(&slug).await, format!("{path}/messages"));
        assert_eq!(bob.post(end, &[]).await.status(), StatusCode::SEE_OTHER);
        for person in [&alice, &bob] {
            let page = person.page(&path).await;
            assert!(page.contains("before") && page.contains("You are not friends any more"));
            let fields = [("body", "after all"), ("client_id", &uuid::Uuid::new_v4().to_string())];
            let answer = person.post(&write, &fields).await;
            assert!(answer.status().is_client_error(), "{}", answer.status());
        }
        assert_eq!(open.closed().await.0, 4403);
        if let Some(again) = again {
            bob.post(again, &[]).await;
        }
        befriend(&alice, &bob).await;
        alice.write(&slug, "friends again").await;
    }
    // Behind the program's back, so that the socket is still there.
    let mut open = alice.socket(&slug).await;
    let end = sqlx::query("DELETE FROM friendships").execute(&server.pool).await;
    assert_eq!(end.unwrap().rows_affected(), 1);
    open.say("over the socket").await;
    assert_eq!(open.refusal().await["code"], "not_friends");
    assert!(!bob.page(&path).await.contains("over the socket"));
}
