//! Signing up, logging in and out: `security.md` rows 7, 8, 10.

use std::time::{Duration, Instant};

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use reqwest::StatusCode;
use sqlx::{ConnectOptions, PgPool};

use crate::program::{Folder, command, finish};
use crate::support::{PASSWORD, Person, Server, account, attributes, spawn};

async fn people(server: &Server) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(&server.pool)
        .await
        .unwrap()
}

/// The first name that the side bar shows, which is the username in these tests.
async fn logged_in_as(person: &Person) -> String {
    let page = person.page("/chat/").await;
    ["alice", "bobby"]
        .into_iter()
        .find(|name| page.contains(&format!("{name} Test")))
        .unwrap_or_default()
        .to_owned()
}

#[sqlx::test]
async fn signing_up_logs_in_and_stores_the_consent(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.visitor();
    let fields = account("Alice", &[("email", "alice@example.org"), ("last_name", "")]);
    let answer = alice.post("/accounts/signup", &fields).await;
    assert_eq!(answer.headers()["location"], "/chat/");
    assert!(alice.is_logged_in().await);

    let (version, age, role): (String, f64, String) = sqlx::query_as(
        "SELECT consent_version, extract(epoch FROM now() - consented_at)::float8, role FROM users WHERE name_key = 'alice'",
    )
    .fetch_one(&server.pool)
    .await
    .unwrap();
    assert_eq!(version, umbrachat::accounts::model::CONSENT_VERSION);
    assert!((-5.0..60.0).contains(&age), "{age}");
    assert_eq!(role, "member");
}

#[sqlx::test]
async fn without_consent_there_is_no_account(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    for consent in ["", "off", "false", "0"] {
        let answer = server
            .visitor()
            .post("/accounts/signup", &account("alice", &[("consent", consent)]))
            .await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains("consent"));
    }
    assert_eq!(people(&server).await, 1);
}

