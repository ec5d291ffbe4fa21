//! The quick switcher: what it finds, in which order, and what it never shows.

use regex::Regex;
use reqwest::StatusCode;
use sqlx::PgPool;
use umbrachat::ids::UserId;
use umbrachat::rooms::queries::{list_known_people, list_open_rooms};

use crate::own_rooms::{befriend, make_room, open_direct};
use crate::support::{Cast, Person, Server, spawn};

/// The entries for what is typed: where each leads, in their order.
async fn entries(person: &Person, q: &str) -> Vec<String> {
    let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    let answer = person.fragment(&format!("/chat/switch?q={q}")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let list = answer.text().await.unwrap();
    let link = Regex::new(r#"<a [^>]*href="([^"]*)""#).unwrap();
    let links = link.captures_iter(&list).map(|found| found[1].to_owned());
    let found: Vec<_> = links.collect();
    let options = list.matches(r#"role="option""#).count();
    let create = usize::from(list.contains(r#"form="switch-open""#));
    assert_eq!(options, found.len() + create, "{list}");
    found
}

async fn text(person: &Person, q: &str) -> String {
    person
        .fragment(&format!("/chat/switch?q={q}"))
        .await
        .text()
        .await
        .unwrap()
}

fn room(slug: &str) -> String {
    format!("/chat/room/{slug}")
}

/// Alice and Bob are friends with a direct chat; Alice has a room of her own, and is in General with Bob.
async fn cast(server: &Server) -> (Cast, String, String) {
    let cast = server.cast().await;
    befriend(&cast.alice, &cast.bob).await;
    let own = make_room(&cast.alice, "Geminids 2026", &[]).await;
    let direct = open_direct(&cast.alice, "bob").await;
    (cast, room(&own), room(&direct))
}

#[sqlx::test]
async fn the_most_recent_come_first_and_then_what_can_be_joined(pool: PgPool) {
    let server = spawn(pool).await;
    let (cast, own, direct) = cast(&server).await;
    let alice = &cast.alice;
    for public in ["Astro", "Zoo"] {
        cast.admin.make_room(public).await;
    }
    cast.admin.join("General").await;
    alice.write("General", "new").await;
    let (own, direct, general) = (own.as_str(), direct.as_str(), "/chat/room/General");
    let rest = ["/chat/room/Astro", "/chat/room/Zoo", direct, "/@ada"];
    assert_eq!(entries(alice, "").await, [&[general, own], &rest[..]].concat());
    alice.write(own.strip_prefix("/chat/room/").unwrap(), "newer").await;
    assert_eq!(entries(alice, "").await, [&[own, general], &rest[..]].concat());

    // Both hold the letters; the better match is first whatever is newer, and what fits as well stays in order.
    alice.write("General", "newest").await;
    assert_eq!(entries(alice, "ge").await, [general, own]);
    alice.write(own.strip_prefix("/chat/room/").unwrap(), "newest").await;
    assert_eq!(entries(alice, "ge").await, [own, general]);
    assert_eq!(entries(alice, "ger").await, [general]);
    assert_eq!(entries(alice, "gemi").await, [own]);
    assert_eq!(entries(alice, "GNRL").await, [general]);
    assert_eq!(entries(alice, "2026 gem").await, [own]);
    assert_eq!(entries(alice, "@bo").await, [direct]);
    assert_eq!(entries(alice, "nothing like it").await, [""; 0]);
    let glen = room(&make_room(alice, "A glen", &[]).await);
    assert_eq!(entries(alice, "gen").await, [general, own, &glen]);
    let found = text(alice, "ge").await;
    assert!(found.contains("<mark") && found.contains(">Ge</mark>nera"), "{found}");
    assert!(found.contains("Join or create the room “<bdi>ge</bdi>”"), "{found}");
    assert!(!text(alice, "").await.contains("Join or create the room"));

    // What waits stands beside it.
    cast.bob.write("General", "for Alice").await;
    assert!(text(alice, "general").await.contains(r#"<span class="badge">1</span>"#));
}

#[sqlx::test]
async fn what_one_may_not_see_is_not_there(pool: PgPool) {
    let server = spawn(pool).await;
    let (cast, ..) = cast(&server).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = &cast;
    assert_eq!(entries(charlie, "").await, [room("General")], "open to everybody");
    for q in ["gem", "bob", "alice", "ada", "2026"] {
        assert_eq!(entries(charlie, q).await, [""; 0], "{q}");
    }
    // Archived: only for those who belong to it.
    admin.post("/admin/rooms/General/archive", &[]).await;
    assert_eq!(entries(charlie, "").await, [""; 0]);
    assert_eq!(entries(alice, "general").await, [room("General")]);

    // Who blocks somebody does not see them, and these are not told.
    bob.post("/people/alice/block", &[]).await;
    assert!(!text(bob, "").await.contains("@alice"));
    assert_eq!(entries(bob, "alice").await, [""; 0]);
    assert_eq!(entries(alice, "bob").await.len(), 1);

    let visitor = server.visitor();
    for path in ["/chat/switch", "/chat/switch?q=gem"] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(
            answer.headers()["location"]
                .to_str()
                .unwrap()
                .starts_with("/accounts/login")
        );
    }
}

#[sqlx::test]
async fn whatever_is_typed_or_shown_is_text(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let alice = &cast.alice;
    let title = r#"<img src=x onerror=alert(1)> "' hx-get="/"#;
    make_room(alice, title, &[]).await;
    make_room(alice, "e\u{301}tude \u{1F469}\u{200D}\u{1F680} नमस्ते", &[]).await;
    for q in [
        title,
        "<mark>",
        "\0",
        "%00",
        "\u{202E}x",
        "\u{301}",
        "\\ ^a$ !b 'c",
        "é",
        "e\u{301}",
        &"x".repeat(20_000),
        &"a ".repeat(3_000),
        "🚀",
    ] {
        let found = entries(alice, q).await;
        assert!(found.len() <= 20, "{q}");
        let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        let page = alice.page(&format!("/chat/switch?q={q}")).await;
        assert!(!page.contains("<img") && !page.contains("hx-get=\"/\""), "{q}");
    }
    assert_eq!(entries(alice, "é").await.len(), 1);
    assert_eq!(entries(alice, "etude").await.len(), 1);
    let found = text(alice, "%E0%A4%A8%E0%A4%AE%E0%A4%B8").await;
    assert!(found.contains("नमस्</mark>ते"), "marks stay with their letters: {found}");
}

#[sqlx::test]
async fn the_page_works_without_script(pool: PgPool) {
    let server = spawn(pool).await;
    let (cast, own, direct) = cast(&server).await;
    let page = cast.alice.page("/chat/switch?q=ge").await;
    assert!(page.contains(r#"action="/chat/switch""#) && page.contains(r#"name="q" value="ge""#));
    assert!(page.contains(&format!(r#"href="{own}""#)) && !page.contains("role=\"option\""));
    let answer = cast.alice.post("/chat/open", &[("name", "geminids 2026")]).await;
    assert_eq!(answer.headers()["location"], *own);
    assert!(
        cast.alice
            .page("/chat/switch?q=bob")
            .await
            .contains(&format!(r#"href="{direct}""#))
    );
}

/// Somebody in very many rooms with very many people pays no more than for 500 of them.
#[sqlx::test]
async fn it_looks_at_so_many_rooms_and_people_and_no_more(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let sql = "INSERT INTO data_keys (id, wrapped)
             SELECT md5('key' || n)::uuid, 'w' FROM generate_series(1, 3000) n;
         INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                            data_key_id, consent_version, consented_at)
             SELECT md5('user' || n)::uuid, 'fellow' || n, 'fellow' || n, 'Fellow', n::text, 'fellow', n::text, 'h',
                    'member', md5('key' || n)::uuid, '1', now() FROM generate_series(1, 3000) n;
         INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id)
             SELECT md5('room' || n)::uuid, 'room' || n, 'room' || n, 'Room ' || n, '',
                    CASE WHEN n > 600 THEN 'public' ELSE 'group' END, md5('key' || n)::uuid
             FROM generate_series(1, 1200) n;
         INSERT INTO members (room_id, user_id, role)
             SELECT md5('room' || n)::uuid, u.id, 'member' FROM generate_series(1, 1000) n, users u
             WHERE u.username IN ('alice', 'fellow' || n, 'fellow' || (n + 1), 'fellow' || (n + 2));
         INSERT INTO members (room_id, user_id, role)
             SELECT r.id, u.id, 'member' FROM rooms r, users u WHERE r.slug_key = 'general' AND u.username LIKE 'fellow%';
         ANALYZE";
    sqlx::raw_sql(sql).execute(&server.pool).await.unwrap();
    let alice = &cast.alice;
    assert_eq!(entries(alice, "").await.len(), 20);
    assert_eq!(entries(alice, "room fellow").await.len(), 0);
    assert_eq!(entries(alice, "oom").await.len(), 10);
    assert_eq!(entries(alice, "fellow").await.len(), 10);
    let mut db = server.pool.acquire().await.unwrap();
    let id = "SELECT id FROM users WHERE username = 'alice'";
    let id = UserId(sqlx::query_scalar(id).fetch_one(&mut *db).await.unwrap());
    assert_eq!(list_open_rooms(&mut *db, id).await.unwrap().len(), 500);
    assert_eq!(list_known_people(&mut *db, id).await.unwrap().len(), 500);
}
