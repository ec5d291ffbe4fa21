//! Reacting to messages.

use std::io::Read;

use flate2::read::GzDecoder;
use futures_util::future::join_all;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::subscriptions::with_keys_of;
use crate::support::{Cast, Person, attributes, numbers, spawn, spawn_with};

fn reactions(room: &str, seq: i64) -> String {
    format!("/chat/room/{room}/messages/{seq}/reactions")
}

async fn react(person: &Person, room: &str, seq: i64, emoji: &str) -> StatusCode {
    person.post(&reactions(room, seq), &[("emoji", emoji)]).await.status()
}

/// Presses what stands under a message.
async fn press(person: &Person, room: &str, reaction: &str) -> StatusCode {
    let path = format!("/chat/room/{room}/reactions");
    person.post(&path, &[("reaction", reaction)]).await.status()
}

/// What stands under the messages of a page or frame: number and emoji, and how many people.
fn shown(html: &str) -> Vec<(String, String)> {
    let part = |html: &str, from: &str, to: &str| {
        let begin = html.find(from).unwrap() + from.len();
        html[begin..].split(to).next().unwrap().to_owned()
    };
    let buttons = html.split("name=\"reaction\" value=\"").skip(1);
    let buttons = buttons.map(|button| {
        let value = button.split('"').next().unwrap().to_owned();
        (value, part(button, "<span>", "</span>"))
    });
    buttons.collect()
}

#[sqlx::test]
async fn a_reaction_shows_to_all_on_every_node_and_is_taken_back(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let seq = alice.write("General", "the moon").await;
    let mut at_alice = alice.socket("General").await;
    assert_eq!(react(&bob, "General", seq, "👍").await, StatusCode::SEE_OTHER);
    let frame = at_alice.until("class=\"reaction\"").await;
    assert!(
        frame.contains(&format!("hx-target=\"#m-{seq}\"")) && frame.contains("thumbs up, 1"),
        "{frame}"
    );
    let thumb = format!("{seq} 👍");
    assert_eq!(shown(&frame), [(thumb.clone(), "1".into())]);
    // A text form of an emoji and one with a tone of skin are told apart, and are what Unicode recommends.
    assert_eq!(react(&alice, "General", seq, "❤").await, StatusCode::SEE_OTHER);
    assert_eq!(press(&alice, "General", &thumb).await, StatusCode::SEE_OTHER);
    let page = bob.page("/chat/room/General").await;
    let heart = (format!("{seq} ❤\u{fe0f}"), "1".to_owned());
    assert_eq!(shown(&page), [(thumb.clone(), "2".into()), heart.clone()]);
    let by = &attributes(&page, "data-by")[0];
    let mine = attributes(&page, "data-me")[0][24..].to_owned();
    assert!(by.split(' ').any(|id| id == mine), "{by} has {mine}");
    let style = bob.get("/chat/me.css").await.text().await.unwrap();
    assert!(style.contains(&format!("[data-by~=\"{mine}\"]")));

    // The reaction that was given first stands first.
    assert_eq!(press(&bob, "General", &thumb).await, StatusCode::SEE_OTHER);
    assert_eq!(
        shown(&bob.page("/chat/room/General").await),
        [heart.clone(), (thumb.clone(), "1".into())]
    );
    assert_eq!(press(&alice, "General", &thumb).await, StatusCode::SEE_OTHER);
    assert_eq!(shown(&bob.page("/chat/room/General").await), [heart]);
}

#[sqlx::test]
async fn who_was_away_gets_the_reactions_with_one_look(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let seq = alice.write("General", "the moon").await;
    let change = attributes(&bob.page("/chat/room/General").await, "data-change")[0].clone();
    for emoji in ["👍", "🎉", "😂"] {
        assert_eq!(react(&alice, "General", seq, emoji).await, StatusCode::SEE_OTHER);
    }
    let path = format!("/ws/chatroom/General?after={change}&seq={seq}");
    let mut socket = bob.try_socket_at(&path, Some(&server.address)).await.unwrap();
    let frame = socket.until("class=\"reaction\"").await;
    assert_eq!((numbers(&frame), shown(&frame).len()), (vec![seq], 3));
    // Reactions are no messages that somebody has not read.
    let waiting = "SELECT count_unread(room_id, user_id, 1) FROM members WHERE user_id = (SELECT id FROM users WHERE username = 'bob')";
    let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&server.pool).await.unwrap();
    assert_eq!(waiting, 0);
}