#[sqlx::test]
async fn a_taken_username_is_told_and_the_rest_is_kept(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    for name in ["alice", "ALICE", "ａｌｉｃｅ"] {
        let fields = account(
            name,
            &[
                ("email", "other@example.org"),
                ("first_name", "Alicia"),
                ("last_name", "Keen"),
            ],
        );
        let answer = server.visitor().post("/accounts/signup", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains("This name is taken"));
        for kept in [name, "other@example.org", "Alicia", "Keen"] {
            assert!(page.contains(&format!(r#"value="{kept}""#)), "{kept}");
        }
        assert!(page.contains("checked"), "the consent is kept");
        assert!(!page.contains(PASSWORD), "the password is not");
    }
    assert_eq!(people(&server).await, 2);
}

#[sqlx::test]
async fn a_username_that_looks_like_a_taken_one_is_refused(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    server.person("carmen10").await;
    for name in [
        "\u{430}lice",
        "\u{430}l\u{456}\u{441}\u{435}",
        "AIice",
        "a1ice",
        "\u{391}LICE",
        "carrnen10",
        "carmenlO",
    ] {
        let answer = server.visitor().post("/accounts/signup", &account(name, &[])).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("This name looks like one that is taken."), "{name}");
        assert!(page.contains(&format!(r#"value="{name}""#)), "{name}");
    }
    assert_eq!(people(&server).await, 3);
}

#[sqlx::test]
async fn of_usernames_that_look_alike_one_is_taken_at_a_time(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alike = [
        "pearl1",
        "\u{440}earl1",
        "\u{440}\u{435}arl1",
        "pearll",
        "\u{440}\u{435}\u{430}rl1",
        "PEARL1",
    ];
    let visitors = alike.map(|_| server.visitor());
    let sign_ups = visitors.iter().zip(alike).map(async |(visitor, name)| {
        let fields = account(name, &[]);
        visitor.post("/accounts/signup", &fields).await.status()
    });
    let mut answers = futures_util::future::join_all(sign_ups).await;
    answers.sort_unstable();
    assert_eq!(answers[0], StatusCode::SEE_OTHER);
    assert!(
        answers[1..]
            .iter()
            .all(|status| *status == StatusCode::UNPROCESSABLE_ENTITY)
    );
    assert_eq!(people(&server).await, 2);
}

/// Starts the program on the server's database, as an update does.
async fn start_again(server: &Server) {
    let url = server.pool.connect_options().to_url_lossy().to_string();
    let migrated = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        finish(command(&folder, &["migrate"]).env("DATABASE_URL", url))
    });
    let output = migrated.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[sqlx::test]
async fn people_from_before_keep_names_that_look_alike(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let names = ["mara", "m\u{430}ra", "mara\u{1160}"];
    for (name, old_name) in ["first", "second", "third"].into_iter().zip(names) {
        server.person(name).await;
        sqlx::query("UPDATE users SET username = $2, name_key = $3 WHERE username = $1")
            .bind(name)
            .bind(old_name)
            .bind(umbrachat::text::fold(old_name))
            .execute(&server.pool)
            .await
            .unwrap();
    }
    server.person("other").await;
    sqlx::raw_sql("DELETE FROM username_skeletons")
        .execute(&server.pool)
        .await
        .unwrap();
    for _ in 0..2 {
        start_again(&server).await;
        let having: Vec<String> = sqlx::query_scalar(
            "SELECT username FROM users WHERE id IN (SELECT user_id FROM username_skeletons) ORDER BY id",
        )
        .fetch_all(&server.pool)
        .await
        .unwrap();
        assert_eq!(having, ["ada", "mara", "other"]);
    }
    for name in names {
        let person = server.visitor();
        person
            .post("/accounts/login", &[("login", name), ("password", PASSWORD)])
            .await;
        assert!(person.is_logged_in().await, "{name:?}");
    }
    for name in ["mar\u{430}", "oth\u{435}r"] {
        let answer = server.visitor().post("/accounts/signup", &account(name, &[])).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(answer.text().await.unwrap().contains("looks like one that is taken"));
    }
}

#[sqlx::test]
async fn people_have_names_of_any_script(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    for (username, first, last) in [
        ("สมชาย", "สมชาย", "ใจดี"),
        ("हिन्दी", "अनिल", "किशोर"),
        ("می\u{200C}خواهم", "علی\u{200C}رضا", ""),
        ("سُلَيْمَان", "سُلَيْمَان", ""),
        ("김철수", "김", "철수"),
        ("nguyê\u{303}n", "Nguyê\u{303}n", "Văn"),
        ("jose", "Jose\u{301}", "👩\u{200D}🚀"),
    ] {
        let person = server.visitor();
        let fields = account(username, &[("first_name", first), ("last_name", last)]);
        let answer = person.post("/accounts/signup", &fields).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{username}");
        let again = server.visitor();
        again
            .post("/accounts/login", &[("login", username), ("password", PASSWORD)])
            .await;
        assert!(again.is_logged_in().await, "{username}");
    }
    assert_eq!(people(&server).await, 8);
}

#[sqlx::test]
async fn what_cannot_be_seen_is_refused_beside_its_field(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    for (field, value, reason) in [
        ("username", "alice\u{3164}", "cannot be seen"),
        ("username", "ali\u{200B}ce", "cannot be seen"),
        ("username", "alice\u{200C}", "cannot be seen"),
        ("username", "\u{1160}\u{1160}\u{1160}", "cannot be seen"),
        ("username", "\u{301}\u{300}\u{301}", "Use letters, digits"),
        ("first_name", "\u{200B}", "Nothing of this name can be seen"),
        ("first_name", "\u{301}", "Nothing of this name can be seen"),
        ("last_name", "\u{2800}", "Nothing of this name can be seen"),
        ("email", "alice\u{200B}@example.org", "Enter an address like"),
    ] {
        let fields = account("alicia", &[(field, value)]);
        let answer = server.visitor().post("/accounts/signup", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field} {value:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(reason), "{field} {value:?}");
        let beside = attributes(&page, "aria-describedby");
        assert!(
            beside.iter().any(|ids| ids.contains(&format!("{field}-error"))),
            "{field}: {beside:?}"
        );
    }
    assert_eq!(people(&server).await, 2);
}

#[sqlx::test]
async fn passwords_are_long_enough_and_hard_to_guess(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let long = "sieben stille Monde über der Bucht ".repeat(9);
    let refused = [
        "",
        "short",
        "nine char",
        "password123",
        "1234567890",
        "qwertyuiop",
        "marieandersen",
        "Marie.Andersen1",
        "marie@example.org",
        &long.chars().take(257).collect::<String>(),
    ];
    let fields = |password| {
        let names = [
            ("first_name", "Marie"),
            ("last_name", "Andersen"),
            ("email", "marie@example.org"),
        ];
        let mut fields = account("marie.andersen", &names);
        fields.retain(|(name, _)| *name != "password");
        fields.push(("password", password));
        fields
    };
    for password in refused {
        let answer = server.visitor().post("/accounts/signup", &fields(password)).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{password}");
    }
    assert_eq!(people(&server).await, 1);
    let longest = long.chars().take(256).collect::<String>();
    let answer = server.visitor().post("/accounts/signup", &fields(&longest)).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let marie = server.visitor();
    marie
        .post(
            "/accounts/login",
            &[("login", "marie.andersen"), ("password", &longest)],
        )
        .await;
    assert!(marie.is_logged_in().await, "all 256 characters count");
}

#[sqlx::test]
async fn people_log_in_by_username_or_email(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server
        .visitor()
        .post("/accounts/signup", &account("alice", &[("email", "Alice@Example.org")]))
        .await;
    for login in ["alice", " ALICE ", "alice@example.org", "Alice@Example.ORG"] {
        let visitor = server.visitor();
        assert_eq!(visitor.log_in(login).await.status(), StatusCode::SEE_OTHER, "{login}");
        assert!(visitor.is_logged_in().await);
    }
}

#[sqlx::test]
async fn a_known_email_address_never_shows(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let email = [("email", "shared@example.org")];
    server
        .visitor()
        .post("/accounts/signup", &account("alice", &email))
        .await;
    let bob = server.visitor();
    let answer = bob.post("/accounts/signup", &account("bobby", &email)).await;
    assert_eq!(
        answer.status(),
        StatusCode::SEE_OTHER,
        "the same answer as for an unknown address"
    );
}

/// Logs in by that address with that password; true when it is let in.
async fn lets_in(server: &Server, login: &str, password: &str) -> bool {
    let visitor = server.visitor();
    let typed = [("login", login), ("password", password)];
    visitor.post("/accounts/login", &typed).await;
    visitor.is_logged_in().await
}

#[sqlx::test]
async fn of_those_who_gave_an_address_the_password_decides(pool: PgPool) {
    const EMAIL: &str = "shared@example.org";
    let server = spawn(pool).await;
    server.admin().await;
    let passwords = [
        "first quiet moon of the bay",
        "second quiet moon of the bay",
        "third quiet moon of the bay",
        "fourth quiet moon of the bay",
    ];
    for (n, name) in ["alice", "bobby", "carol", "david"].into_iter().enumerate() {
        let fields = account(name, &[("email", EMAIL), ("password", passwords[n])]);
        let answer = server.visitor().post("/accounts/signup", &fields).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert!(
            lets_in(&server, EMAIL, passwords[n]).await,
            "{name} is let in, whoever gave the address before"
        );
    }
    let alice = server.visitor();
    alice
        .post("/accounts/login", &[("login", EMAIL), ("password", passwords[0])])
        .await;
    assert_eq!(logged_in_as(&alice).await, "alice", "the first stays, whoever comes");
    assert!(!lets_in(&server, EMAIL, passwords[1]).await, "two came after Bobby");
    assert!(
        lets_in(&server, "bobby", passwords[1]).await,
        "his username always works"
    );
    assert!(!lets_in(&server, EMAIL, "another moon of the bay").await);

    // Who has verified the address is let in whoever comes after, and takes nobody's place.
    sqlx::query("UPDATE users SET email_verified_at = now() WHERE name_key = 'alice'")
        .execute(&server.pool)
        .await
        .unwrap();
    for password in passwords {
        assert!(lets_in(&server, EMAIL, password).await, "{password}");
    }
}

#[sqlx::test]
async fn unknown_and_wrong_get_the_same_answer_in_the_same_time(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server
        .visitor()
        .post("/accounts/signup", &account("alice", &[("email", "alice@example.org")]))
        .await;
    for name in ["bobby", "carol", "david", "emily"] {
        let fields = account(name, &[("email", "shared@example.org")]);
        server.visitor().post("/accounts/signup", &fields).await;
    }
    let logins = [
        "alice",
        "nobody",
        "alice@example.org",
        "shared@example.org",
        "nobody@example.org",
    ];
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;
    let mut pages = Vec::new();
    let mut times: [Vec<Duration>; 5] = Default::default();
    for round in 0..25 {
        for (kind, login) in logins.into_iter().enumerate() {
            let start = Instant::now();
            let fields = [
                ("login", login),
                ("password", "a wrong password"),
                ("csrf_token", &token),
            ];
            let answer = visitor.post_raw("/accounts/login", &fields).await;
            times[kind].push(start.elapsed());
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            if round == 0 {
                pages.push(answer.text().await.unwrap().replace(login, ""));
            }
        }
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "one text for all");
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    // Usernames among themselves, and addresses among themselves: which of both it is, everybody sees.
    for alike in [&medians[..2], &medians[2..]] {
        let (fastest, slowest) = (
            alike.iter().copied().fold(f64::MAX, f64::min),
            alike.iter().copied().fold(0.0, f64::max),
        );
        assert!(slowest < fastest * 1.5, "{medians:?}");
    }
}

#[sqlx::test]
async fn a_weaker_hash_is_replaced_at_the_next_log_in(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let stored = || async {
        let hash = sqlx::query_scalar::<_, String>("SELECT password_hash FROM users WHERE name_key = 'alice'");
        hash.fetch_one(&server.pool).await.unwrap()
    };
    assert!(stored().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));

    let weak = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8192, 1, 1, None).unwrap(),
    );
    let salt = SaltString::encode_b64(b"some other salt").unwrap();
    let weak = weak.hash_password(PASSWORD.as_bytes(), &salt).unwrap().to_string();
    let update = sqlx::query("UPDATE users SET password_hash = $1 WHERE name_key = 'alice'").bind(&weak);
    update.execute(&server.pool).await.unwrap();

    server
        .visitor()
        .post("/accounts/login", &[("login", "alice"), ("password", "wrong password")])
        .await;
    assert_eq!(stored().await, weak, "a wrong password changes nothing");
    assert_eq!(server.visitor().log_in("alice").await.status(), StatusCode::SEE_OTHER);
    assert!(stored().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(server.visitor().log_in("alice").await.status(), StatusCode::SEE_OTHER);
}

#[sqlx::test]
async fn a_hundred_log_ins_at_once_leave_the_server_quick(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;
    let logins = futures_util::future::join_all((0..100).map(|_| {
        let fields = [
            ("login", "alice"),
            ("password", "a wrong password"),
            ("csrf_token", token.as_str()),
        ];
        let visitor = &visitor;
        async move { visitor.post_raw("/accounts/login", &fields).await.status() }
    }));
    let health = async {
        let mut times = Vec::new();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let start = Instant::now();
            assert_eq!(server.visitor().get("/healthz").await.status(), StatusCode::OK);
            times.push(start.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    };
    let (statuses, median) = tokio::join!(logins, health);
    assert!(
        statuses
            .iter()
            .all(|status| *status == StatusCode::UNPROCESSABLE_ENTITY)
    );
    assert!(median < Duration::from_millis(500), "{median:?}");
}

#[sqlx::test]
async fn a_log_in_leads_back_to_the_page_asked_for_and_nowhere_else(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    server.person("alice").await;
    let visitor = server.visitor();
    let answer = visitor.get("/chat/room/general?before=7").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let login = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(login, "/accounts/login?next=%2Fchat%2Froom%2Fgeneral%3Fbefore%3D7");
    assert!(
        visitor
            .page(&login)
            .await
            .contains(r#"name="next" value="/chat/room/general?before=7""#)
    );
    // Who has no account yet gets back there as well.
    let sign_up = login.replace("login", "signup");
    assert!(visitor.page(&login).await.contains(&format!(r#"href="{sign_up}""#)));
    let page = visitor.page(&sign_up).await;
    assert!(page.contains(r#"name="next" value="/chat/room/general?before=7""#));
    assert!(page.contains(&format!(r#"href="{login}""#)));

    let answer = visitor.fragment("/chat/").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(
        answer.headers()["hx-redirect"]
            .to_str()
            .unwrap()
            .starts_with("/accounts/login")
    );

    for (n, (next, right)) in [
        ("/chat/room/general?before=7", "/chat/room/general?before=7"),
        ("https://evil.example/", "/chat/"),
        ("//evil.example/", "/chat/"),
        ("/\\evil.example/", "/chat/"),
        ("/\t/evil.example/", "/chat/"),
        ("javascript:alert(1)", "/chat/"),
    ]
    .into_iter()
    .enumerate()
    {
        let fields = [("login", "alice"), ("password", PASSWORD), ("next", next)];
        let answer = server.visitor().post("/accounts/login", &fields).await;
        assert_eq!(answer.headers()["location"], right, "{next}");
        let name = format!("guest{n}");
        let fields = account(&name, &[("next", next), ("form_id", "f")]);
        let guest = server.visitor();
        let answer = guest.post("/accounts/signup", &fields).await;
        assert_eq!(answer.headers()["location"], right, "{next}");
        let stale = [&fields[..], &[("csrf_token", "from before")]].concat();
        let answer = guest.post_raw("/accounts/signup", &stale).await;
        assert_eq!(answer.headers()["location"], right, "sent twice: {next}");
    }
}

#[sqlx::test]
async fn the_theme_is_kept_in_the_browser_and_in_the_account(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    assert!(alice.page("/chat/").await.contains(r#"data-theme="system""#));
    let token = alice.csrf_token().await;
    for (referer, right) in [
        (format!("{}/chat/?x=1#y", server.address), "/chat/?x=1"),
        ("https://evil.example/chat/".to_owned(), "/"),
        (format!("{}//evil.example/", server.address), "/"),
    ] {
        let answer = alice
            .client
            .post(format!("{}/appearance", server.address))
            .header("Origin", &server.address)
            .header("Referer", &referer)
            .header("X-CSRF-Token", &token)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("theme=dawn")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["location"], right, "{referer}");
    }
    assert!(alice.page("/privacy").await.contains(r#"data-theme="dawn""#));
    let elsewhere = server.visitor();
    assert!(elsewhere.page("/privacy").await.contains(r#"data-theme="system""#));
    elsewhere.log_in("alice").await;
    assert!(
        elsewhere.page("/chat/").await.contains(r#"data-theme="dawn""#),
        "it comes along"
    );
}
