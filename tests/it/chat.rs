//! The composer without a script: what is sent twice is stored once, and nothing that was typed is lost.

use futures_util::FutureExt;
use regex::Regex;
use reqwest::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Cast, numbers, spawn};

const SEND: &str = "/chat/room/General/messages";

/// The id in the composer of a page.
fn client_id(page: &str) -> String {
    let field = Regex::new(r#"name="client_id" value="([^"]+)""#).unwrap();
    field.captures(page).expect("the composer has an id")[1].to_owned()
}

#[sqlx::test]
async fn the_composer_brings_an_id_under_which_a_message_is_stored_once(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let page = alice.page("/chat/room/General").await;
    let id = client_id(&page);
    assert!(Uuid::parse_str(&id).is_ok());
    for _ in 0..2 {
        let answer = alice.post(SEND, &[("body", "once"), ("client_id", &id)]).await;
        assert_eq!(answer.headers()["location"], "/chat/room/General#m-1");
    }
    let page = alice.page("/chat/room/General").await;
    assert_eq!(numbers(&page), [1]);
    assert_ne!(client_id(&page), id, "the next message is another one");
}

#[sqlx::test]
async fn a_refused_message_is_shown_again_under_its_id(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let id = client_id(&alice.page("/chat/room/General").await);
    let answer = alice
        .post(SEND, &[("body", &"y".repeat(4001)), ("client_id", &id)])
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(client_id(&answer.text().await.unwrap()), id);
    let answer = alice.post(SEND, &[("body", "x"), ("client_id", "\"><b>")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(Uuid::parse_str(&client_id(&answer.text().await.unwrap())).is_ok());
}

#[sqlx::test]
async fn without_a_database_what_was_typed_can_be_sent_again(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let id = client_id(&alice.page("/chat/room/General").await);
    let token = alice.csrf_token().await;
    // From now on nobody gets a connection; whether Alice is logged in has just been asked.
    server.pool.close().now_or_never();
    let fields = [
        ("body", "kept <i>safe</i>"),
        ("client_id", &id),
        ("csrf_token", token.as_str()),
    ];
    let answer = alice.post_raw(SEND, &fields).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "2");
    let page = answer.text().await.unwrap();
    assert!(page.contains("kept &lt;i&gt;safe&lt;/i&gt;") && page.contains("it will not be sent twice"));
    assert!(page.contains(&format!("action=\"{SEND}\"")));
    assert_eq!(client_id(&page), id);
}

/// The id of the room that a page shows.
fn room_id(page: &str) -> String {
    let id = Regex::new(r#"id="room"[^>]*data-room="([^"]+)""#).unwrap();
    id.captures(page).expect("the page has a room")[1].to_owned()
}

#[sqlx::test]
async fn a_message_goes_only_to_the_room_it_was_written_for(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin, alice, charlie, ..
    } = server.cast().await;
    let id = room_id(&alice.page("/chat/room/General").await);
    alice.write("General", "an old message").await;
    let rename = [("name", "Lounge"), ("topic", "")];
    admin.post("/admin/rooms/General", &rename).await;

    let fields = [("body", "for <b>friends</b>"), ("room", id.as_str())];
    for taken in [false, true] {
        if taken {
            admin.make_room("General").await;
            alice.join("General").await;
        }
        let answer = alice.post(SEND, &fields).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "taken: {taken}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("for &lt;b&gt;friends&lt;/b&gt;") && page.contains("This room has moved"));
        assert!(page.contains("action=\"/chat/room/Lounge/messages\""));
        assert_eq!(room_id(&page), id);
        // A page that asks for its room by the id is led to it, whatever the name means by now; nobody else is.
        let answer = alice.get(&format!("/chat/room/General?room={id}")).await;
        assert_eq!(answer.headers()["location"], format!("/chat/room/Lounge?room={id}"));
        let answer = charlie.get(&format!("/chat/room/General?room={id}")).await;
        let status = if taken { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(answer.status(), status, "at most the invitation of another room");
        let older = format!("/chat/room/General/messages?before=2&room={id}");
        assert!(
            alice
                .fragment(&older)
                .await
                .text()
                .await
                .unwrap()
                .contains("an old message")
        );
        assert_eq!(charlie.fragment(&older).await.status(), StatusCode::NOT_FOUND);
    }
    for room in ["Lounge", "General"] {
        assert!(
            !alice
                .page(&format!("/chat/room/{room}"))
                .await
                .contains("for &lt;b&gt;")
        );
    }
    let answer = alice.post("/chat/room/Lounge/messages", &fields).await;
    assert_eq!(answer.headers()["location"], "/chat/room/Lounge#m-2");

    // A link with an id of a room that is no more shows the room of its name.
    let gone = room_id(&alice.page("/chat/room/General").await);
    admin.post("/admin/rooms/General/delete", &[]).await;
    assert_eq!(
        room_id(&alice.page(&format!("/chat/room/Lounge?room={gone}")).await),
        id
    );

    // Not a member, or no such room: what was typed can be copied.
    for (person, room) in [(&charlie, id.as_str()), (&alice, "no-id")] {
        let answer = person.post(SEND, &[("body", "mine"), ("room", room)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let page = answer.text().await.unwrap();
        assert!(page.contains("mine</textarea>") && !page.contains("Lounge"));
    }
}
