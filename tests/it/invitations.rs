//! The ways into rooms that are not public: invitations, links, and a room's name. Who is told, and who never is.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::StatusCode;
use sqlx::PgPool;

use crate::nodes::{at, two};
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::support::{Cast, PASSWORD, Person, Server, account, spawn};

async fn act(person: &Person, path: &str, fields: &[(&str, &str)]) -> StatusCode {
    person.post(path, fields).await.status()
}

/// Invites somebody; what comes of it.
async fn invite(person: &Person, slug: &str, username: &str) -> StatusCode {
    act(person, &format!("/chat/room/{slug}/members"), &[("username", username)]).await
}

async fn accept(person: &Person, slug: &str) -> StatusCode {
    act(person, &format!("/invitations/{slug}/accept"), &[]).await
}

async fn decline(person: &Person, slug: &str) -> StatusCode {
    act(person, &format!("/invitations/{slug}/decline"), &[]).await
}

/// Makes a link into a room; its path.
pub async fn link(person: &Person, slug: &str, expires: &str, uses: &str) -> String {
    let fields = [("expires", expires), ("uses", uses)];
    let answer = person.post(&format!("/chat/room/{slug}/invites"), &fields).await;
    assert_eq!(answer.status(), StatusCode::OK);
    path_of_link(&answer.text().await.unwrap())
}

fn path_of_link(page: &str) -> String {
    let link = regex::Regex::new(r#"value="http://[^"]+(/invite/[\w-]{43})""#).unwrap();
    let found = link.captures(page);
    found.unwrap_or_else(|| panic!("no link in {page}"))[1].to_owned()
}

/// The ids of the links that the room's page shows.
async fn links(person: &Person, slug: &str) -> Vec<String> {
    let page = person.page(&format!("/chat/room/{slug}/invites")).await;
    let id = regex::Regex::new("/invites/([0-9a-f-]{36})/revoke").unwrap();
    id.captures_iter(&page).map(|found| found[1].to_owned()).collect()
}

/// Whether they are a member of a room that is not public.
async fn is_in(person: &Person, slug: &str) -> bool {
    person.get(&format!("/chat/room/{slug}")).await.status() == StatusCode::OK
}

async fn is_invited(person: &Person, slug: &str) -> bool {
    person
        .page("/invitations")
        .await
        .contains(&format!("invitation-{slug}"))
}

/// Gives a member of the room that role.
async fn set_role(server: &Server, slug: &str, username: &str, role: &str) {
    let done = sqlx::query(
        "UPDATE members m SET role = $3 FROM rooms r, users u
         WHERE r.id = m.room_id AND u.id = m.user_id AND r.slug = $1 AND u.username = $2",
    );
    let done = done.bind(slug).bind(username).bind(role).execute(&server.pool).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
}

async fn count(server: &Server, query: &str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&server.pool).await.unwrap()
}

const WAITING: &str = r#"<span class="badge mine">1</span>"#;

