//! What a page missed, asked for without a socket: the same as over one, for those whom the room is open to.

use reqwest::{Response, StatusCode};
use sqlx::PgPool;

use crate::subscriptions::{alter, begin_now, room_id};
use crate::support::{Cast, Person, attributes, config, numbers, spawn, spawn_with};

/// The page's request.
async fn ask(person: &Person, room: &str, query: &str) -> Response {
    person.fragment(&format!("/chat/room/{room}/changes?{query}")).await
}

async fn text(answer: Response) -> String {
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

/// The changes that a page shows.
async fn cursor(person: &Person) -> i64 {
    let page = person.page("/chat/room/General").await;
    attributes(&page, "data-change").remove(0).parse().unwrap()
}

#[sqlx::test]
async fn it_is_word_for_word_what_the_socket_brings(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    for body in ["one", "two"] {
        alice.write("General", body).await;
    }
    let query = format!("after={}&seq=2", cursor(&bob).await);
    assert_eq!(ask(&bob, "General", &query).await.status(), StatusCode::NO_CONTENT);
    // What does not say how far it is misses nothing.
    assert_eq!(ask(&bob, "General", "").await.status(), StatusCode::NO_CONTENT);

    alice.write("General", "<three>").await;
    charlie.join("General").await;
    alter(&server.pool, "General", 1).await;
    alice.write("General", "four").await;
    let answer = ask(&bob, "General", &query).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let answer = text(answer).await;
    let mut socket = bob.socket(&format!("General?{query}")).await;
    let mut frames = String::new();
    while !frames.contains("four") {
        frames += &socket.next().await;
    }
    assert_eq!(answer, frames);
    assert_eq!(numbers(&answer), [3, 1, 4]);
    assert!(answer.contains("joined") && answer.contains(r##"hx-target="#m-1" hx-swap="outerHTML""##));

    let to = attributes(&answer, "data-to").pop().unwrap();
    let rest = ask(&bob, "General", &format!("after={to}&seq=4")).await;
    assert_eq!(rest.status(), StatusCode::NO_CONTENT);
}

#[sqlx::test]
async fn many_changes_come_in_parts_that_follow_on_each_other(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut at = cursor(&bob).await;
    let mut socket = alice.socket("General").await;
    for n in 1..=250 {
        socket.say(&format!("n{n}")).await;
    }
    socket.until(">n250<").await;
    let (mut seen, mut parts) = (Vec::new(), 0);
    loop {
        let seq = seen.last().copied().unwrap_or(0);
        let answer = ask(&bob, "General", &format!("after={at}&seq={seq}")).await;
        if answer.status() == StatusCode::NO_CONTENT {
            break;
        }
        let answer = text(answer).await;
        for (from, to) in attributes(&answer, "data-from")
            .iter()
            .zip(attributes(&answer, "data-to"))
        {
            assert_eq!(*from, at.to_string(), "no gap");
            at = to.parse().unwrap();
        }
        let found = numbers(&answer);
        assert!(found.len() <= 100, "{} at once", found.len());
        seen.extend(found);
        parts += 1;
    }
    assert_eq!(seen, (1..=250).collect::<Vec<_>>());
    assert_eq!(parts, 3);
}

#[sqlx::test]
async fn a_page_that_is_outdated_is_led_to_the_page_that_is_not(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    let general = room_id(&server.pool, "General").await;
    let now = cursor(&alice).await;
    // From another life of the database; too far behind; and whoever asks without the script.
    let ahead = ask(&alice, "General", "after=999999&seq=0").await;
    assert_eq!(
        ahead.headers()["hx-redirect"],
        format!("/chat/room/General?room={general}")
    );
    sqlx::query("UPDATE rooms SET last_change = last_change + 501 WHERE id = $1")
        .bind(general)
        .execute(&server.pool)
        .await
        .unwrap();
    let behind = ask(&alice, "General", &format!("after={now}&seq=0")).await;
    assert_eq!(
        behind.headers()["hx-redirect"],
        format!("/chat/room/General?room={general}")
    );
    let plain = alice
        .get(&format!("/chat/room/General/changes?after={now}&seq=0"))
        .await;
    assert_eq!(plain.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        plain.headers()["location"],
        format!("/chat/room/General?room={general}")
    );

    // Its room has another name, and then its old one is another room's.
    let now = cursor(&alice).await;
    admin
        .post("/admin/rooms/General", &[("name", "Lounge"), ("topic", "")])
        .await;
    for taken in [false, true] {
        if taken {
            admin.make_room("General").await;
            alice.join("General").await;
        }
        let moved = ask(&alice, "General", &format!("after={now}&seq=0&room={general}")).await;
        let location = format!("/chat/room/Lounge?room={general}");
        assert_eq!(moved.headers()["hx-redirect"], location, "taken: {taken}");
    }
}

#[sqlx::test]
async fn it_is_open_to_those_only_whom_the_socket_is_open_to(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    let general = room_id(&server.pool, "General").await;
    alice.write("General", "early").await;
    begin_now(&server.pool, "General", "bob").await;
    alice.write("General", "late").await;

    let queries = ["after=0&seq=0".to_owned(), format!("after=0&seq=0&room={general}")];
    for query in &queries {
        assert_eq!(ask(&charlie, "General", query).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ask(&charlie, "nowhere", query).await.status(), StatusCode::NOT_FOUND);
        let stranger = ask(&server.visitor(), "General", query).await;
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
        // Their membership begins later, however old the page says that it is.
        let answer = text(ask(&bob, "General", query).await).await;
        assert_eq!(numbers(&answer), [2]);
        assert!(!answer.contains("early"), "{answer}");
    }
    bob.post("/chat/room/General/leave", &[]).await;
    assert_eq!(ask(&bob, "General", &queries[1]).await.status(), StatusCode::NOT_FOUND);
    admin.post("/admin/rooms/General/archive", &[]).await;
    assert_eq!(
        ask(&alice, "General", &queries[1]).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[sqlx::test]
async fn a_message_that_is_refused_without_a_socket_is_refused_in_one_sentence(pool: PgPool) {
    let slow = umbrachat::config::Config {
        message_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, slow).await;
    let Cast { alice, .. } = server.cast().await;
    let path = "/chat/room/General/messages";
    let send = async |body: &str| alice.post_fragment("/chat/room/General", path, &[("body", body)]).await;
    let refused = send(" ").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let alert = refused.text().await.unwrap();
    assert!(alert.contains(r#"role="alert""#) && alert.contains("<p>Write something first.</p>"));
    assert!(!alert.contains("<html"), "{alert}");
    let answers = futures_util::future::join_all((0..30).map(|_| send("quick"))).await;
    let too_fast = answers
        .iter()
        .find(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        too_fast.expect("thirty at once are too many").headers()["retry-after"],
        "1"
    );
}
