//! Sending, reading and keeping messages.

use regex::Regex;
use reqwest::StatusCode;
use sqlx::PgPool;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::{Cast, account, attributes, config, numbers, spawn, spawn_with};

#[sqlx::test]
async fn two_people_chat_and_a_stranger_hears_nothing(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    admin.make_room("Random").await;
    charlie.join("Random").await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    let mut at_charlie = charlie.socket("Random").await;

    let id = at_alice.say("Hello Bob 🌙").await;
    for socket in [&mut at_alice, &mut at_bob] {
        let frame = socket.until("Hello Bob 🌙").await;
        assert!(frame.contains("<hx-partial") && frame.contains("hx-target=\"#messages\""));
        assert_eq!(
            (numbers(&frame), attributes(&frame, "data-client")),
            (vec![1], vec![id.clone()])
        );
        assert_eq!(attributes(&frame, "data-change").len(), 1);
    }
    at_bob.say("Hello Alice").await;
    assert_eq!(numbers(&at_alice.until("Hello Alice").await), [2]);
    at_charlie.hears_nothing_of("Hello").await;

    let page = bob.page("/chat/room/General").await;
    assert_eq!(numbers(&page), [1, 2]);
    assert!(page.contains("Hello Bob 🌙") && page.contains("Hello Alice"));
}

