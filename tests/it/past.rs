//! Pages of history around a message or a day, and onwards from there.

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use sqlx::PgPool;

use crate::own_rooms::{befriend, make_room};
use crate::support::{Cast, Person, attributes, numbers, spawn};

async fn location(person: &Person, path: &str) -> String {
    let answer = person.get(path).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// The numbers of the messages on a page, and after which one the next newer page begins.
async fn page(person: &Person, path: &str) -> (Vec<i64>, Option<String>) {
    let html = person.page(path).await;
    let list = html.split("id=\"messages\"").nth(1).unwrap();
    let list = list.split("</ol>").next().unwrap();
    (numbers(list), attributes(list, "data-after").pop())
}

#[sqlx::test]
async fn a_permanent_link_opens_around_its_message_and_leads_on(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    for number in 1..=120 {
        alice.write("General", &format!("Message {number}")).await;
    }
    assert_eq!(
        location(&alice, "/chat/room/General/m/60").await,
        "/chat/room/General?around=60#m-60"
    );
    let around = page(&alice, "/chat/room/General?around=60").await;
    assert_eq!(around, ((35..=84).collect(), Some("84".into())));
    let fragment = async |query: &str| {
        let path = format!("/chat/room/General/messages?{query}");
        alice.fragment(&path).await.text().await.unwrap()
    };
    let newer = fragment("after=84").await;
    assert_eq!(numbers(&newer), (85..=120).collect::<Vec<_>>());
    assert!(!newer.contains("id=\"newer\"") && !newer.contains("id=\"older\""));
    // Grouped with the message before it, which is on the page already.
    assert!(newer.contains("id=\"m-85\" class=\"message continued\""));
    let newer = fragment("after=20").await;
    assert_eq!(numbers(&newer), (21..=70).collect::<Vec<_>>());
    assert_eq!(attributes(&newer, "data-after"), ["70"]);
    let older = fragment("before=35").await;
    assert_eq!(numbers(&older), (1..=34).collect::<Vec<_>>());
    assert!(!older.contains("id=\"newer\""));
    // The newest page has nothing after it, and without script the same pages are rooms.
    assert_eq!(page(&alice, "/chat/room/General").await, ((71..=120).collect(), None));
    assert_eq!(
        location(&alice, "/chat/room/General/messages?after=20").await,
        "/chat/room/General?before=71"
    );
    for beyond in ["0", "-1", "121", "9223372036854775807", "x"] {
        let path = format!("/chat/room/General/m/{beyond}");
        assert_eq!(alice.get(&path).await.status(), StatusCode::NOT_FOUND, "{beyond}");
    }
    for seq in [i64::MIN, i64::MAX] {
        for rest in ["", "/menu", "/edit", "/reply", "/delete"] {
            let path = format!("/chat/room/General/messages/{seq}{rest}");
            assert_eq!(alice.fragment(&path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let path = format!("/chat/room/General/messages/{seq}");
        assert_eq!(
            alice.post(&path, &[("body", "x")]).await.status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            alice.post(&format!("{path}/delete"), &[]).await.status(),
            StatusCode::NOT_FOUND
        );
        let unread = [("seq", &*seq.to_string())];
        let answer = alice.post("/chat/room/General/unread", &unread).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{seq}");
    }
    // The links of messages are relative to the room's page, wherever that is drawn.
    for form in ["60", "60/edit", "60/reply"] {
        let path = format!("/chat/room/General/messages/{form}?around=7");
        assert_eq!(location(&alice, &path).await, "/chat/room/General?around=7#m-7");
    }
    for query in [
        "before=-9223372036854775808",
        "before=0&event=1",
        "after=9223372036854775807",
        "around=-5",
        "after=-9",
        "around=9223372036854775807",
    ] {
        assert_eq!(
            alice.get(&format!("/chat/room/General?{query}")).await.status(),
            StatusCode::OK
        );
        fragment(query).await;
    }
    for path in [
        "/m/60",
        "/messages?around=60",
        "/messages?date=2026-01-01",
        "/messages?after=3",
    ] {
        let path = format!("/chat/room/General{path}");
        assert_eq!(charlie.get(&path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[sqlx::test]
async fn a_day_opens_at_its_first_message(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, .. } = server.cast().await;
    for number in 1..=9 {
        alice.write("General", "hello").await;
        let day: DateTime<Utc> = format!("2026-03-0{}T23:59:59Z", (number + 1) / 2).parse().unwrap();
        sqlx::query("UPDATE messages SET created_at = $1 WHERE seq = $2")
            .bind(day)
            .bind(i64::from(number))
            .execute(&pool)
            .await
            .unwrap();
    }
    for (day, seq) in [
        ("2026-03-01", 1),
        ("2025-01-01", 1),
        ("2026-03-03", 5),
        ("2026-03-05", 9),
        ("2026-12-31", 9),
    ] {
        let opened = location(&alice, &format!("/chat/room/General/messages?date={day}")).await;
        assert_eq!(opened, format!("/chat/room/General?around={seq}#m-{seq}"), "{day}");
    }
    let answer = alice.get("/chat/room/General/messages?date=2026-02-30").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[sqlx::test]
async fn nobody_is_led_to_what_came_before_them(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    for person in [&bob, &charlie] {
        befriend(&alice, person).await;
    }
    let slug = make_room(&alice, "Trio", &[("kind", "group"), ("members", "bob")]).await;
    let before = alice.write(&slug, "before Charlie").await;
    alice
        .post(&format!("/chat/room/{slug}/members"), &[("username", "charlie")])
        .await;
    let after = alice.write(&slug, "after").await;
    let path = format!("/chat/room/{slug}");
    let answer = charlie.get(&format!("{path}/m/{before}")).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let opened = location(&charlie, &format!("{path}/messages?date=2020-01-01")).await;
    assert_eq!(opened, format!("{path}?around={after}#m-{after}"));
    for query in ["around=1", "after=0", "after=-1"] {
        assert_eq!(page(&charlie, &format!("{path}?{query}")).await.0, [after], "{query}");
    }
}
