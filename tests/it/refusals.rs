//! Without a script: what was typed into a form that is refused before it is carried out is not lost, and nothing is ever
//! carried out by itself.

use std::sync::LazyLock;

use futures_util::FutureExt;
use regex::Regex;
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use sqlx::PgPool;

use crate::support::{Cast, PASSWORD, Person, Server, account, numbers, spawn};

const SEND: &str = "/chat/room/General/messages";
/// With markup in it, a line break as browsers send them, and signs of four bytes.
const TEXT: &str = "kept <b x-data=\"1\">safe</b> & \r\nsound \u{1f319}";

type Fields = Vec<(String, String)>;

static FORM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)<form\b([^>]*)>(.*?)</form>").unwrap());
static ACTION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"action="([^"]*)""#).unwrap());
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let hidden = r#"<input type="hidden" name="([^"]+)" value="([^"]*)""#;
    Regex::new(&format!(
        r#"(?s){hidden}|<textarea[^>]* name="(body)"[^>]*>\n([^<]*)</textarea>"#
    ))
    .unwrap()
});

/// The form of that action on a page, with what it would send.
fn form(page: &str, action: &str) -> Fields {
    let forms: Vec<_> = FORM.captures_iter(page).collect();
    let found = forms
        .iter()
        .find(|form| ACTION.captures(&form[1]).is_some_and(|found| &found[1] == action));
    let found = found.unwrap_or_else(|| panic!("no form for {action} in {page}"));
    let fields = FIELD.captures_iter(&found[2]).map(|field| {
        let part = |first: usize| field.get(first).or(field.get(first + 2)).unwrap().as_str();
        (part(1).to_owned(), text_of(part(2)))
    });
    fields.collect()
}

/// Text of which somebody made HTML.
fn text_of(html: &str) -> String {
    let plain = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&amp;", "&")
}