#[sqlx::test]
async fn people_of_one_name_are_told_apart_by_their_usernames(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { bob, .. } = server.cast().await;
    let mut at_bob = bob.socket("General").await;
    for username in ["ana", "ana.f"] {
        let visitor = server.visitor();
        let names = [("first_name", "Ana"), ("last_name", "Ferreira")];
        visitor.post("/accounts/signup", &account(username, &names)).await;
        let shown = format!(r#"<bdi>Ana Ferreira</bdi> <span class="username">@{username}</span>"#);
        visitor.join("General").await;
        let linked = format!(r#"<a class="author" href="/@{username}" tabindex="-1">{shown}</a>"#);
        at_bob.until(&format!("{linked} joined</p>")).await;
        visitor.write("General", "hello").await;
        assert!(at_bob.until("hello").await.contains(&linked));
        let page = visitor.page("/chat/room/General").await;
        let (stream, pending) = page.split_once(r#"id="pending-message""#).unwrap();
        assert!(stream.contains(&shown) && pending.contains(&shown), "{username}");
    }
}

#[sqlx::test]
async fn the_online_count_follows_people_not_sockets(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut at_alice = alice.socket("General").await;
    at_alice.until("1 online").await;
    let _second_tab = alice.socket("General").await;
    let at_bob = bob.socket("General").await;
    at_alice.until("2 online").await;
    assert!(bob.page("/chat/room/General").await.contains("2 online"));
    drop(at_bob);
    // Five seconds of grace, in which a reload does not show.
    at_alice.hears_nothing_of("1 online").await;
    at_alice.until("1 online").await;
}

#[sqlx::test]
async fn bad_frames_are_answered_and_the_next_good_one_works(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let id = Uuid::new_v4().to_string();
    let with = |body: &str| Message::from(serde_json::json!({"body": body, "client_id": id}).to_string());
    let bad = [
        (Message::from("not json"), "invalid_json"),
        (Message::from("{\"body\": 7}"), "invalid_json"),
        (Message::from("[]"), "invalid_json"),
        (
            Message::from("{\"body\": \"x\", \"client_id\": \"not a uuid\"}"),
            "invalid_json",
        ),
        (Message::binary(b"{\"body\": \"x\"}".to_vec()), "invalid_json"),
        (Message::binary(vec![0xff, 0xfe]), "invalid_json"),
        (with("a\0b"), "invalid_json"),
        (with(""), "empty"),
        (with(" \n "), "empty"),
        (with("\u{200B}"), "empty"),
        (with("\u{3164}\n\u{2800}"), "empty"),
        (with(&"x".repeat(4001)), "too_long"),
        (with(&"x".repeat(17 << 10)), "too_long"),
    ];
    for (message, code) in bad {
        let shown = format!("{message:.60?}");
        socket.send(message).await;
        let error = socket.refusal().await;
        assert_eq!(error["code"], code, "{shown}");
        assert!(error["message"].as_str().unwrap().ends_with('.'), "{shown}");
        assert!(error["client_id"].is_null() || error["client_id"] == *id, "{shown}");
    }
    socket.say(&"🌙".repeat(3900)).await;
    assert_eq!(numbers(&socket.until("🌙").await), [1]);
}

#[sqlx::test]
async fn what_can_be_seen_is_kept_and_what_cannot_is_no_message(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let send = async |body: &str| alice.post("/chat/room/General/messages", &[("body", body)]).await;
    for blank in ["\u{200B}", "\u{200D}\u{FE0F}", "\u{3164}", " \u{2800} \u{AD}"] {
        let answer = send(blank).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{blank:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Write something first."), "{blank:?}");
    }
    let mut at_bob = bob.socket("General").await;
    let mut at_alice = alice.socket("General").await;
    let kept = [
        "👨\u{200D}👩\u{200D}👧\u{200D}👦",
        "❤\u{FE0F}\u{200D}🔥",
        "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
        "می\u{200C}خواهم",
        "\u{200F}سلام\u{200E}",
        "e\u{301} and é",
        "ทั่วไป",
    ];
    for text in kept {
        assert_eq!(send(text).await.status(), StatusCode::SEE_OTHER);
        at_bob.until(&format!(">{text}</p>")).await;
        at_alice.say(text).await;
        at_bob.until(&format!(">{text}</p>")).await;
    }
    assert_eq!(numbers(&bob.page("/chat/room/General").await).len(), 2 * kept.len());
}

#[sqlx::test]
async fn unknown_keys_are_ignored_and_a_missing_client_id_is_made(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    socket
        .send(r#"{"body": "from htmx", "headers": {"HX-Request": "true"}, "csrf_token": "x"}"#)
        .await;
    let frame = socket.until("from htmx").await;
    assert!(Uuid::parse_str(&attributes(&frame, "data-client")[0]).is_ok());
}

#[sqlx::test]
async fn sending_the_same_client_id_twice_stores_it_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut here, mut there) = (alice.socket("General").await, alice.socket("General").await);
    let mut at_bob = bob.socket("General").await;
    let id = Uuid::new_v4().to_string();
    tokio::join!(here.say_as("only once", &id), there.say_as("only once", &id));
    for socket in [&mut here, &mut there, &mut at_bob] {
        assert_eq!(numbers(&socket.until("only once").await), [1]);
    }
    // Again, long after: its sender is shown the stored message, nobody else hears of it.
    at_bob.hears_nothing_of("only once").await;
    // On a new socket: one of the two above was told of both, the message and that it had been sent before.
    let mut later = alice.socket("General").await;
    later.say_as("another text under the same id", &id).await;
    let frame = later.until("only once").await;
    assert!(frame.contains("<hx-upsert") && numbers(&frame) == [1]);
    at_bob.hears_nothing_of("only once").await;
    // The same id of another person is another message.
    at_bob.say_as("mine", &id).await;
    assert_eq!(numbers(&at_bob.until("mine").await), [2]);
    // And without a socket it is answered with the stored one as well.
    let answer = alice
        .post("/chat/room/General/messages", &[("body", "x"), ("client_id", &id)])
        .await;
    assert_eq!(answer.headers()["location"], "/chat/room/General#m-1");
    assert_eq!(numbers(&bob.page("/chat/room/General").await), [1, 2]);
}

#[sqlx::test]
async fn many_senders_at_once_get_numbers_without_gaps_in_one_order(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    for n in 0..100 {
        at_alice.say(&format!("alice {n}")).await;
        at_bob.say(&format!("bob {n}")).await;
    }
    let mut seen = Vec::new();
    for socket in [&mut at_alice, &mut at_bob] {
        let mut html = String::new();
        while numbers(&html).len() < 200 {
            html.push_str(&socket.next().await);
        }
        assert_eq!(numbers(&html), (1..=200).collect::<Vec<_>>());
        seen.push(attributes(&html, "data-client"));
    }
    assert_eq!(seen[0], seen[1]);
}

#[sqlx::test]
async fn whoever_returns_is_sent_what_was_missed(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    alice.write("General", "seen").await;
    let page = bob.page("/chat/room/General").await;
    let cursor = attributes(&page, "data-change")[0].clone();
    alice.write("General", "missed one").await;
    charlie.join("General").await;
    alice.write("General", "missed two").await;

    let mut by_number = bob.socket(&format!("General?after={cursor}&seq=1")).await;
    let frame = by_number.until("missed two").await;
    assert!(frame.contains("<hx-upsert") && frame.contains("sort") && frame.contains("missed one"));
    assert!(frame.contains("joined") && !frame.contains(">seen<"));
    assert_eq!(
        (numbers(&frame), attributes(&frame, "data-from")),
        (vec![2, 3], vec![cursor.clone()])
    );
    let mut by_change = bob.socket(&format!("General?after={cursor}")).await;
    assert!(by_change.until("missed two").await.contains("hx-swap=\"beforeend\""));

    let newest = attributes(&frame, "data-to")[0].clone();
    let mut nothing_missed = bob.socket(&format!("General?after={newest}&seq=3")).await;
    nothing_missed.hears_nothing_of("missed").await;
    alice.write("General", "live again").await;
    for socket in [&mut by_number, &mut by_change, &mut nothing_missed] {
        let frame = socket.until("live again").await;
        assert_eq!(
            (numbers(&frame), attributes(&frame, "data-from")),
            (vec![4], vec![newest.clone()])
        );
    }
}

/// More messages than are loaded at once, and somebody who joins among them.
#[sqlx::test]
async fn what_happened_among_many_missed_messages_comes_too(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let page = bob.page("/chat/room/General").await;
    let cursor = attributes(&page, "data-change").pop().unwrap();
    for n in 1..=150 {
        socket.say(&format!("n{n}")).await;
        if n == 50 {
            socket.until(">n50<").await;
            charlie.join("General").await;
        }
    }
    socket.until(">n150<").await;

    let mut returned = bob.socket(&format!("General?after={cursor}")).await;
    let mut frames = String::new();
    while !frames.contains(">n150<") {
        frames += &returned.next().await;
    }
    assert_eq!(numbers(&frames), (1..=150).collect::<Vec<_>>());
    assert_eq!(frames.matches(" joined").count(), 1);
}

#[sqlx::test]
async fn whoever_missed_too_much_loads_the_page_again(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    for n in 1..=510 {
        socket.say(&format!("n{n}")).await;
        if n % 100 == 0 {
            socket.until(&format!(">n{n}<")).await;
        }
    }
    socket.until(">n510<").await;
    for cursor in ["0", "-7", "999999"] {
        // The last one is from another life of the database: nothing can be said about what it has seen.
        let frame = bob.socket(&format!("General?after={cursor}&seq=0")).await.next().await;
        assert_eq!(frame, "{\"reload\":true}", "{cursor}");
    }
}

#[sqlx::test]
async fn history_comes_in_pages_without_gap_or_double(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    for n in 1..=120 {
        socket.say(&format!("message {n}")).await;
    }
    socket.until("message 120").await;
    let mut html = bob.page("/chat/room/General").await;
    let mut pages = vec![numbers(&html)];
    while html.contains("id=\"older\"") {
        let address = attributes(&html, "hx-get")
            .into_iter()
            .find(|path| path.contains("before="))
            .unwrap();
        html = bob.fragment(&address).await.text().await.unwrap();
        assert!(!html.contains("<html"));
        pages.push(numbers(&html));
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    pages.reverse();
    assert_eq!(pages.concat(), (1..=120).collect::<Vec<_>>());
    // Alice's and Bob's joining stand before the first message.
    assert_eq!(html.matches("class=\"event\"").count(), 2);
    // Without JavaScript the same address leads to a whole page.
    let answer = bob.get("/chat/room/General/messages?before=71").await;
    assert_eq!(answer.headers()["location"], "/chat/room/General?before=71");
    assert_eq!(
        numbers(&bob.page("/chat/room/General?before=71").await),
        (21..=70).collect::<Vec<_>>()
    );
}

/// The changes of the events in a page, in order.
fn events(html: &str) -> Vec<i64> {
    let event = Regex::new(r#"<li id="e-(\d+)""#).unwrap();
    let changes = event.captures_iter(html);
    changes.map(|found| found[1].parse().unwrap()).collect()
}

#[sqlx::test]
async fn a_crowd_that_comes_and_goes_fills_pages_of_its_own(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    alice.write("General", "before the crowd").await;
    // After the first message 600 events, after the second one 250.
    let crowd = "INSERT INTO room_events (room_id, change, after_seq, kind, actor_id, at)
                 SELECT r.id, r.last_change + n, r.last_seq, 'joined', u.id, now()
                 FROM rooms r, users u, generate_series(1, $1) n WHERE u.username = 'alice'";
    for count in [600, 250] {
        sqlx::query(crowd).bind(count).execute(&server.pool).await.unwrap();
        sqlx::query("UPDATE rooms SET last_change = last_change + $1")
            .bind(count)
            .execute(&server.pool)
            .await
            .unwrap();
        alice.write("General", "after the crowd").await;
    }
    let link = Regex::new(r#"hx-get="([^"]*before=[^"]*)""#).unwrap();
    // With script a page is asked for as a fragment, without as a page of its own.
    for is_fragment in [true, false] {
        let mut html = bob.page("/chat/room/General").await;
        let (mut messages, mut changes) = (vec![numbers(&html)], vec![events(&html)]);
        while html.contains("id=\"older\"") {
            let address = link.captures(&html).unwrap()[1].replace("&amp;", "&");
            html = if is_fragment {
                bob.fragment(&address).await.text().await.unwrap()
            } else {
                let answer = bob.get(&address).await;
                bob.page(answer.headers()["location"].to_str().unwrap()).await
            };
            assert!(events(&html).len() <= 200);
            messages.push(numbers(&html));
            changes.push(events(&html));
            assert!(changes.len() < 10, "it ends");
        }
        messages.reverse();
        changes.reverse();
        assert_eq!(messages.concat(), [1, 2, 3]);
        // Two people joined before the first message, which was the third change.
        let all: Vec<i64> = (1..=2).chain(4..=603).chain(605..=854).collect();
        assert_eq!(changes.concat(), all);
    }
}

#[sqlx::test]
async fn without_a_socket_errors_keep_what_was_typed(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let long = "y".repeat(4001);
    for (body, sentence) in [
        ("  ", "Write something first."),
        (long.as_str(), "at most 4,000 characters"),
    ] {
        let answer = alice.post("/chat/room/General/messages", &[("body", body)]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence) && page.contains(body));
    }
    let answer = alice
        .client
        .post(format!("{}/chat/room/General/messages", alice.address))
        .header("HX-Request", "true")
        .header("Origin", &alice.address)
        .header("X-CSRF-Token", alice.csrf_token().await)
        .form(&[("body", "by htmx\r\ntwo lines")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let fragment = answer.text().await.unwrap();
    assert!(fragment.starts_with("<li id=\"m-1\"") && fragment.contains("by htmx\ntwo lines"));
}

#[sqlx::test]
async fn writing_too_fast_is_answered_with_a_time(pool: PgPool) {
    let slow = umbrachat::config::Config {
        message_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, slow).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    // Far more than the bucket holds, so that a slow machine, on which it refills meanwhile, is too fast as well.
    for n in 0..30 {
        socket.say(&format!("quick {n}")).await;
    }
    let error = socket.refusal().await;
    assert_eq!(error["code"], "too_fast");
    let wait = error["retry_after"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&wait), "{wait}");
    assert!(bob.write("General", "unaffected").await > 4);

    let token = alice.csrf_token().await;
    let fields = [("body", "kept"), ("csrf_token", token.as_str())];
    let posts = (0..30).map(|_| alice.post_raw("/chat/room/General/messages", &fields));
    let answers = futures_util::future::join_all(posts).await;
    let mut refused = answers
        .into_iter()
        .filter(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS);
    let answer = refused.next().expect("thirty at once are too many");
    assert_eq!(answer.headers()["retry-after"], "1");
    assert!(answer.text().await.unwrap().contains("kept"));
}

#[sqlx::test]
async fn one_person_has_a_limited_number_of_sockets(pool: PgPool) {
    let few = umbrachat::config::Config {
        sockets_per_user: 2.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, few).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut first = alice.socket("General").await;
    let _second = alice.socket("General").await;
    assert_eq!(alice.socket("General").await.closed().await.0, 1013);
    bob.socket("General").await.until("online").await;
    first.say("still works").await;
    first.until("still works").await;
}

#[sqlx::test]
async fn handshakes_from_foreign_pages_are_refused(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let port = server.address.rsplit_once(':').unwrap().1;
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some("http://127.0.0.1:1"),
    ] {
        let error = alice.try_socket("General", origin).await.err().expect("refused");
        let tokio_tungstenite::tungstenite::Error::Http(answer) = error else {
            panic!("{error}")
        };
        assert_eq!(answer.status(), 403, "{origin:?}");
    }
    for own in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        alice
            .try_socket("General", Some(&own))
            .await
            .unwrap()
            .until("online")
            .await;
    }
    // A plain request is told what stands here.
    let answer = alice
        .client
        .get(format!("{}/ws/chatroom/General", server.address))
        .header("Origin", &server.address);
    assert_eq!(answer.send().await.unwrap().status(), StatusCode::UPGRADE_REQUIRED);
}

#[sqlx::test]
async fn hostile_text_stays_text(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut socket = bob.socket("General").await;
    let payloads = [
        "<script>alert(1)</script>",
        "<hx-partial hx-target=\"body\">x</hx-partial>",
        "<div hx-swap-oob=\"true\" id=\"room\">x</div>",
        "<b hx-ws:connect=\"/ws/chatroom/x\">x</b>",
        "<b x-data=\"{}\" x-init=\"alert(1)\">x</b>",
        "<img src=x onerror=alert(1)>",
        "</p></li><li id=\"m-1\">",
        "\" data-client=\"x",
        "javascript:alert(1)",
    ];
    for payload in payloads {
        alice.write("General", payload).await;
        let escaped = payload
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        let frame = socket.until(&escaped).await;
        assert_eq!(frame.matches("<li").count(), 1, "{payload}");
    }
    let page = bob.page("/chat/room/General").await;
    for tag in [
        "<script>alert",
        "<hx-partial",
        "hx-swap-oob=\"",
        "<img src",
        "x-init=\"",
    ] {
        assert!(!page.contains(tag), "{tag}");
    }
}

#[sqlx::test]
async fn my_own_style_is_mine(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let answer = alice.get("/chat/me.css").await;
    assert_eq!(answer.headers()["content-type"], "text/css; charset=utf-8");
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("no-store"));
    let style = answer.text().await.unwrap();
    let me = attributes(&alice.page("/chat/room/General").await, "data-me")[0].clone();
    assert!(style.contains(&format!("[data-author=\"{me}\"]")) && !style.contains("__ME__"));
    assert!(!bob.get("/chat/me.css").await.text().await.unwrap().contains(&me));
}

#[sqlx::test]
async fn a_restart_tells_the_pages_and_keeps_everything(pool: PgPool) {
    let mut server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    for n in 0..50 {
        socket.say(&format!("last words {n}")).await;
    }
    // The server reads in order: when the last one is there, all are.
    socket.until("last words 49").await;
    let (stopped, closed) = tokio::join!(server.stop(), socket.closed());
    let ((), (code, _)) = (stopped, closed);
    assert_eq!(code, 1012);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(kept, 50);
}
