//! Who belongs to groups and private rooms: who may change it, who is told, and what is left when somebody goes.

use futures_util::SinkExt;
use futures_util::future::join_all;
use reqwest::StatusCode;
use sqlx::PgPool;
use tokio_tungstenite::tungstenite::Message;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::support::{Cast, Person, attributes, spawn};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const CLOSED: StatusCode = StatusCode::NOT_FOUND;

/// What somebody does in a room.
async fn act(person: &Person, slug: &str, action: &str, fields: &[(&str, &str)]) -> StatusCode {
    let answer = person.post(&format!("/chat/room/{slug}/{action}"), fields).await;
    answer.status()
}

async fn make(person: &Person, slug: &str, username: &str, role: &str) -> StatusCode {
    act(person, slug, &format!("members/{username}/role"), &[("role", role)]).await
}

async fn remove(person: &Person, slug: &str, username: &str) -> StatusCode {
    act(person, slug, &format!("members/{username}/remove"), &[]).await
}

async fn add(person: &Person, slug: &str, username: &str) -> StatusCode {
    act(person, slug, "members", &[("username", username)]).await
}

/// A group of these people, who are made friends of the owner.
async fn group(owner: &Person, members: &[&Person]) -> String {
    let mut fields = vec![("kind", "group")];
    for member in members {
        befriend(owner, member).await;
        fields.push(("members", &member.name));
    }
    make_room(owner, "Night watch", &fields).await
}

/// Who belongs to the room, with their roles, by name.
async fn roles(pool: &PgPool, slug: &str) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT u.username, m.role FROM members m JOIN users u ON u.id = m.user_id JOIN rooms r ON r.id = m.room_id
         WHERE r.slug = $1 ORDER BY u.username",
    )
    .bind(slug)
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn count(pool: &PgPool, statement: &str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(name, role)| ((*name).to_owned(), (*role).to_owned()))
        .collect()
}