#[sqlx::test]
async fn who_is_invited_sees_it_at_once_on_every_node_and_joins_by_accepting(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    let title = "Night <b>watch</b>";
    let slug = make_room(&alice, title, &[]).await;
    alice.write(&slug, "from before").await;
    let bob = at(bob, &second);
    let (mut inbox, mut strangers) = (bob.inbox("").await, charlie.inbox("").await);
    let mut room = alice.socket(&slug).await;

    assert_eq!(invite(&alice, &slug, "Bob").await, StatusCode::SEE_OTHER);
    let row = inbox.until("invitations-row").await;
    assert!(row.contains(WAITING) && row.contains("/invitations"));
    assert_eq!(
        invite(&alice, &slug, "bob").await,
        StatusCode::SEE_OTHER,
        "twice is once"
    );
    assert_eq!(count(&first, "SELECT count(*) FROM invitations").await, 1);
    let page = bob.page("/invitations").await;
    assert!(page.contains("Night &lt;b&gt;watch&lt;/b&gt;") && page.contains("alice Test") && !page.contains(title));
    assert!(bob.page("/chat/").await.contains(WAITING));
    let invited = alice.page(&format!("/chat/room/{slug}/invites")).await;
    assert!(invited.contains("No answer yet") && invited.contains("@bob"));
    assert!(!is_in(&bob, &slug).await, "an invitation is no membership");
    assert_eq!(bob.socket(&slug).await.closed().await.0, 4403);

    assert_eq!(accept(&bob, &slug).await, StatusCode::SEE_OTHER);
    assert!(room.until("joined").await.contains("@bob"));
    while !inbox.until("data-mine").await.contains(&slug) {}
    assert!(!is_invited(&bob, &slug).await && !bob.page("/chat/").await.contains("invitations-row"));
    assert!(
        bob.page(&format!("/chat/room/{slug}")).await.contains("from before"),
        "members of a private room read what was written before"
    );
    assert_eq!(accept(&bob, &slug).await, StatusCode::SEE_OTHER, "twice is once");
    let joined = "SELECT count(*) FROM room_events WHERE kind = 'joined' AND actor_id =
                  (SELECT id FROM users WHERE username = 'bob') AND after_seq = 1";
    assert_eq!(count(&first, joined).await, 1);
    let answer = alice
        .post(&format!("/chat/room/{slug}/members"), &[("username", "bob")])
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("bob Test is in this room already.")
    );
    strangers.hears_nothing_of(&slug).await;
    assert!(!charlie.page("/invitations").await.contains(&slug));
}

#[sqlx::test]
async fn an_invitation_is_over_once_it_is_declined_or_taken_back(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let slug = make_room(&alice, "watch", &[]).await;
    let mut inbox = bob.inbox("").await;
    invite(&alice, &slug, "bob").await;
    inbox.until("invitations-row").await;
    assert_eq!(decline(&bob, &slug).await, StatusCode::SEE_OTHER);
    assert!(!inbox.until("data-mine").await.contains("invitations-row"));
    assert_eq!(decline(&bob, &slug).await, StatusCode::NOT_FOUND);
    assert_eq!(accept(&bob, &slug).await, StatusCode::NOT_FOUND);

    let withdraw = format!("/chat/room/{slug}/invitations/bob/withdraw");
    assert_eq!(act(&alice, &withdraw, &[]).await, StatusCode::NOT_FOUND);
    invite(&alice, &slug, "bob").await;
    inbox.until("invitations-row").await;
    assert!(is_invited(&bob, &slug).await, "asked again");
    assert_eq!(act(&alice, &withdraw, &[]).await, StatusCode::SEE_OTHER);
    assert!(!inbox.until("data-mine").await.contains("invitations-row"));
    assert!(!is_invited(&bob, &slug).await);
    assert_eq!(accept(&bob, &slug).await, StatusCode::NOT_FOUND);
    assert!(!is_in(&bob, &slug).await);
}

#[sqlx::test]
async fn what_is_wrong_with_an_invitation_or_a_link_stands_beside_its_field(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let slug = make_room(&alice, "watch", &[]).await;
    alice.post("/people/bob/block", &[]).await;
    let (people, links_page) = (
        format!("/chat/room/{slug}/members"),
        format!("/chat/room/{slug}/invites"),
    );
    for (path, fields, sentence) in [
        (
            &people,
            vec![("username", "nobody")],
            "There is nobody else of this name.",
        ),
        (
            &people,
            vec![("username", "alice")],
            "There is nobody else of this name.",
        ),
        (&people, vec![("username", "")], "There is nobody else of this name."),
        (
            &people,
            vec![("username", "<b>\0")],
            "There is nobody else of this name.",
        ),
        (
            &people,
            vec![("username", "bob")],
            "You blocked bob Test. Unblock them first.",
        ),
        (&links_page, vec![("expires", "2d")], "Choose one of these."),
        (&links_page, vec![("uses", "-1")], "Give a number up to 10000"),
        (&links_page, vec![("uses", "10001")], "Give a number up to 10000"),
        (&links_page, vec![("uses", "many")], "Give a number up to 10000"),
    ] {
        let answer = alice.post(path, &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence), "{fields:?}");
    }
    assert!(links(&alice, &slug).await.is_empty());
    assert_eq!(count(&server, "SELECT count(*) FROM invitations").await, 0);
    alice.post("/people/bob/unblock", &[]).await;
    assert_eq!(invite(&alice, &slug, "bob").await, StatusCode::SEE_OTHER);
    assert!(is_invited(&bob, &slug).await);
}