#[sqlx::test]
async fn what_is_reacted_to_before_it_is_delivered_stands_in_its_place(pool: PgPool) {
    let first = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    // A node that hears nothing of the other, and finds all of it with one look.
    let second = spawn_with(pool, with_keys_of(&first)).await;
    let mut at_second = at(bob.clone(), &second).socket("General").await;
    let seq = alice.write("General", "from alice").await;
    bob.write("General", "from bob").await;
    assert_eq!(react(&bob, "General", seq, "👍").await, StatusCode::SEE_OTHER);
    let mut seen = String::new();
    while !(seen.contains("class=\"reaction\"") && seen.contains("from bob")) {
        seen.push_str(&at_second.next().await);
    }
    // Alice's next message does not go on with her first one: Bob's stands between.
    at(alice, &second).write("General", "from alice later").await;
    let next = at_second.until("from alice later").await;
    assert!(!next.contains("class=\"message continued\""), "{next}");
}

#[sqlx::test]
async fn of_a_hundred_who_press_at_once_each_counts_once(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let (bob_there, alice_there) = (at(bob.clone(), &second), at(alice.clone(), &second));
    let seq = alice.write("General", "the moon").await;
    // An even number of times each of the two, on both nodes: as if nobody had; then once more.
    let presses = (0..25).flat_map(|_| [&alice, &bob, &alice_there, &bob_there]);
    let answers = join_all(presses.map(|person| react(person, "General", seq, "👍"))).await;
    let counted = answers
        .iter()
        .filter(|status| **status == StatusCode::SEE_OTHER)
        .count();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM reactions")
        .fetch_one(&pool)
        .await
        .unwrap();
    let refused = answers.len() - counted;
    assert!(
        answers
            .iter()
            .all(|status| [StatusCode::SEE_OTHER, StatusCode::TOO_MANY_REQUESTS].contains(status)),
        "{answers:?}"
    );
    assert_eq!(left % 2, i64::try_from(counted % 2).unwrap(), "{refused} refused");
    let has: bool = sqlx::query_scalar("SELECT has_reactions FROM messages")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(has, left > 0);
}