#[sqlx::test]
async fn owners_decide_moderators_keep_order_and_members_do_neither(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (dora, erin) = (server.person("dora").await, server.person("erin").await);
    let slug = group(&alice, &[&bob, &dora]).await;
    befriend(&bob, &erin).await;

    assert_eq!(add(&bob, &slug, "erin").await, CLOSED);
    assert_eq!(remove(&bob, &slug, "dora").await, CLOSED);
    assert_eq!(make(&bob, &slug, "bob", "owner").await, CLOSED);
    assert_eq!(make(&bob, &slug, "alice", "member").await, CLOSED);
    let page = bob.page(&format!("/chat/room/{slug}/members")).await;
    assert!(page.contains("@alice") && page.contains("Owner") && !page.contains("/remove") && !page.contains("/role"));
    assert!(!page.contains(r#"name="username""#));
    for path in ["settings", "delete"] {
        let fields = [("title", "Night watch"), ("topic", "")];
        assert_eq!(act(&bob, &slug, path, &fields).await, CLOSED, "{path}");
    }
    let settings = format!("/chat/room/{slug}/settings");
    assert_eq!(bob.get(&settings).await.status(), CLOSED);

    assert_eq!(make(&alice, &slug, "bob", "moderator").await, DONE);
    assert_eq!(add(&bob, &slug, "erin").await, DONE, "a friend of the moderator alone");
    assert_eq!(add(&bob, &slug, "erin").await, DONE, "twice is once");
    assert_eq!(remove(&bob, &slug, "alice").await, CLOSED);
    assert_eq!(remove(&bob, &slug, "bob").await, CLOSED);
    assert_eq!(make(&bob, &slug, "dora", "moderator").await, CLOSED);
    assert_eq!(make(&bob, &slug, "bob", "owner").await, CLOSED);
    assert_eq!(remove(&bob, &slug, "dora").await, DONE);
    assert_eq!(remove(&bob, &slug, "dora").await, CLOSED);
    let fields = [("title", "Day watch"), ("topic", ""), ("history", "all")];
    assert_eq!(act(&bob, &slug, "settings", &fields).await, CLOSED, "for owners alone");
    assert_eq!(act(&bob, &slug, "settings", &fields[..2]).await, DONE);
    assert!(!bob.page(&settings).await.contains(r#"name="history""#));
    assert_eq!(act(&bob, &slug, "delete", &[("title", "Day watch")]).await, CLOSED);

    assert_eq!(make(&alice, &slug, "erin", "owner").await, DONE);
    assert_eq!(make(&alice, &slug, "erin", "member").await, CLOSED);
    assert_eq!(remove(&alice, &slug, "erin").await, CLOSED);
    assert_eq!(
        make(&alice, &slug, "alice", "moderator").await,
        DONE,
        "there is another owner"
    );
    assert_eq!(make(&alice, &slug, "alice", "owner").await, CLOSED);
    assert_eq!(make(&erin, &slug, "erin", "member").await, StatusCode::CONFLICT);
    assert_eq!(make(&alice, &slug, "alice", "member").await, DONE);
    let wanted = pairs(&[("alice", "member"), ("bob", "moderator"), ("erin", "owner")]);
    assert_eq!(roles(&server.pool, &slug).await, wanted);
    let page = erin.page(&format!("/chat/room/{slug}")).await;
    for line in [
        "removed",
        " an owner",
        "is a moderator now",
        "is a member like others now",
    ] {
        assert!(page.contains(line), "{line}");
    }
}

#[sqlx::test]
async fn only_friends_are_added_and_what_is_wrong_stands_beside_the_field(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let slug = group(&alice, &[&bob]).await;
    for wrong in ["charlie", "nobody", "alice", "", "<b>"] {
        let path = format!("/chat/room/{slug}/members");
        let answer = alice.post(&path, &[("username", wrong)]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Write the username of one of your friends."));
        let typed = wrong.replace('<', "&lt;").replace('>', "&gt;");
        assert!(
            page.contains(&format!(r#"name="username" type="text" value="{typed}""#)),
            "{wrong}"
        );
        let part = alice.post_fragment("/chat/", &path, &[("username", wrong)]).await;
        assert_eq!(part.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(part.text().await.unwrap().starts_with("<section id=\"members\""));
    }
    for role in ["", "admin"] {
        assert_eq!(make(&alice, &slug, "bob", role).await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(roles(&server.pool, &slug).await.len(), 2);
}

#[sqlx::test]
async fn strangers_find_nothing_of_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let own = group(&alice, &[&bob]).await;
    let direct = open_direct(&alice, "bob").await;
    let visitor = server.visitor();
    let actions = [
        "members",
        "members/bob/remove",
        "members/bob/role",
        "settings",
        "delete",
        "leave",
    ];
    let fields = [("username", "charlie"), ("role", "member"), ("title", "Night watch")];
    let cases = [(&charlie, &own), (&charlie, &direct), (&alice, &direct)];
    for (person, slug) in cases {
        for path in ["members", "settings"] {
            let path = format!("/chat/room/{slug}/{path}");
            assert_eq!(person.get(&path).await.status(), CLOSED, "{path}");
            assert_eq!(person.fragment(&path).await.status(), CLOSED, "{path}");
            assert_eq!(visitor.get(&path).await.status(), StatusCode::SEE_OTHER, "{path}");
        }
        for action in actions.into_iter().filter(|action| slug == &own || *action != "leave") {
            assert_eq!(act(person, slug, action, &fields).await, CLOSED, "{action}");
            assert_eq!(
                act(&visitor, slug, action, &fields).await,
                StatusCode::UNAUTHORIZED,
                "{action}"
            );
        }
    }
    // Of a public room the members see each other, and nobody decides.
    assert!(bob.page("/chat/room/General/members").await.contains("@alice"));
    assert_eq!(charlie.get("/chat/room/General/members").await.status(), CLOSED);
    for action in &actions[..5] {
        assert_eq!(act(&bob, "General", action, &fields).await, CLOSED, "{action}");
    }
    assert_eq!(
        roles(&server.pool, &own).await,
        pairs(&[("alice", "owner"), ("bob", "member")])
    );
}

#[sqlx::test]
async fn who_is_removed_is_cut_off_on_every_node_and_nobody_else_learns_of_it(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let slug = group(&alice, &[&bob]).await;
    let bob = at(bob, &second);
    alice.write(&slug, "before").await;
    let (mut here, mut inbox) = (bob.socket(&slug).await, bob.inbox("").await);
    let (mut own, mut strangers) = (alice.socket(&slug).await, charlie.inbox("").await);

    assert_eq!(remove(&alice, &slug, "bob").await, DONE);
    alice.write(&slug, "without him").await;
    let (code, frames) = here.closed().await;
    assert_eq!(code, 4403);
    assert!(
        !frames
            .iter()
            .any(|frame| frame.contains("without him") || frame.contains("removed"))
    );
    while inbox.until("data-mine").await.contains(&slug) {}
    assert!(own.until("removed").await.contains("bob Test"));
    strangers.hears_nothing_of(&slug).await;
    for path in ["", "/members", "/messages?before=9", "/changes?after=0"] {
        let path = format!("/chat/room/{slug}{path}");
        assert_eq!(bob.get(&path).await.status(), CLOSED, "{path}");
    }
    assert_eq!(bob.socket(&slug).await.closed().await.0, 4403);
    // Back again they see what comes from then on, as in every group.
    assert_eq!(add(&alice, &slug, "bob").await, DONE);
    inbox.until(&slug).await;
    let page = bob.page(&format!("/chat/room/{slug}")).await;
    assert!(page.contains("added") && !page.contains("without him") && !page.contains("before"));
}

#[sqlx::test]
async fn nothing_is_stored_of_somebody_after_they_were_removed(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let slug = group(&alice, &[&bob]).await;
    let bob = at(bob, &second);
    let stored = "SELECT count(*) FROM messages m JOIN users u ON u.id = m.author_id WHERE u.username = 'bob'";
    for round in 0..3 {
        let mut socket = bob.socket(&slug).await;
        let before = count(&first.pool, stored).await;
        let talk = async {
            for n in 0..2000 {
                let message = serde_json::json!({"body": format!("{round} {n}"), "client_id": uuid::Uuid::new_v4()});
                if socket.0.send(Message::text(message.to_string())).await.is_err() {
                    break;
                }
            }
        };
        let end = async {
            while count(&first.pool, stored).await == before {}
            assert_eq!(remove(&alice, &slug, "bob").await, DONE);
            let at_end = count(&first.pool, stored).await;
            alice.write(&slug, "after the end").await;
            at_end
        };
        let ((), at_end) = tokio::join!(talk, end);
        let (code, frames) = socket.closed().await;
        assert_eq!(code, 4403);
        assert!(!frames.iter().any(|frame| frame.contains("after the end")));
        assert_eq!(count(&first.pool, stored).await, at_end);
        assert_eq!(add(&alice, &slug, "bob").await, DONE);
    }
}

#[sqlx::test]
async fn the_last_owner_hands_over_and_the_room_ends_with_its_last_member(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    let (dora, erin) = (server.person("dora").await, server.person("erin").await);
    let keys = "SELECT count(*) FROM data_keys";
    let keys_before = count(&server.pool, keys).await;
    let slug = group(&alice, &[]).await;
    // Dora is there longest, then Bob, the administrator and Erin.
    for person in [&dora, &bob, &admin, &erin] {
        befriend(&alice, person).await;
        assert_eq!(add(&alice, &slug, &person.name).await, DONE);
    }
    for moderator in ["ada", "bob"] {
        assert_eq!(make(&alice, &slug, moderator, "moderator").await, DONE);
    }
    for (leaving, wanted) in [
        (
            &alice,
            vec![
                ("ada", "moderator"),
                ("bob", "owner"),
                ("dora", "member"),
                ("erin", "member"),
            ],
        ),
        (&admin, vec![("bob", "owner"), ("dora", "member"), ("erin", "member")]),
        (&bob, vec![("dora", "owner"), ("erin", "member")]),
        (&dora, vec![("erin", "owner")]),
    ] {
        assert_eq!(act(leaving, &slug, "leave", &[]).await, DONE);
        assert_eq!(roles(&server.pool, &slug).await, pairs(&wanted));
        let page = leaving.page("/chat/").await;
        assert!(!page.contains(&slug));
    }
    let page = erin.page(&format!("/chat/room/{slug}")).await;
    assert!(page.contains("made") && page.contains("an owner") && page.contains("left"));
    assert_eq!(act(&erin, &slug, "leave", &[]).await, DONE);
    assert_eq!(act(&erin, &slug, "leave", &[]).await, CLOSED);
    assert_eq!(
        count(&server.pool, "SELECT count(*) FROM rooms WHERE kind = 'group'").await,
        0
    );
    assert_eq!(count(&server.pool, keys).await, keys_before, "its key is gone");
}

#[sqlx::test]
async fn owners_who_leave_at_once_leave_an_owner_or_no_room(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { admin, alice, bob, .. } = first.cast().await;
    befriend(&alice, &bob).await;
    befriend(&alice, &admin).await;
    let bob = at(bob, &second);
    for round in 0..6 {
        let with_third = round % 2 == 0;
        let mut fields = vec![("kind", "group"), ("members", "bob")];
        if with_third {
            fields.push(("members", "ada"));
        }
        let slug = make_room(&alice, "Short", &fields).await;
        assert_eq!(make(&alice, &slug, "bob", "owner").await, DONE);
        let left = join_all([act(&alice, &slug, "leave", &[]), act(&bob, &slug, "leave", &[])]).await;
        assert_eq!(left, [DONE, DONE], "{round}");
        let wanted = if with_third { pairs(&[("ada", "owner")]) } else { vec![] };
        assert_eq!(roles(&first.pool, &slug).await, wanted);
    }
    assert_eq!(
        count(&first.pool, "SELECT count(*) FROM rooms WHERE title = 'Short'").await,
        3
    );
}

#[sqlx::test]
async fn a_new_name_reaches_all_members_at_once_and_nobody_else(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let slug = group(&alice, &[&bob]).await;
    let bob = at(bob, &second);
    alice.write(&slug, "before they came").await;
    let (mut room, mut inbox, mut strangers) = (bob.socket(&slug).await, bob.inbox("").await, charlie.inbox("").await);
    let path = format!("/chat/room/{slug}/settings");
    for (fields, sentence) in [
        (
            [("title", " "), ("topic", "typed"), ("history", "all")],
            "Give the room a name.",
        ),
        (
            [("title", "a\nb"), ("topic", "typed"), ("history", "all")],
            "letters that can be seen",
        ),
        (
            [("title", "a"), ("topic", "typed"), ("history", "some")],
            "Choose one of these.",
        ),
    ] {
        let answer = alice.post(&path, &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence) && page.contains("typed"), "{fields:?}");
    }
    let fields = [("title", "Day <b>watch</b>"), ("topic", "by light"), ("history", "all")];
    assert_eq!(act(&alice, &slug, "settings", &fields).await, DONE);
    inbox.until("Day &lt;b&gt;watch").await;
    room.until("changed the name or the topic").await;
    assert!(room.until("\"reload\"").await.contains(&slug), "the same address");
    let page = bob.page(&format!("/chat/room/{slug}")).await;
    assert!(page.contains("Day &lt;b&gt;watch") && page.contains("by light"));
    strangers.hears_nothing_of("watch").await;

    // Whoever comes from now on reads what was written.
    befriend(&alice, &charlie).await;
    assert_eq!(add(&alice, &slug, "charlie").await, DONE);
    assert!(
        charlie
            .page(&format!("/chat/room/{slug}"))
            .await
            .contains("before they came")
    );
    // The same once more is no event.
    assert_eq!(act(&alice, &slug, "settings", &fields).await, DONE);
    let edits = "SELECT count(*) FROM room_events WHERE kind = 'edited'";
    assert_eq!(count(&first.pool, edits).await, 1);
}

#[sqlx::test]
async fn an_owner_deletes_a_room_by_its_name(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let keys = "SELECT count(*) FROM data_keys";
    let keys_before = count(&first.pool, keys).await;
    let slug = group(&alice, &[&bob]).await;
    let bob = at(bob, &second);
    alice.write(&slug, "soon gone").await;
    let (mut room, mut inbox) = (bob.socket(&slug).await, bob.inbox("").await);
    for wrong in ["", "Night", "Night watch 2"] {
        let answer = alice
            .post(&format!("/chat/room/{slug}/delete"), &[("title", wrong)])
            .await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("This is not the name of the room.") && page.contains("field-delete-title-error"));
    }
    assert_eq!(act(&alice, &slug, "delete", &[("title", " Night watch ")]).await, DONE);
    assert_eq!(room.closed().await.0, 4403);
    while inbox.until("data-mine").await.contains(&slug) {}
    for person in [&alice, &bob] {
        assert_eq!(person.get(&format!("/chat/room/{slug}")).await.status(), CLOSED);
    }
    assert_eq!(count(&first.pool, keys).await, keys_before);
    assert_eq!(count(&first.pool, "SELECT count(*) FROM messages").await, 0);
}

#[sqlx::test]
async fn the_list_shows_who_is_online_and_goes_on_page_by_page(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let slug = group(&alice, &[&bob]).await;
    let list = format!("/chat/room/{slug}/members");
    let is_online = |page: &str, name: &str| {
        let online = page.split("Online</h3>").nth(1).unwrap_or_default();
        let online = online.split("</ul>").next().unwrap_or_default();
        online.contains(&format!("@{name}<"))
    };
    assert!(!is_online(&alice.page(&list).await, "bob"));
    let bob = at(bob, &second);
    let _inbox = bob.inbox("").await;
    while !is_online(&alice.page(&list).await, "bob") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let hidden = [("presence", "off"), ("receipts", "on")];
    assert_eq!(bob.post("/settings/privacy", &hidden).await.status(), DONE);
    while is_online(&alice.page(&list).await, "bob") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    sqlx::query(
        "WITH made AS (
             INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                                data_key_id, consent_version, consented_at)
             SELECT gen_random_uuid(), 'many' || n, 'many' || n, 'Many', 'Moons', 'many', 'moons', '', 'member',
                    (SELECT data_key_id FROM users WHERE name_key = 'alice'), '', now()
             FROM generate_series(1, 70) n RETURNING id
         ) INSERT INTO members (room_id, user_id, role)
           SELECT r.id, made.id, 'member' FROM made, rooms r WHERE r.slug = $1",
    )
    .bind(&slug)
    .execute(&first.pool)
    .await
    .unwrap();
    let (mut seen, mut path) = (Vec::new(), list.clone());
    loop {
        let page = alice.page(&path).await;
        seen.extend(
            attributes(&page, "id")
                .into_iter()
                .filter(|id| id.starts_with("member-") && id.len() > 20),
        );
        let more = page.split(">Show more<").next().filter(|part| part.len() < page.len());
        let Some(more) = more else { break };
        path = attributes(more, "href").pop().unwrap().replace("&amp;", "&");
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (72, 72));
    for (q, found) in [
        ("many moons", 50),
        ("moo", 50),
        ("@many17", 1),
        ("ALICE", 1),
        ("nobody", 0),
    ] {
        let page = alice.page(&format!("{list}?q={}", q.replace(' ', "+"))).await;
        assert_eq!(page.matches(r#"<li id="member-"#).count(), found, "{q}");
    }
    let part = alice.fragment(&list).await.text().await.unwrap();
    assert!(part.starts_with("<section id=\"members\"") && part.contains("72"));
}