#[sqlx::test]
async fn the_invitation_of_somebody_who_is_blocked_looks_sent_and_is_not_shown(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let slug = make_room(&alice, "watch", &[]).await;
    bob.post("/people/alice/block", &[]).await;
    let mut inbox = bob.inbox("").await;
    assert_eq!(invite(&alice, &slug, "bob").await, StatusCode::SEE_OTHER);
    assert!(!inbox.until("data-mine").await.contains("invitations-row"));
    assert!(
        alice
            .page(&format!("/chat/room/{slug}/invites"))
            .await
            .contains("No answer yet")
    );
    assert!(!is_invited(&bob, &slug).await);
    assert_eq!(accept(&bob, &slug).await, StatusCode::NOT_FOUND);
    assert_eq!(decline(&bob, &slug).await, StatusCode::NOT_FOUND);
    let answer = bob.post("/chat/open", &[("name", "watch")]).await;
    assert_eq!(answer.status(), StatusCode::OK, "no way to it by its name");

    // Somebody else of the room may still invite.
    invite(&alice, &slug, "charlie").await;
    accept(&charlie, &slug).await;
    set_role(&server, &slug, "charlie", "moderator").await;
    assert_eq!(invite(&charlie, &slug, "bob").await, StatusCode::SEE_OTHER);
    assert!(bob.page("/invitations").await.contains("charlie Test"));
    assert_eq!(accept(&bob, &slug).await, StatusCode::SEE_OTHER);
    assert_eq!(count(&server, "SELECT count(*) FROM invitations").await, 0);
}

#[sqlx::test]
async fn friends_who_are_chosen_are_invited_to_a_private_room(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    befriend(&alice, &bob).await;
    let mut inbox = bob.inbox("").await;
    let slug = make_room(&alice, "watch", &[("members", "bob"), ("members", "BOB")]).await;
    assert!(inbox.until("invitations-row").await.contains(WAITING));
    assert!(!is_in(&bob, &slug).await && is_invited(&bob, &slug).await);
    assert_eq!(accept(&bob, &slug).await, StatusCode::SEE_OTHER);
    assert!(is_in(&bob, &slug).await);
}