#[sqlx::test]
async fn only_what_is_seen_and_stands_has_reactions(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let slug = make_room(&alice, "Night watch", &[]).await;
    let seq = alice.write(&slug, "the moon").await;
    assert_eq!(react(&alice, &slug, seq, "👍").await, StatusCode::SEE_OTHER);
    let (path, room) = (reactions(&slug, seq), format!("/chat/room/{slug}"));
    for stranger in [&bob, &charlie] {
        assert_eq!(react(stranger, &slug, seq, "👍").await, StatusCode::NOT_FOUND);
        assert_eq!(press(stranger, &slug, "1 👍").await, StatusCode::NOT_FOUND);
        for address in [path.clone(), format!("{room}/messages/{seq}/react")] {
            assert_eq!(
                stranger.get(&address).await.status(),
                StatusCode::NOT_FOUND,
                "{address}"
            );
        }
    }
    for (emoji, status) in [
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        ("x", StatusCode::UNPROCESSABLE_ENTITY),
        ("👍👍", StatusCode::UNPROCESSABLE_ENTITY),
        ("<b>", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(react(&alice, &slug, seq, emoji).await, status, "{emoji}");
    }
    for missing in [0, -1, i64::MIN, seq + 1, i64::MAX] {
        assert_eq!(react(&alice, &slug, missing, "👍").await, StatusCode::NOT_FOUND);
        assert_eq!(
            press(&alice, &slug, &format!("{missing} 👍")).await,
            StatusCode::NOT_FOUND
        );
    }
    for garbage in ["", "👍", "x 👍", "99999999999999999999 👍"] {
        assert_eq!(press(&alice, &slug, garbage).await, StatusCode::NOT_FOUND, "{garbage}");
    }

    let most = [
        "😀", "😃", "😄", "😁", "😆", "😅", "🤣", "😂", "🙂", "🙃", "🫠", "😉", "😊", "😇", "🥰", "😍", "🤩", "😘",
        "😗",
    ];
    let mut pressed = Vec::new();
    for emoji in most {
        pressed.push(react(&alice, &slug, seq, emoji).await);
    }
    assert!(
        pressed.iter().all(|status| *status == StatusCode::SEE_OTHER),
        "{pressed:?}"
    );
    assert_eq!(
        react(&alice, &slug, seq, "🎉").await,
        StatusCode::CONFLICT,
        "the twenty-first"
    );
    assert_eq!(
        react(&alice, &slug, seq, "👍").await,
        StatusCode::SEE_OTHER,
        "one of them goes"
    );

    // With the message go the reactions; nobody gives one to what is gone.
    assert_eq!(
        alice.post(&format!("{room}/messages/{seq}/delete"), &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(react(&alice, &slug, seq, "👍").await, StatusCode::NOT_FOUND);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM reactions")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(shown(&alice.page(&room).await), []);
}

#[sqlx::test]
async fn in_a_closed_direct_chat_reactions_stay_as_they_are(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    befriend(&alice, &bob).await;
    let slug = open_direct(&alice, "bob").await;
    let seq = alice.write(&slug, "the moon").await;
    assert_eq!(react(&bob, &slug, seq, "👍").await, StatusCode::SEE_OTHER);
    assert_eq!(
        alice.post("/friends/bob/remove", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(react(&bob, &slug, seq, "👍").await, StatusCode::NOT_FOUND);
    let page = bob.page(&format!("/chat/room/{slug}")).await;
    assert_eq!(shown(&page), [(format!("{seq} 👍"), "1".into())]);
}

#[sqlx::test]
async fn all_who_react_are_listed_page_by_page(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let seq = alice.write("General", "the moon").await;
    assert_eq!(react(&alice, "General", seq, "👍").await, StatusCode::SEE_OTHER);
    let many = "WITH people AS (
                    INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                                       data_key_id)
                    SELECT gen_random_uuid(), 'person' || n, 'person' || n, 'P', '', 'p', '', '', 'member',
                           (SELECT data_key_id FROM users WHERE name_key = 'alice') FROM generate_series(1, 120) n RETURNING id
                )
                INSERT INTO reactions SELECT m.room_id, m.seq, '👍', people.id, now() FROM people, messages m";
    sqlx::query(many).execute(&pool).await.unwrap();
    let (mut path, mut people) = (reactions("General", seq), Vec::new());
    loop {
        let page = bob.page(&path).await;
        people.extend(
            attributes(&page, "href")
                .into_iter()
                .filter(|href| href.starts_with("/@person")),
        );
        let next = attributes(&page, "href")
            .into_iter()
            .find(|href| href.contains("?after="));
        let Some(next) = next else { break };
        path = next.replace("&amp;", "&");
    }
    people.sort_unstable();
    people.dedup();
    assert_eq!(people.len(), 120);
    // Under the message stand the ids of the last fifty at most, and how many they are.
    let page = bob.page("/chat/room/General").await;
    assert_eq!(shown(&page), [(format!("{seq} 👍"), "121".into())]);
    assert_eq!(attributes(&page, "data-by")[0].split_whitespace().count(), 50);
}

#[sqlx::test]
async fn all_emoji_are_small_on_the_wire_for_who_takes_them_compressed(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let ask = async |encodings: &str| {
        let request = alice.client.get(format!("{}/chat/emoji", alice.address));
        let answer = request.header(ACCEPT_ENCODING, encodings).send().await.unwrap();
        assert_eq!(answer.headers()[VARY], "Accept-Encoding");
        assert!(
            answer.headers()[CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
        let encoding = answer.headers().get(CONTENT_ENCODING).cloned();
        (encoding, answer.bytes().await.unwrap())
    };
    let (encoding, plain) = ask("gzip;q=0, br").await;
    assert_eq!(encoding, None);
    let (encoding, packed) = ask("br, gzip").await;
    assert_eq!(encoding.unwrap(), "gzip");
    assert!(
        packed.len() < 45_000 && plain.len() > 4 * packed.len(),
        "{} of {}",
        packed.len(),
        plain.len()
    );
    let mut unpacked = Vec::new();
    GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain);
}

#[sqlx::test]
async fn all_emoji_stand_in_one_form(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let seq = alice.write("General", "the moon").await;
    let page = alice.page(&format!("/chat/room/General/messages/{seq}/react")).await;
    assert!(page.matches("name=\"emoji\"").count() > 1800 && page.contains("value=\"🌙\" title=\"crescent moon\""));
    let dialog = alice
        .fragment(&format!("/chat/room/General/messages/{seq}/react"))
        .await;
    let dialog = dialog.text().await.unwrap();
    let all = attributes(&dialog, "hx-get")
        .into_iter()
        .find(|path| path.contains("/chat/emoji?v="))
        .unwrap();
    let answer = alice.get(&all).await;
    let kept = |answer: &reqwest::Response| answer.headers()["cache-control"].to_str().unwrap().to_owned();
    assert!(kept(&answer).contains("immutable"));
    assert_eq!(kept(&alice.get("/chat/emoji?v=another").await), "no-store");
    let text = answer.text().await.unwrap();
    assert!(page.contains(&text) && dialog.len() < 8_000, "{}", dialog.len());
    // The same for the text in the composer, where the script puts what is chosen.
    let for_text = alice.fragment("/chat/emoji/choose").await.text().await.unwrap();
    assert!(attributes(&for_text, "hx-get").contains(&all) && !for_text.contains("csrf_token"));
    assert_eq!(
        server.visitor().get("/chat/emoji/choose").await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(server.visitor().get(&all).await.status(), StatusCode::SEE_OTHER);
}
