//! The administration: rooms, people, roles, and that it does not exist for anybody else.

use chrono::TimeDelta;
use regex::Regex;
use reqwest::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Server, attributes, spawn};

async fn titles(server: &Server) -> Vec<String> {
    sqlx::query_scalar("SELECT title FROM rooms WHERE kind = 'public' ORDER BY slug_key")
        .fetch_all(&server.pool)
        .await
        .unwrap()
}

async fn role(server: &Server, name: &str) -> String {
    sqlx::query_scalar("SELECT role FROM users WHERE name_key = $1")
        .bind(name)
        .fetch_one(&server.pool)
        .await
        .unwrap()
}

#[sqlx::test]
async fn an_administrator_makes_edits_archives_and_deletes_rooms(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    admin.make_room("General").await;
    admin.make_room("Random").await;
    let page = admin.page("/admin/rooms").await;
    assert!(page.contains("General") && page.contains("Random"));

    let answer = admin
        .post(
            "/admin/rooms/general",
            &[("name", "Lounge"), ("topic", "Everything else")],
        )
        .await;
    assert_eq!(
        (answer.status(), answer.headers()["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/admin/rooms")
    );
    assert_eq!(titles(&server).await, ["Lounge", "Random"]);
    assert!(admin.page("/admin/rooms/lounge/edit").await.contains("Everything else"));

    admin.post("/admin/rooms/Lounge/archive", &[]).await;
    assert!(admin.page("/admin/rooms?show=archived").await.contains("Lounge"));
    assert!(
        !admin
            .page("/admin/rooms?show=archived")
            .await
            .contains("/admin/rooms/Random/edit")
    );
    admin.post("/admin/rooms/Lounge/restore", &[]).await;
    assert!(
        !admin
            .page("/admin/rooms?show=archived")
            .await
            .contains("/admin/rooms/Lounge/edit")
    );

    assert!(
        admin
            .page("/admin/rooms/Random/delete")
            .await
            .contains("Delete this room?")
    );
    assert_eq!(titles(&server).await.len(), 2, "asking deletes nothing");
    admin.post("/admin/rooms/Random/delete", &[]).await;
    assert_eq!(titles(&server).await, ["Lounge"]);
    for path in ["/admin/rooms/Random/edit", "/admin/rooms/Random/delete"] {
        assert_eq!(admin.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        admin.post("/admin/rooms/Random/archive", &[]).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[sqlx::test]
async fn a_taken_or_wrong_room_name_is_an_error_of_its_field(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    admin.make_room("General").await;
    admin.make_room("Random").await;
    let long = "x".repeat(65);
    for name in ["", "GENERAL", "two words", "a/b", "<b>", &long] {
        let answer = admin
            .post("/admin/rooms", &[("name", name), ("topic", "Kept as it was typed")])
            .await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(answer.text().await.unwrap().contains(r#"value="Kept as it was typed""#));
    }
    let answer = admin
        .post("/admin/rooms/Random", &[("name", "general"), ("topic", "")])
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(titles(&server).await, ["General", "Random"]);
}

#[sqlx::test]
async fn a_room_of_any_script_can_be_administered(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    for name in [
        "天文",
        "ทั่วไป",
        "हिन्दी",
        "می\u{200C}خواهم",
        "한국어",
        "Tiê\u{301}ng_Viê\u{323}t",
    ] {
        admin.make_room(name).await;
        admin.join(name).await;
        admin.write(name, "here").await;
        let page = admin.page(&format!("/chat/room/{name}")).await;
        assert!(page.contains("here"), "{name}");
    }
    let links = attributes(&admin.page("/admin/rooms").await, "href");
    let edits: Vec<_> = links.iter().filter(|href| href.ends_with("/edit")).collect();
    assert_eq!(edits.len(), 6);
    for edit in edits {
        assert_eq!(admin.get(edit).await.status(), StatusCode::OK, "{edit}");
    }
}

#[sqlx::test]
async fn rooms_are_named_by_what_can_be_seen(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    admin.make_room("general").await;
    for (name, reason) in [
        ("general\u{3164}", "cannot be seen"),
        ("gene\u{200B}ral", "cannot be seen"),
        ("gen\u{200C}eral", "cannot be seen"),
        ("\u{3164}", "cannot be seen"),
        ("\u{2800}", "cannot be seen"),
        ("\u{301}", "Use letters, digits, “-” and “_” only."),
    ] {
        for path in ["/admin/rooms", "/admin/rooms/general"] {
            let answer = admin.post(path, &[("name", name), ("topic", "")]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
            let page = answer.text().await.unwrap();
            let beside = attributes(&page, "aria-describedby")
                .iter()
                .any(|ids| ids.ends_with("-error"));
            assert!(beside && page.contains(reason), "{name:?}");
        }
    }
    assert_eq!(titles(&server).await, ["general"]);
    let topic = [("name", "general"), ("topic", "\u{200B}\u{3164}")];
    assert_eq!(
        admin.post("/admin/rooms/general", &topic).await.status(),
        StatusCode::SEE_OTHER
    );
    let topic: String = sqlx::query_scalar("SELECT topic FROM rooms")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(topic, "");
}

#[sqlx::test]
async fn people_are_found_by_name_username_and_whole_address(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    let fields = |name, first, last, email| {
        crate::support::account(name, &[("first_name", first), ("last_name", last), ("email", email)])
    };
    for (name, first, last, email) in [
        ("mara", "Émilie", "Lindqvist", "mara@example.org"),
        ("bobby", "Robert", "Émond", ""),
        ("zoe", "Zoë", "", ""),
    ] {
        server
            .visitor()
            .post("/accounts/signup", &fields(name, first, last, email))
            .await;
    }
    let everybody = ["ada", "mara", "bobby", "zoe"];
    for (search, found) in [
        ("", &everybody[..]),
        ("mar", &["mara"]),
        ("@MARA", &["mara"]),
        ("émi", &["mara"]),
        ("ÉM", &["mara", "bobby"]),
        ("Émilie Lind", &["mara"]),
        ("mara@example.org", &["mara"]),
        ("mara@", &[]),
        ("ZOË", &["zoe"]),
        ("%", &[]),
        ("_", &[]),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", search)
            .finish();
        let page = admin.page(&format!("/admin/users?{query}")).await;
        for name in everybody {
            let is_found = page.contains(&format!("/admin/users/{name}/role"));
            assert_eq!(is_found, found.contains(&name), "{name} by {search:?}");
        }
        let part = admin
            .fragment(&format!("/admin/users?{query}"))
            .await
            .text()
            .await
            .unwrap();
        assert!(
            part.starts_with("<section") && !part.contains("<html"),
            "htmx gets the list alone"
        );
    }
}

#[sqlx::test]
async fn long_lists_have_pages(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    for n in 0..60 {
        let name = format!("person{n:02}");
        let copy = sqlx::query(
            "INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                                data_key_id, consent_version, consented_at)
             SELECT $1, $2, $2, '', '', '', '', password_hash, 'member', data_key_id, '', now() FROM users LIMIT 1",
        );
        copy.bind(Uuid::now_v7())
            .bind(&name)
            .execute(&server.pool)
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut path = "/admin/users".to_owned();
    loop {
        let page = admin.page(&path).await;
        let people = attributes(&page, "action");
        seen.extend(people.into_iter().filter(|action| action.ends_with("/role")));
        let next = attributes(&page, "href")
            .into_iter()
            .find(|href| href.contains("after="));
        let Some(next) = next else { break };
        path = next.replace("&amp;", "&");
    }
    let total = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), total), (61, 61));
}

#[sqlx::test]
async fn the_last_administrator_stays_one(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    let alice = server.person("alice").await;
    let answer = admin.post("/admin/users/ada/role", &[("role", "member")]).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("The last administrator stays one")
    );

    assert_eq!(
        admin
            .post("/admin/users/alice/role", &[("role", "admin")])
            .await
            .status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(role(&server, "alice").await, "admin");
    assert!(!alice.is_logged_in().await, "a new role is a new log-in");
    alice.log_in("alice").await;
    assert_eq!(alice.get("/admin/").await.status(), StatusCode::OK);

    assert_eq!(
        alice
            .post("/admin/users/ada/role", &[("role", "member")])
            .await
            .status(),
        StatusCode::SEE_OTHER
    );
    assert!(!admin.is_logged_in().await);
    admin.log_in("ada").await;
    assert_eq!(admin.get("/admin/").await.status(), StatusCode::NOT_FOUND);
    for (name, role) in [("nobody", "admin"), ("ada", "owner")] {
        let status = alice
            .post(&format!("/admin/users/{name}/role"), &[("role", role)])
            .await
            .status();
        assert!(
            matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY),
            "{name} {role}"
        );
    }
}

#[sqlx::test]
async fn two_administrators_who_demote_each_other_leave_one(pool: PgPool) {
    let server = spawn(pool).await;
    let ada = server.admin().await;
    let alice = server.person("alice").await;
    for round in 0..5 {
        sqlx::query("UPDATE users SET role = 'admin'")
            .execute(&server.pool)
            .await
            .unwrap();
        ada.log_in("ada").await;
        alice.log_in("alice").await;
        // Asked for before: the first demotion ends the other's log-in, and with it the page that carries a token.
        let (ada_token, alice_token) = (ada.csrf_token().await, alice.csrf_token().await);
        let of_ada = [("role", "member"), ("csrf_token", ada_token.as_str())];
        let of_alice = [("role", "member"), ("csrf_token", alice_token.as_str())];
        // What is cached for up to two seconds must not matter.
        let (a, b) = tokio::join!(
            ada.post_raw("/admin/users/alice/role", &of_ada),
            alice.post_raw("/admin/users/ada/role", &of_alice)
        );
        let admins: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'admin'")
            .fetch_one(&server.pool)
            .await
            .unwrap();
        assert_eq!(admins, 1, "round {round}: {} {}", a.status(), b.status());
    }
}

#[sqlx::test]
async fn for_everybody_else_the_administration_does_not_exist(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let visitor = server.visitor();
    let unknown = cast.charlie.get("/nowhere").await.text().await.unwrap();
    let shape = |page: String| {
        regex::Regex::new("(&quot;[\\w-]{40,}&quot;)")
            .unwrap()
            .replace_all(&page, "")
            .into_owned()
    };
    for path in [
        "/admin/",
        "/admin/rooms",
        "/admin/rooms/General/edit",
        "/admin/rooms/General/delete",
        "/admin/users",
        "/admin/users?q=alice",
    ] {
        for person in [&cast.alice, &cast.charlie, &visitor] {
            let answer = person.get(path).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let answer = cast.charlie.get(path).await.text().await.unwrap();
        assert_eq!(
            shape(answer),
            shape(unknown.clone()),
            "the same answer as for what does not exist"
        );
    }
    for (path, fields) in [
        ("/admin/rooms", &[("name", "Mine"), ("topic", "")][..]),
        ("/admin/rooms/General", &[("name", "Mine"), ("topic", "")]),
        ("/admin/rooms/General/archive", &[]),
        ("/admin/rooms/General/restore", &[]),
        ("/admin/rooms/General/delete", &[]),
        ("/admin/users/charlie/role", &[("role", "admin")]),
        ("/admin/users/ada/role", &[("role", "member")]),
    ] {
        for person in [&cast.alice, &cast.charlie, &visitor] {
            assert_eq!(
                person.post(path, fields).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }
    assert_eq!(titles(&server).await, ["General"]);
    assert_eq!(
        (role(&server, "ada").await, role(&server, "charlie").await),
        ("admin".into(), "member".into())
    );
}

#[sqlx::test]
async fn the_overview_counts_the_messages_of_today(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    admin.make_room("General").await;
    admin.make_room("Random").await;
    admin.join("General").await;
    admin.join("Random").await;
    let counts = async || {
        let page = admin.page("/admin/").await;
        let card = Regex::new(r"Messages today</dt><dd[^>]*>(\d+)</dd><dd[^>]*>(\d+) in all<").unwrap();
        let found = card.captures(&page).expect("the overview counts messages");
        (found[1].to_owned(), found[2].to_owned())
    };
    let is = |today: &str, all: &str| (today.to_owned(), all.to_owned());
    assert_eq!(counts().await, is("0", "0"));
    for room in ["General", "General", "Random"] {
        admin.write(room, "good morning").await;
    }
    assert_eq!(counts().await, is("3", "3"));
    server.clock.set_ahead(TimeDelta::days(1));
    assert_eq!(counts().await, is("0", "3"));
    admin.write("General", "good morning again").await;
    assert_eq!(counts().await, is("1", "4"));
    admin.write("General", "and again").await;
    assert_eq!(counts().await, is("2", "5"));
}

#[sqlx::test]
async fn htmx_is_answered_with_what_changed_and_a_notice(pool: PgPool) {
    let server = spawn(pool).await;
    let admin = server.admin().await;
    server.person("alice").await;
    let charlie = server.person("charlie").await;
    admin.make_room("General").await;
    admin.make_room("Random").await;
    admin.post("/admin/rooms/Random/archive", &[]).await;

    // The list stays as the page shows it: only archived rooms.
    let archived = "/admin/rooms?show=archived";
    let answer = admin.post_fragment(archived, "/admin/rooms/General/archive", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["hx-trigger"], r#"{"toast":"The room is archived."}"#);
    let list = answer.text().await.unwrap();
    assert!(list.starts_with(r#"<section id="room-list""#) && list.contains("General") && list.contains("Random"));
    let answer = admin.post_fragment(archived, "/admin/rooms/General/restore", &[]).await;
    let list = answer.text().await.unwrap();
    assert!(!list.contains("General") && list.contains("Random"));

    let new = |name| [("name", name), ("topic", "typed")];
    let answer = admin
        .post_fragment("/admin/rooms", "/admin/rooms", &new("no name"))
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let form = answer.text().await.unwrap();
    assert!(form.starts_with("<section") && form.contains(r#"value="typed""#) && form.contains("field-name-error"));
    let answer = admin.post_fragment("/admin/rooms", "/admin/rooms", &new("Third")).await;
    assert_eq!(answer.headers()["hx-trigger"], r#"{"toast":"The room is made."}"#);
    assert!(answer.text().await.unwrap().contains("/admin/rooms/Third/edit"));
    let question = admin.fragment("/admin/rooms/Third/delete").await.text().await.unwrap();
    assert!(question.starts_with("<section") && question.contains("Delete this room?"));

    let role = [("role", "admin"), ("q", "alice")];
    let answer = admin
        .post_fragment("/admin/users", "/admin/users/alice/role", &role)
        .await;
    let people = answer.text().await.unwrap();
    assert!(people.contains("Remove as administrator") && people.matches("<li").count() == 1);

    let joined = charlie.post_fragment("/chat/", "/chat/room/General/join", &[]).await;
    assert_eq!(joined.headers()["hx-redirect"], "/chat/room/General");
    let theme = charlie
        .post_fragment("/chat/", "/appearance", &[("theme", "dawn")])
        .await;
    assert_eq!(theme.headers()["hx-trigger"], r#"{"theme":"dawn"}"#);
    assert!(theme.headers().contains_key("set-cookie"));
    for path in [
        "/admin/rooms/General/archive",
        "/admin/rooms/General/delete",
        "/admin/users/charlie/role",
    ] {
        let answer = charlie.post_fragment("/admin/rooms", path, &[("role", "admin")]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