fn with(fields: &Fields, more: &[(&str, &str)]) -> Fields {
    let mut fields = fields.clone();
    for (name, value) in more {
        fields.retain(|(old, _)| old != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    fields
}

async fn send(person: &Person, path: &str, fields: &Fields) -> Response {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    person.post_raw(path, &fields).await
}

fn location(answer: &Response) -> &str {
    answer.headers()[LOCATION].to_str().unwrap()
}

async fn page_of(answer: Response, status: StatusCode) -> String {
    assert_eq!(answer.status(), status, "{:?}", answer.headers());
    answer.text().await.unwrap()
}

/// The composer of a room that is open in this browser, filled in.
async fn typed(person: &Person, body: &str) -> Fields {
    with(&form(&person.page("/chat/room/General").await, SEND), &[("body", body)])
}

/// Ends the log-in of this browser from another one; its cookie stays.
async fn end_log_in(person: &Person) {
    let other = Person::new(&person.address);
    for cookie in person.cookies().split("; ") {
        other.jar.add_cookie_str(cookie, &person.address.parse().unwrap());
    }
    assert_eq!(
        other.post("/accounts/logout", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert!(!person.is_logged_in().await);
}

async fn stored(server: &Server) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM messages");
    count.fetch_one(&server.pool).await.unwrap()
}

/// Nothing of what was typed becomes markup.
fn shows_as_text(page: &str) {
    assert!(
        page.contains("kept &lt;b x-data=&quot;1&quot;&gt;safe&lt;/b&gt; &amp; \r\nsound"),
        "{page}"
    );
    assert!(!page.contains("<b x-data"), "{page}");
}

/// From a refused message through the log-in, with a wrong password first, to the page of the room.
async fn through_the_log_in(person: &Person, refused: Response, status: StatusCode, login: &str) -> String {
    assert!(
        !refused.headers().contains_key(LOCATION),
        "no address holds anything of it"
    );
    let page = page_of(refused, status).await;
    shows_as_text(&page);
    let fields = with(
        &form(&page, "/accounts/login"),
        &[("login", login), ("password", "a wrong password")],
    );
    let page = page_of(
        send(person, "/accounts/login", &fields).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    shows_as_text(&page);
    assert!(!page.contains("a wrong password"));
    let fields = with(
        &form(&page, "/accounts/login"),
        &[("login", login), ("password", PASSWORD)],
    );
    let answer = send(person, "/accounts/login", &fields).await;
    assert_eq!(
        (answer.status(), location(&answer)),
        (StatusCode::TEMPORARY_REDIRECT, SEND)
    );
    // Here a browser sends all of it again, the password too.
    let answer = send(person, SEND, &fields).await;
    let status = answer.status();
    let page = answer.text().await.unwrap();
    assert!(
        matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
        "{status}"
    );
    assert!(!page.contains(PASSWORD));
    page
}

/// The composer on that page has the text under its id; sent twice it is stored once.
async fn sends_once(server: &Server, person: &Person, page: &str, before: &Fields) {
    shows_as_text(page);
    assert_eq!(stored(server).await, 0, "nothing is sent by itself");
    let fields = form(page, SEND);
    for name in ["body", "client_id", "room"] {
        let find = |fields: &Fields| fields.iter().find(|(field, _)| field == name).unwrap().1.clone();
        assert_eq!(find(&fields), find(before), "{name}");
    }
    for _ in 0..2 {
        let answer = send(person, SEND, &fields).await;
        assert_eq!(location(&answer), "/chat/room/General#m-1");
    }
    assert_eq!(stored(server).await, 1);
    assert_eq!(numbers(&person.page("/chat/room/General").await), [1]);
}

#[sqlx::test]
async fn a_message_after_the_session_ended_is_in_the_composer_after_the_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    end_log_in(&alice).await;
    let refused = send(&alice, SEND, &fields).await;
    let page = through_the_log_in(&alice, refused, StatusCode::UNAUTHORIZED, "alice").await;
    assert!(page.contains("You are logged in as @alice. Your message is not sent yet."));
    sends_once(&server, &alice, &page, &fields).await;
}

#[sqlx::test]
async fn a_message_after_a_log_out_in_another_tab_is_in_the_composer_after_the_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    alice.post("/accounts/logout", &[]).await;
    let refused = send(&alice, SEND, &fields).await;
    let page = through_the_log_in(&alice, refused, StatusCode::FORBIDDEN, "alice").await;
    sends_once(&server, &alice, &page, &fields).await;
}

#[sqlx::test]
async fn after_a_log_in_as_somebody_else_it_is_said_who_would_write_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    alice.log_in("bob").await;
    let page = page_of(send(&alice, SEND, &fields).await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("You are logged in as @bob. Your message is not sent yet."));
    sends_once(&server, &alice, &page, &fields).await;
    assert!(
        alice
            .page("/chat/room/General")
            .await
            .contains(r#"<bdi>bob Test</bdi> <span class="username">@bob</span>"#)
    );
}

#[sqlx::test]
async fn somebody_else_who_is_no_member_may_join_and_send(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    alice.post("/accounts/logout", &[]).await;
    let refused = send(&alice, SEND, &fields).await;
    let page = through_the_log_in(&alice, refused, StatusCode::FORBIDDEN, "charlie").await;
    assert!(page.contains("You are not a member of General") && page.contains("You are logged in as @charlie."));
    sends_once(&server, &alice, &page, &fields).await;
}

#[sqlx::test]
async fn a_message_to_a_room_that_one_left_can_be_sent_by_joining_again(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    alice.post("/chat/room/General/leave", &[]).await;
    let page = page_of(send(&alice, SEND, &fields).await, StatusCode::NOT_FOUND).await;
    assert!(page.contains("You are not a member of General"));
    sends_once(&server, &alice, &page, &fields).await;
}

#[sqlx::test]
async fn only_the_room_that_a_message_is_meant_for_can_be_joined_with_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    alice.post("/chat/room/General/leave", &[]).await;
    admin
        .post("/admin/rooms/General", &[("name", "Lounge"), ("topic", "")])
        .await;
    admin.make_room("General").await;
    for fields in [fields.clone(), with(&fields, &[("join", "on")])] {
        let page = page_of(send(&alice, SEND, &fields).await, StatusCode::NOT_FOUND).await;
        shows_as_text(&page);
        assert!(!page.contains("name=\"join\"") && !page.contains("Lounge"), "{page}");
    }
    let members: i64 =
        sqlx::query_scalar("SELECT count(*) FROM members m JOIN users u ON u.id = user_id WHERE name_key = 'alice'")
            .fetch_one(&server.pool)
            .await
            .unwrap();
    assert_eq!((stored(&server).await, members), (0, 0));
}

#[sqlx::test]
async fn a_message_to_a_room_that_was_archived_can_be_copied(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    admin.post("/admin/rooms/General/archive", &[]).await;
    shows_as_text(&page_of(send(&alice, SEND, &fields).await, StatusCode::FORBIDDEN).await);
    alice.log_in("bob").await;
    shows_as_text(&page_of(send(&alice, SEND, &fields).await, StatusCode::FORBIDDEN).await);
    assert_eq!(stored(&server).await, 0);
}

#[sqlx::test]
async fn the_longest_message_goes_through_and_more_than_a_form_is_refused(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let text = "\u{1f319}".repeat(4_000);
    let fields = typed(&alice, &text).await;
    let huge = typed(&alice, &"x".repeat(70 << 10)).await;
    end_log_in(&alice).await;
    assert_eq!(send(&alice, SEND, &huge).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let page = page_of(send(&alice, SEND, &fields).await, StatusCode::UNAUTHORIZED).await;
    let log_in = with(
        &form(&page, "/accounts/login"),
        &[("login", "alice"), ("password", PASSWORD)],
    );
    assert_eq!(
        send(&alice, "/accounts/login", &log_in).await.status(),
        StatusCode::TEMPORARY_REDIRECT
    );
    let page = page_of(send(&alice, SEND, &log_in).await, StatusCode::FORBIDDEN).await;
    let answer = send(&alice, SEND, &form(&page, SEND)).await;
    assert_eq!(location(&answer), "/chat/room/General#m-1");
    assert!(alice.page("/chat/room/General").await.contains(&text));
}

#[sqlx::test]
async fn every_form_is_shown_again_without_its_password(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let visitor = server.visitor();
    let mut fields: Fields = account("alice", &[("first_name", "Al <b>1</b>")])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    fields.push(("csrf_token".into(), "of another time".into()));
    let page = page_of(send(&visitor, "/accounts/signup", &fields).await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("Al &lt;b&gt;1&lt;/b&gt;") && !page.contains("<b>1"));
    assert!(!page.contains(PASSWORD) && !page.contains("of another time"));
    let again = form(&page, "/accounts/signup");
    assert!(again.contains(&("username".into(), "alice".into())) && again.contains(&("consent".into(), "on".into())));
    // The password is all that is missing.
    let page = page_of(
        send(&visitor, "/accounts/signup", &again).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert_eq!(page.matches("class=\"field-error\"").count(), 1, "{page}");
    let answer = send(&visitor, "/accounts/signup", &with(&again, &[("password", PASSWORD)])).await;
    assert_eq!(location(&answer), "/chat/");
}

#[sqlx::test]
async fn what_an_administrator_typed_survives_their_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    let token = admin.csrf_token().await;
    end_log_in(&admin).await;
    let fields = with(
        &Fields::new(),
        &[("name", "Lounge"), ("topic", TEXT), ("csrf_token", &token)],
    );
    // For whoever is not logged in the address does not exist, and what does not exist is answered in the same way.
    for path in ["/admin/rooms", "/admin/nowhere", "/nowhere"] {
        let page = page_of(send(&admin, path, &fields).await, StatusCode::NOT_FOUND).await;
        shows_as_text(&page);
        form(&page, "/accounts/login");
    }
    let page = page_of(send(&admin, "/admin/rooms", &fields).await, StatusCode::NOT_FOUND).await;
    let log_in = with(
        &form(&page, "/accounts/login"),
        &[("login", "ada"), ("password", PASSWORD)],
    );
    let answer = send(&admin, "/accounts/login", &log_in).await;
    assert_eq!(location(&answer), "/admin/rooms");
    let page = page_of(send(&admin, "/admin/rooms", &log_in).await, StatusCode::FORBIDDEN).await;
    shows_as_text(&page);
    assert!(page.contains("You are logged in as @ada.") && !page.contains(PASSWORD));
    assert_eq!(form(&page, "/admin/rooms").len(), 3, "nothing of the log-in");
    let fields = with(&form(&page, "/admin/rooms"), &[("topic", "calm")]);
    assert_eq!(location(&send(&admin, "/admin/rooms", &fields).await), "/admin/rooms");
    assert!(admin.page("/chat/").await.contains("Lounge"));
}

#[sqlx::test]
async fn while_the_database_is_away_a_form_is_shown_again(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let fields = typed(&alice, TEXT).await;
    // Nobody knows any more who Alice is, and from now on nobody gets a connection.
    bob.post("/accounts/logout", &[]).await;
    server.pool.close().now_or_never();
    let answer = send(&alice, SEND, &fields).await;
    assert_eq!(answer.headers()["retry-after"], "5");
    let page = page_of(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    shows_as_text(&page);
    let mut again = form(&page, SEND);
    let mut fields = fields;
    again.sort();
    fields.sort();
    assert_eq!(again, fields);
}

#[sqlx::test]
async fn nothing_that_another_site_sends_comes_back(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let token = alice.csrf_token().await;
    let own = server.address.as_str();
    let body = |token: &str| format!("body=planted&room=&client_id=&name=planted&username=planted&csrf_token={token}");
    let visitor = server.visitor();
    for (origin, site) in [
        (Some("https://evil.example"), None),
        (Some("https://evil.example"), Some("same-origin")),
        (Some("null"), None),
        (None, Some("cross-site")),
        (None, Some("same-site")),
        // No browser of today sends neither.
        (None, None),
    ] {
        for person in [&alice, &visitor] {
            for path in [SEND, "/admin/rooms", "/accounts/signup", "/accounts/login", "/nowhere"] {
                let says = |token: &str| {
                    let mut request = person.client.post(format!("{own}{path}")).body(body(token));
                    request = request.header("content-type", "application/x-www-form-urlencoded");
                    for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                        request = value.map_or_else(
                            || request.try_clone().unwrap(),
                            |value| request.try_clone().unwrap().header(name, value),
                        );
                    }
                    request.send()
                };
                let page = says("of another time").await.unwrap().text().await.unwrap();
                assert!(!page.contains("planted"), "{path} {origin:?} {site:?}");
                if origin.or(site).is_some() {
                    let answer = says(&token).await.unwrap();
                    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
                    assert!(!answer.text().await.unwrap().contains("planted"));
                }
            }
        }
    }
    assert_eq!(stored(&server).await, 0);
    // Nor by a link.
    let again = format!(r#"{{"action":"{SEND}","fields":[["body","planted"]]}}"#);
    let again = url::form_urlencoded::byte_serialize(again.as_bytes()).collect::<String>();
    assert!(
        !visitor
            .page(&format!("/accounts/login?again={again}&body=planted"))
            .await
            .contains("planted")
    );
}

#[sqlx::test]
async fn a_refused_form_leads_nowhere_but_to_a_page_of_this_site(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    for action in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/accounts/logout",
        "/accounts/login",
        "javascript:alert(1)",
    ] {
        let again = serde_json::json!({"action": action, "fields": [["body", "x"]]}).to_string();
        let fields = [("login", "alice"), ("password", PASSWORD), ("again", &again)];
        let answer = server.visitor().post("/accounts/login", &fields).await;
        assert_eq!(
            (answer.status(), location(&answer)),
            (StatusCode::SEE_OTHER, "/chat/"),
            "{action}"
        );
    }
    for again in ["", "x", "{}", "[]", r#"{"action":"/chat/","fields":[["body"]]}"#] {
        let fields = [("login", "alice"), ("password", PASSWORD), ("again", again)];
        let answer = server.visitor().post("/accounts/login", &fields).await;
        assert_eq!(location(&answer), "/chat/", "{again}");
    }
    let answer = server
        .visitor()
        .post_raw("//evil.example/x", &[("body", "planted")])
        .await;
    let page = answer.text().await.unwrap();
    assert!(!page.contains("evil") && !page.contains("planted"), "{page}");
}

#[sqlx::test]
async fn programs_and_scripts_are_answered_as_ever(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, .. } = server.cast().await;
    let visitor = server.visitor();
    let answer = visitor
        .post_fragment("/chat/room/General", SEND, &[("body", "typed")])
        .await;
    assert_eq!(
        answer.headers()["hx-redirect"],
        "/accounts/login?next=%2Fchat%2Froom%2FGeneral"
    );
    assert!(!page_of(answer, StatusCode::UNAUTHORIZED).await.contains("typed"));
    let request = alice
        .client
        .post(format!("{}{SEND}", server.address))
        .header("accept", "application/json");
    let request = request
        .header("origin", &server.address)
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body("body=typed").send().await.unwrap();
    let error: serde_json::Value = serde_json::from_str(&page_of(answer, StatusCode::FORBIDDEN).await).unwrap();
    assert_eq!(error["error"]["code"], "forbidden");
    // Where nothing was typed there is nothing to keep.
    let answer = visitor.post("/chat/room/General/join", &[]).await;
    assert_eq!(location(&answer), "/accounts/login");
}