#[sqlx::test]
async fn nobody_else_finds_what_lets_people_in(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    befriend(&alice, &bob).await;
    let slug = make_room(&alice, "watch", &[]).await;
    invite(&alice, &slug, "bob").await;
    accept(&bob, &slug).await;
    invite(&alice, &slug, "ada").await;
    link(&alice, &slug, "never", "0").await;
    let id = links(&alice, &slug).await.remove(0);
    let group = make_room(&alice, "group", &[("kind", "group"), ("members", "bob")]).await;
    let direct = open_direct(&alice, "bob").await;

    // Strangers, a member without the right, and rooms that nobody is let into like that.
    for (person, slug) in [
        (&charlie, slug.as_str()),
        (&admin, &slug),
        (&bob, &slug),
        (&bob, &group),
        (&alice, &direct),
        (&alice, "General"),
        (&admin, "General"),
        (&alice, "nowhere"),
    ] {
        let room = format!("/chat/room/{slug}");
        let name = &person.name;
        let answer = person.get(&format!("{room}/invites")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name} {slug}");
        for (path, fields) in [
            ("/members".into(), &[("username", "charlie")][..]),
            ("/invites".into(), &[("expires", "1h"), ("uses", "1")]),
            ("/invites".into(), &[("expires", "wrong")]),
            (format!("/invites/{id}/revoke"), &[]),
            ("/invitations/ada/withdraw".into(), &[]),
        ] {
            let status = act(person, &format!("{room}{path}"), fields).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{name} {slug}{path}");
        }
    }
    for slug in [&slug, "General", "nowhere", "%00"] {
        assert_eq!(accept(&charlie, slug).await, StatusCode::NOT_FOUND, "{slug}");
        assert_eq!(decline(&charlie, slug).await, StatusCode::NOT_FOUND, "{slug}");
    }
    // A link belongs to its room, and a group takes people in otherwise.
    let foreign = format!("/chat/room/{group}/invites/{id}/revoke");
    assert_eq!(act(&alice, &foreign, &[]).await, StatusCode::NOT_FOUND);
    let nothing = format!("/chat/room/{slug}/invites/nothing/revoke");
    assert_eq!(act(&alice, &nothing, &[]).await, StatusCode::NOT_FOUND);
    assert!(is_invited(&admin, &slug).await && links(&alice, &slug).await == [id]);

    set_role(&server, &slug, "bob", "moderator").await;
    assert_eq!(invite(&bob, &slug, "charlie").await, StatusCode::SEE_OTHER);
    assert!(is_invited(&charlie, &slug).await);
    // What they made ends with their right to make it.
    let path = link(&bob, &slug, "1d", "0").await;
    set_role(&server, &slug, "bob", "member").await;
    assert!(!is_invited(&charlie, &slug).await);
    assert_eq!(charlie.get(&path).await.status(), StatusCode::NOT_FOUND);

    let visitor = server.visitor();
    assert_eq!(visitor.get("/invitations").await.status(), StatusCode::SEE_OTHER);
    let page = format!("/chat/room/{slug}/invites");
    assert_eq!(visitor.get(&page).await.status(), StatusCode::SEE_OTHER);
    for path in [
        page.as_str(),
        "/chat/open",
        &format!("/invitations/{slug}/accept"),
        &path,
        "/invite/nothing",
    ] {
        assert_eq!(
            act(&visitor, path, &[("name", "a")]).await,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

#[sqlx::test]
async fn a_link_brings_a_visitor_into_the_room_by_way_of_a_sign_up_or_a_log_in(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let slug = make_room(&alice, "Night <b>watch</b>", &[]).await;
    let path = link(&alice, &slug, "7d", "0").await;
    let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    let (mut room, visitor) = (alice.socket(&slug).await, second.visitor());
    let page = visitor.page(&path).await;
    assert!(page.contains("Night &lt;b&gt;watch&lt;/b&gt;") && page.contains("alice Test") && !page.contains(&slug));
    for form in ["/accounts/signup", "/accounts/login"] {
        assert!(page.contains(&format!(r#"href="{form}?next={next}""#)), "{form}");
    }
    let in_room = format!("/chat/room/{slug}");
    let form = visitor.page(&format!("/accounts/signup?next={next}")).await;
    assert!(form.contains("Create account and join the room"));
    let fields = account(
        "dora",
        &[("next", &path), ("form_id", "3b241101-e2bb-4255-8caf-4136c566a962")],
    );
    let answer = visitor.post("/accounts/signup", &fields).await;
    assert_eq!(answer.headers()["location"], in_room);
    assert!(room.until("joined").await.contains("@dora"));
    assert!(is_in(&visitor, &slug).await);
    assert_eq!(visitor.get(&path).await.headers()["location"], in_room);
    // The same form once more, as a browser sends it that has not heard the answer.
    let answer = second.visitor().post("/accounts/signup", &fields).await;
    assert_eq!(answer.headers()["location"], in_room);

    let visitor = second.visitor();
    first.person("erin").await;
    let fields = [("login", "erin"), ("password", PASSWORD), ("next", &path)];
    let answer = visitor.post("/accounts/login", &fields).await;
    assert_eq!(answer.headers()["location"], path);
    let page = visitor.page(&path).await;
    assert!(page.contains("Join the room") && page.contains("@erin"));
    assert!(!is_in(&visitor, &slug).await, "looking at it changes nothing");
    let mut inbox = visitor.inbox("").await;
    assert_eq!(visitor.post(&path, &[]).await.headers()["location"], in_room);
    inbox.until(&slug).await;
    assert!(is_in(&visitor, &slug).await);

    // Who is invited as well has nothing to answer any more.
    invite(&alice, &slug, "bob").await;
    assert_eq!(act(&bob, &path, &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(act(&bob, &path, &[]).await, StatusCode::SEE_OTHER, "twice is once");
    assert!(!is_invited(&bob, &slug).await);
    assert_eq!(count(&first, "SELECT count(*) FROM invitations").await, 0);
    assert!(
        alice
            .page(&format!("/chat/room/{slug}/invites"))
            .await
            .contains("3 came in")
    );
}

#[sqlx::test]
async fn who_joins_a_group_by_a_link_reads_what_comes(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let slug = make_room(&alice, "group", &[("kind", "group")]).await;
    alice.write(&slug, "from before").await;
    let path = link(&alice, &slug, "1h", "3").await;
    act(&bob, &path, &[]).await;
    alice.write(&slug, "from now on").await;
    let page = bob.page(&format!("/chat/room/{slug}")).await;
    assert!(page.contains("from now on") && !page.contains("from before"));
    assert!(
        alice
            .page(&format!("/chat/room/{slug}/invites"))
            .await
            .contains("1 of 3 people came in")
    );
}

#[sqlx::test]
async fn a_link_that_is_no_good_is_as_one_that_never_was(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let slug = make_room(&alice, "watch", &[]).await;
    let used_up = link(&alice, &slug, "never", "1").await;
    assert_eq!(act(&bob, &used_up, &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(
        act(&bob, &used_up, &[]).await,
        StatusCode::SEE_OTHER,
        "sent twice, he is in"
    );
    let expired = link(&alice, &slug, "1h", "0").await;
    let revoked = link(&alice, &slug, "never", "0").await;
    let good = link(&alice, &slug, "1d", "0").await;
    let ids = links(&alice, &slug).await;
    assert_eq!(ids.len(), 3, "the newest first, without the one that is used up");
    let revoke = format!("/chat/room/{slug}/invites/{}/revoke", ids[1]);
    assert_eq!(act(&alice, &revoke, &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(act(&alice, &revoke, &[]).await, StatusCode::NOT_FOUND);
    assert_eq!(charlie.get(&expired).await.status(), StatusCode::OK);
    server.clock.set_ahead(TimeDelta::minutes(61));
    assert_eq!(charlie.get(&good).await.status(), StatusCode::OK);

    // What differs from request to request is the request's id, and what each page is named by.
    let shown = async |person: &Person, path: &str| {
        let answer = person.get(path).await;
        let (status, id) = (answer.status(), answer.headers()["x-request-id"].clone());
        let page = answer.text().await.unwrap();
        (status, page.replace(id.to_str().unwrap(), "").replace(path, ""))
    };
    let never = format!("/invite/{}", "A".repeat(43));
    let dora = server.visitor();
    let answer = dora
        .post("/accounts/signup", &account("dora", &[("next", &used_up)]))
        .await;
    assert_eq!(answer.headers()["location"], used_up);
    assert!(!is_in(&dora, &slug).await);
    for person in [&charlie, &server.visitor(), &dora] {
        let expected = shown(person, &never).await;
        assert_eq!(expected.0, StatusCode::NOT_FOUND);
        for path in [&used_up, &expired, &revoked, "/invite/x", "/invite/%00"] {
            assert!(shown(person, path).await == expected, "{path}");
        }
    }
    for path in [&used_up, &expired, &revoked, &never] {
        assert_eq!(act(&charlie, path, &[]).await, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(!is_in(&charlie, &slug).await);
    // Making another removes what is over.
    link(&alice, &slug, "1h", "0").await;
    assert_eq!(count(&server, "SELECT count(*) FROM invites").await, 2);
}

#[sqlx::test]
async fn links_are_stored_as_hashes_and_name_the_public_address(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let Cast { alice, .. } = server.cast().await;
    let slug = make_room(&alice, "watch", &[]).await;
    let page = format!("/chat/room/{slug}/invites");
    let request = alice.client.post(format!("{}{page}", server.address));
    let request = request.header("host", "evil.example").header("origin", &server.address);
    let request = request.header("x-csrf-token", alice.csrf_token().await);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let made = request
        .body("expires=never")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(made.contains(r#"value="http://localhost:"#) && !made.contains("evil.example"));
    let path = path_of_link(&made);
    let token = path.strip_prefix("/invite/").unwrap();
    let row: String =
        sqlx::query_scalar("SELECT i::text || encode(hash, 'escape') || encode(hash, 'base64') FROM invites i")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(!row.contains(token) && !row.contains(&token[..20]));
    assert!(!alice.page(&page).await.contains(token), "shown once");
    sqlx::query(
        "INSERT INTO invites (id, room_id, maker_id, hash, created_at)
         SELECT gen_random_uuid(), room_id, maker_id, sha256(n::text::bytea), created_at
         FROM invites, generate_series(2, 50) n",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(act(&alice, &page, &[]).await, StatusCode::CONFLICT);
    assert_eq!(links(&alice, &slug).await.len(), 50);
}

#[sqlx::test]
async fn of_ten_who_use_the_last_of_a_link_at_once_one_gets_in(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, .. } = first.cast().await;
    let mut people = Vec::new();
    for n in 0..10 {
        let person = first.person(&format!("guest{n}")).await;
        people.push(if n % 2 == 0 { at(person, &second) } else { person });
    }
    for uses in [1, 3] {
        let slug = make_room(&alice, "watch", &[]).await;
        let path = link(&alice, &slug, "1h", &uses.to_string()).await;
        // Each sends it twice, as an impatient person does.
        let tries = people.iter().chain(&people).map(|person| act(person, &path, &[]));
        let answers = join_all(tries).await;
        let mut entered = 0;
        for (n, person) in people.iter().enumerate() {
            let is_in = is_in(person, &slug).await;
            entered += usize::from(is_in);
            for answer in [answers[n], answers[n + 10]] {
                let expected = if is_in {
                    StatusCode::SEE_OTHER
                } else {
                    StatusCode::NOT_FOUND
                };
                assert_eq!(answer, expected, "{n}");
            }
        }
        assert_eq!(entered, uses);
        let counted = format!("SELECT uses::bigint FROM invites WHERE max_uses = {uses}");
        assert_eq!(count(&first, &counted).await, i64::try_from(uses).unwrap());
        let joined = "SELECT count(*) FROM room_events e JOIN rooms r ON r.id = e.room_id
                      WHERE e.kind = 'joined' AND r.slug = ";
        assert_eq!(
            count(&first, &format!("{joined}'{slug}'")).await,
            i64::try_from(uses).unwrap()
        );
    }
}

#[sqlx::test]
async fn an_invitation_that_is_accepted_and_declined_at_once_has_one_answer(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let elsewhere = at(bob.clone(), &second);
    for round in 0..5 {
        let slug = make_room(&alice, &format!("room {round}"), &[]).await;
        // Asked many times at once, there is one invitation.
        let asked = join_all((0..4).map(|_| invite(&alice, &slug, "bob"))).await;
        assert_eq!(asked, [StatusCode::SEE_OTHER; 4]);
        assert_eq!(count(&first, "SELECT count(*) FROM invitations").await, 1);
        let withdraw = format!("/chat/room/{slug}/invitations/bob/withdraw");
        let (accepted, declined, withdrawn) = tokio::join!(
            accept(&bob, &slug),
            decline(&elsewhere, &slug),
            act(&alice, &withdraw, &[])
        );
        let done = [accepted, declined, withdrawn].map(|status| status == StatusCode::SEE_OTHER);
        assert_eq!(
            done.iter().filter(|done| **done).count(),
            1,
            "{accepted} {declined} {withdrawn}"
        );
        assert_eq!(is_in(&bob, &slug).await, done[0]);
        assert_eq!(count(&first, "SELECT count(*) FROM invitations").await, 0);
    }
}

#[sqlx::test]
async fn inviting_against_accepting_leaves_no_invitation_to_a_member(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    for round in 0..6 {
        let slug = make_room(&alice, &format!("room {round}"), &[]).await;
        invite(&alice, &slug, "bob").await;
        let (accepted, ..) = tokio::join!(
            accept(&bob, &slug),
            invite(&alice, &slug, "bob"),
            invite(&alice, &slug, "bob")
        );
        assert_eq!(accepted, StatusCode::SEE_OTHER);
        assert!(is_in(&bob, &slug).await);
        assert_eq!(count(&first, "SELECT count(*) FROM invitations").await, 0);
    }
}

#[sqlx::test]
async fn a_name_leads_to_what_one_may_see_and_else_to_the_form_of_a_new_room(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    admin.make_room("Archive").await;
    admin.post("/admin/rooms/Archive/archive", &[]).await;
    let open = async |person: &Person, name: &str| {
        let answer = person.post("/chat/open", &[("name", name)]).await;
        let location = answer
            .headers()
            .get("location")
            .map(|path| path.to_str().unwrap().to_owned());
        (answer.status(), location, answer.text().await.unwrap())
    };
    let leads = async |person: &Person, name: &str| open(person, name).await.1.unwrap_or_default();
    let slug = make_room(&alice, "Night Watch", &[]).await;
    invite(&alice, &slug, "bob").await;
    assert_eq!(leads(&charlie, " GENERAL ").await, "/chat/room/General");
    assert!(
        charlie.page("/chat/room/General").await.contains("Join the room"),
        "it leads there and does not join"
    );
    assert_eq!(leads(&alice, "night watch").await, format!("/chat/room/{slug}"));
    assert_eq!(
        leads(&bob, "NIGHT WATCH").await,
        format!("/invitations#invitation-{slug}")
    );
    // My own comes before one that I am invited to.
    let own = make_room(&bob, "night watch", &[]).await;
    assert_eq!(leads(&bob, "Night watch").await, format!("/chat/room/{own}"));

    // To a stranger a room that exists is as one that does not: but for its name the page is the same.
    let page = async |name: &str| {
        let (status, location, page) = open(&charlie, name).await;
        assert_eq!((status, location), (StatusCode::OK, None), "{name}");
        assert!(page.contains(r#"action="/chat/rooms""#));
        page.replace(&format!(r#"value="{name}""#), "")
    };
    let nothing = page("nothing of that name").await;
    for name in ["Night Watch", "Archive", &slug] {
        assert!(page(name).await == nothing, "{name}");
    }
    let (status, _, page) = open(&charlie, "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Give the room a name."));
    let (status, _, page) = open(&charlie, "a\0\u{202E}").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Use letters that can be seen only."));
}

#[sqlx::test]
async fn who_has_no_room_yet_is_told_what_to_do(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, charlie, .. } = server.cast().await;
    let page = charlie.page("/chat/").await;
    assert!(page.contains("Join one of the public rooms") && page.contains(r#"action="/chat/open""#));
    let slug = make_room(&alice, "watch", &[]).await;
    invite(&alice, &slug, "charlie").await;
    assert!(charlie.page("/chat/").await.contains("Your invitations"));
    accept(&charlie, &slug).await;
    let page = charlie.page("/chat/").await;
    assert!(page.contains("Choose a room") && !page.contains("Your invitations"));
}

#[sqlx::test]
async fn links_are_not_opened_without_end_from_one_address(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let (visitor, mut answers) = (server.visitor(), Vec::new());
    for n in 0..200 {
        let answer = visitor.get(&format!("/invite/guess{n}")).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key("retry-after"));
        }
        answers.push(answer.status());
        if answers.last() == Some(&StatusCode::TOO_MANY_REQUESTS) {
            break;
        }
    }
    assert!(answers.len() > 120, "a class may follow one link");
    assert_eq!(answers.pop(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(answers.iter().all(|status| *status == StatusCode::NOT_FOUND));
}
