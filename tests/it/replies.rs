//! Messages that answer others, and what they quote.

use reqwest::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room};
use crate::support::{Cast, Person, Socket, numbers, spawn};

/// Answers that message.
async fn answer(socket: &mut Socket, seq: i64, body: &str) {
    let frame = json!({"type": "send", "body": body, "client_id": Uuid::new_v4(), "reply_to": seq});
    socket.send(frame.to_string()).await;
}

/// What the messages of a page or frame quote: the number, and what stands there of it.
fn quotes(html: &str) -> Vec<(i64, String)> {
    let parts = html.split("data-quoted=\"").skip(1);
    let quote = parts.map(|part| {
        let (seq, rest) = part.split_once('"').unwrap();
        let (_, shown) = rest.split_once('>').unwrap();
        let end = shown.find("</a>").or_else(|| shown.find("</template>")).unwrap();
        let text = regex::Regex::new("<[^>]*>")
            .unwrap()
            .replace_all(&shown[..end], "")
            .into_owned();
        (seq.parse().unwrap(), text)
    });
    quote.collect()
}

#[sqlx::test]
async fn an_answer_quotes_what_it_answers_on_every_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let mut at_bob = at(bob, &second).socket("General").await;
    let mut at_alice = alice.socket("General").await;
    let seq = alice.write("General", "Who brings\nthe <telescope>?").await;
    at_bob.until("telescope").await;
    answer(&mut at_bob, seq, "I do").await;
    for socket in [&mut at_alice, &mut at_bob] {
        let frame = socket.until("I do").await;
        assert_eq!(
            quotes(&frame),
            [(seq, "alice TestWho brings the &lt;telescope&gt;?".to_owned())]
        );
        assert_eq!(numbers(&frame), [seq + 1]);
    }
    let page = alice.page("/chat/room/General").await;
    assert_eq!(quotes(&page).len(), 1);
}

#[sqlx::test]
async fn a_quote_follows_the_message_that_it_quotes(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut at_bob = bob.socket("General").await;
    let seq = alice.write("General", "the mooon").await;
    answer(&mut at_bob, seq, "?").await;
    at_bob.until("data-quoted").await;
    let path = format!("/chat/room/General/messages/{seq}");
    alice.post(&path, &[("body", "the moon")]).await;
    let frame = at_bob.until("<template data-quoted").await;
    assert_eq!(quotes(&frame), [(seq, "alice Testthe moon".to_owned())]);
    assert_eq!(
        quotes(&bob.page("/chat/room/General").await),
        [(seq, "alice Testthe moon".to_owned())]
    );
    alice.post(&format!("{path}/delete"), &[]).await;
    let frame = at_bob.until("Message deleted").await;
    assert_eq!(quotes(&frame), [(seq, "alice TestMessage deleted".to_owned())]);
    let page = bob.page("/chat/room/General").await;
    assert_eq!(quotes(&page), [(seq, "alice TestMessage deleted".to_owned())]);
    assert!(!page.contains("the moon"));
}

#[sqlx::test]
async fn what_came_before_somebody_is_not_quoted_to_them(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    for person in [&bob, &charlie] {
        befriend(&alice, person).await;
    }
    let slug = make_room(&alice, "Trio", &[("kind", "group"), ("members", "bob")]).await;
    let (mut at_alice, mut at_bob) = (alice.socket(&slug).await, bob.socket(&slug).await);
    let seq = alice.write(&slug, "before Charlie").await;
    let added = alice
        .post(&format!("/chat/room/{slug}/members"), &[("username", "charlie")])
        .await;
    assert_eq!(added.status(), StatusCode::SEE_OTHER);
    let mut at_charlie = charlie.socket(&slug).await;
    answer(&mut at_alice, seq, "as I said").await;
    // One frame for all does not show it; a page shows it to whom it may.
    for socket in [&mut at_bob, &mut at_charlie] {
        let frame = socket.until("as I said").await;
        assert_eq!(quotes(&frame), [(seq, "An earlier message".to_owned())]);
    }
    let page = async |person: &Person| quotes(&person.page(&format!("/chat/room/{slug}")).await);
    assert_eq!(page(&bob).await, [(seq, "alice Testbefore Charlie".to_owned())]);
    assert_eq!(page(&charlie).await, [(seq, "An earlier message".to_owned())]);
    // Nor can it be answered by them, or seen.
    answer(&mut at_charlie, seq, "what?").await;
    assert_eq!(at_charlie.refusal().await["code"], "unknown_reply");
    let strip = charlie
        .fragment(&format!("/chat/room/{slug}/messages/{seq}/reply"))
        .await;
    assert_eq!(strip.status(), StatusCode::NOT_FOUND);
    let written = alice
        .post(&format!("/chat/room/{slug}/messages/{seq}"), &[("body", "canary")])
        .await;
    assert_eq!(written.status(), StatusCode::SEE_OTHER);
    at_bob.until("canary").await;
    at_charlie.hears_nothing_of("canary").await;
}

#[sqlx::test]
async fn only_what_is_there_can_be_answered(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let seq = alice.write("General", "hello").await;
    for unknown in [0, -1, seq + 1, i64::MAX] {
        answer(&mut socket, unknown, "?").await;
        assert_eq!(socket.refusal().await["code"], "unknown_reply", "{unknown}");
    }
    let send = async |reply_to: &str| {
        let id = Uuid::new_v4().to_string();
        let fields = [("body", "by form"), ("client_id", &id), ("reply_to", reply_to)];
        alice.post("/chat/room/General/messages", &fields).await
    };
    for unknown in ["x", "99"] {
        let refused = send(unknown).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.unwrap();
        assert!(page.contains("The message that you answer is not there.") && page.contains(">\nby form</textarea>"));
    }
    assert_eq!(send(&seq.to_string()).await.status(), StatusCode::SEE_OTHER);
    let page = alice.page("/chat/room/General").await;
    assert_eq!(quotes(&page), [(seq, "alice Testhello".to_owned())]);
    // The page to answer it, without script.
    let page = alice.page(&format!("/chat/room/General/messages/{seq}/reply")).await;
    assert!(page.contains(&format!("name=\"reply_to\" value=\"{seq}\"")));
    let path = format!("/chat/room/General/messages/{seq}/reply");
    assert_eq!(charlie.get(&path).await.status(), StatusCode::NOT_FOUND);
}
