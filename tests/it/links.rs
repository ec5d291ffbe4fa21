//! New passwords and e-mail addresses: in the settings, and by links in mails.

use chrono::TimeDelta;
use regex::Regex;
use reqwest::StatusCode;
use sqlx::PgPool;
use umbrachat::config::Config;

use crate::mail::Smtp;
use crate::support::{Cast, PASSWORD, Person, Server, account, config, spawn, spawn_with};

const OTHER: &str = "eight loud suns under the hill";

/// The path of the link in a mail; it leads to this server.
fn link(mail: &str) -> String {
    let text = mail.replace("=\r\n", "").replace("=\n", "");
    let address = Regex::new(r"http://localhost:\d+(/accounts/\S+)").unwrap();
    let found = address.captures(&text);
    found.unwrap_or_else(|| panic!("no link in {mail}"))[1].to_owned()
}

async fn with_mail(pool: PgPool) -> (Smtp, Server) {
    let smtp = Smtp::start(&[]);
    let server = spawn_with(pool, smtp.config()).await;
    server.admin().await;
    (smtp, server)
}

/// Somebody who signed up with an address.
async fn sign_up(server: &Server, name: &str, email: &str) -> Person {
    let mut person = server.visitor();
    person.name = name.into();
    let answer = person
        .post("/accounts/signup", &account(name, &[("email", email)]))
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    person
}

async fn is_verified(pool: &PgPool, name: &str) -> bool {
    let verified = sqlx::query_scalar("SELECT email_verified_at IS NOT NULL FROM users WHERE username = $1");
    verified.bind(name).fetch_one(pool).await.unwrap()
}

/// Whether somebody can log in with that password.
async fn opens(server: &Server, login: &str, password: &str) -> bool {
    let fields = [("login", login), ("password", password)];
    let answer = server.visitor().post("/accounts/login", &fields).await;
    answer.status() == StatusCode::SEE_OTHER
}

async fn is_anonymous(server: &Server, cookies: &str) -> bool {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().get(format!("{}/chat/", server.address));
    request.header("cookie", cookies).send().await.unwrap().status() == StatusCode::SEE_OTHER
}

#[sqlx::test]
async fn a_changed_password_ends_all_other_sessions_and_moves_this_one(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let other = server.visitor();
    other.log_in("alice").await;
    let (mut own, mut others) = (alice.socket("General").await, other.socket("General").await);
    let old_cookies = alice.cookies();

    for (current, new, sentence) in [
        ("wrong", OTHER, "This is not your password."),
        (PASSWORD, "too-short", "Use at least 10 characters."),
        (PASSWORD, "password123", "This is easy to guess."),
        (PASSWORD, "alicealice1", "This is easy to guess."),
    ] {
        let fields = [("current_password", current), ("password", new)];
        let answer = alice.post("/settings/password", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence) && !page.contains(new), "{sentence}");
    }
    assert!(other.is_logged_in().await);

    let fields = [("current_password", PASSWORD), ("password", OTHER)];
    let answer = alice.post("/settings/password", &fields).await;
    assert_eq!(answer.headers()["location"], "/settings/password?changed=true");
    assert!(
        alice
            .page("/settings/password?changed=true")
            .await
            .contains("Your password is changed")
    );
    assert!(is_anonymous(&server, &old_cookies).await && !other.is_logged_in().await);
    assert_eq!(others.closed().await.0, 4401);
    own.say("still here").await;
    own.until("still here").await;
    assert!(alice.is_logged_in().await && bob.is_logged_in().await);
    assert!(opens(&server, "alice", OTHER).await && !opens(&server, "alice", PASSWORD).await);
}

#[sqlx::test]
async fn the_password_cannot_be_guessed_in_the_settings(pool: PgPool) {
    let few = Config {
        auth_rate: 5.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, few).await;
    let admin = server.admin().await;
    for path in ["/settings/password", "/settings/email"] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            let answer = admin
                .post(
                    path,
                    &[("email", "a@b.example"), ("current_password", "x"), ("password", OTHER)],
                )
                .await;
            statuses.push(answer.status());
        }
        assert_eq!(
            statuses.last(),
            Some(&StatusCode::TOO_MANY_REQUESTS),
            "{path} {statuses:?}"
        );
    }
}

#[sqlx::test]
async fn an_address_is_its_owners_once_the_link_was_pressed(pool: PgPool) {
    let (smtp, server) = with_mail(pool.clone()).await;
    let alice = sign_up(&server, "alice", "alice@example.org").await;
    let mails = smtp.wait_for(1).await;
    assert!(mails[0].contains("alice@example.org"));
    let path = link(&mails[0]);
    // A mail scanner opens it.
    let visitor = server.visitor();
    for _ in 0..2 {
        let page = visitor.page(&path).await;
        assert!(page.contains("alice@example.org") && page.contains("@alice"));
    }
    assert!(!is_verified(&pool, "alice").await);
    let answer = visitor.post(&path, &[]).await;
    assert_eq!(answer.headers()["location"], "/accounts/email/done");
    assert!(is_verified(&pool, "alice").await);
    assert_eq!(visitor.post(&path, &[]).await.status(), StatusCode::NOT_FOUND, "once");
    let over = visitor.get(&path).await;
    assert_eq!(over.status(), StatusCode::NOT_FOUND);
    assert!(over.text().await.unwrap().contains("This link does not work any more"));

    // Another one: the old address stays until the link is pressed, and is told then.
    let fields = [("email", "moon@example.org"), ("password", "wrong")];
    let answer = alice.post("/settings/email", &fields).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let fields = [("email", "moon@example.org"), ("password", PASSWORD)];
    let answer = alice.post("/settings/email", &fields).await;
    assert_eq!(answer.headers()["location"], "/settings/email?mailed=true");
    let path = link(&smtp.wait_for(2).await[1]);
    let page = alice.page("/settings/email?mailed=true").await;
    assert!(page.contains("alice@example.org") && page.contains("Look into your mail"));
    visitor.post(&path, &[]).await;
    assert!(alice.page("/settings/email").await.contains("moon@example.org"));
    let mails = smtp.wait_for(3).await;
    assert!(mails[2].contains("To: \"alice Test\" <alice@example.org>") || mails[2].contains("alice@example.org"));
    assert!(mails[2].contains("has another e-mail address"));
    assert!(opens(&server, "moon@example.org", PASSWORD).await);
}

#[sqlx::test]
async fn whoever_confirms_an_address_first_has_it_and_nobody_is_told_before(pool: PgPool) {
    let (smtp, server) = with_mail(pool.clone()).await;
    sign_up(&server, "alice", "moon@example.org").await;
    let first = link(&smtp.wait_for(1).await[0]);
    server.visitor().post(&first, &[]).await;
    let bob = sign_up(&server, "bob", "moon@example.org").await;
    let second = link(&smtp.wait_for(2).await[1]);
    let known = bob
        .post(
            "/settings/email",
            &[("email", "moon@example.org"), ("password", PASSWORD)],
        )
        .await;
    let unknown = bob
        .post(
            "/settings/email",
            &[("email", "sun@example.org"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(known.status(), unknown.status());
    assert_eq!(known.headers()["location"], unknown.headers()["location"]);
    assert_eq!(server.visitor().post(&second, &[]).await.status(), StatusCode::CONFLICT);
    assert!(is_verified(&pool, "alice").await && !is_verified(&pool, "bob").await);
    smtp.wait_for(4).await;
    // What bob claimed helps him to nothing of alice's.
    server.visitor().post("/accounts/reset", &[("login", "bob")]).await;
    server
        .visitor()
        .post("/accounts/reset", &[("login", "moon@example.org")])
        .await;
    let mails = smtp.wait_for(5).await;
    assert!(mails[4].contains("@alice"), "{}", mails[4]);
}

#[sqlx::test]
async fn a_forgotten_password_is_replaced_by_a_link_that_works_once(pool: PgPool) {
    let (smtp, server) = with_mail(pool.clone()).await;
    let alice = sign_up(&server, "alice", "alice@example.org").await;
    sign_up(&server, "bob", "bob@example.org").await;
    let mails = smtp.wait_for(2).await;
    let alices = mails.iter().find(|mail| mail.contains("alice@example.org")).unwrap();
    server.visitor().post(&link(alices), &[]).await;
    let mut socket = alice.inbox("").await;

    // Unknown, unverified, known: one answer. The last by its address, for another Host.
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;
    let mut pages = Vec::new();
    for login in [
        "nobody",
        "bob",
        "nobody@example.org",
        "bob@example.org",
        "alice",
        "Alice@Example.org",
    ] {
        let answer = visitor
            .client
            .post(format!("{}/accounts/reset", server.address))
            .header("Origin", &server.address)
            .header("Host", "evil.example")
            .form(&[("login", login), ("csrf_token", &token)])
            .send()
            .await
            .unwrap();
        pages.push((answer.status(), answer.text().await.unwrap()));
    }
    assert!(pages[0].1.contains("Look into your mail"));
    assert!(pages.iter().all(|page| *page == pages[0]));
    let mails = smtp.wait_for(4).await;
    assert!(
        !mails[2..]
            .iter()
            .any(|mail| mail.contains("evil") || mail.contains("To: bob"))
    );
    let (path, other) = (link(&mails[2]), link(&mails[3]));

    for _ in 0..2 {
        assert!(visitor.page(&path).await.contains("@alice"));
    }
    let answer = visitor.post(&path, &[("password", "alicealice1")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(alice.is_logged_in().await && opens(&server, "alice", PASSWORD).await);
    let answer = visitor.post(&path, &[("password", OTHER)]).await;
    assert_eq!(answer.headers()["location"], "/accounts/reset/done");
    assert_eq!(socket.closed().await.0, 4401);
    assert!(!alice.is_logged_in().await);
    assert!(opens(&server, "alice", OTHER).await && !opens(&server, "alice", PASSWORD).await);
    for path in [&path, &other] {
        assert_eq!(visitor.get(path).await.status(), StatusCode::NOT_FOUND);
        let answer = visitor.post(path, &[("password", PASSWORD)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let page = answer.text().await.unwrap();
        assert!(page.contains("This link does not work any more") && page.contains("Ask for a new link"));
    }
    // Nothing is left to do, once the last mail is noted as sent.
    let is_done = async {
        let count = "SELECT count(*) FROM jobs";
        while sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), is_done)
        .await
        .expect("no job is left");
}

#[sqlx::test]
async fn asking_for_a_link_looks_at_no_account(pool: PgPool) {
    let (smtp, server) = with_mail(pool.clone()).await;
    sign_up(&server, "alice", "alice@example.org").await;
    server.visitor().post(&link(&smtp.wait_for(1).await[0]), &[]).await;
    let visitor = server.visitor();
    let token = visitor.csrf_token().await;
    // Whoever reads one of these waits, and is not answered in time: the job does, not the request.
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE users, authors, login_tokens IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    for (stored, login) in (1..).zip(["alice", "alice@example.org", "nobody"]) {
        let fields = [("login", login), ("csrf_token", token.as_str())];
        let answer = visitor.post_raw("/accounts/reset", &fields).await;
        assert_eq!(answer.status(), StatusCode::OK, "{login}");
        let jobs = "SELECT count(*) FROM jobs WHERE kind = 'reset'";
        assert_eq!(
            sqlx::query_scalar::<_, i64>(jobs).fetch_one(&pool).await.unwrap(),
            stored,
            "{login}"
        );
    }
    lock.rollback().await.unwrap();
}

#[sqlx::test]
async fn nobodys_mailbox_is_filled_and_links_grow_too_old(pool: PgPool) {
    let (smtp, server) = with_mail(pool.clone()).await;
    sign_up(&server, "alice", "alice@example.org").await;
    server.visitor().post(&link(&smtp.wait_for(1).await[0]), &[]).await;
    for _ in 0..8 {
        server.visitor().post("/accounts/reset", &[("login", "alice")]).await;
    }
    // Jobs are done two at a time, so that one more may pass.
    let mails = smtp.wait_for(6).await;
    while sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs")
        .fetch_one(&pool)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(smtp.mails().len() <= 7, "{}", smtp.mails().len());
    let path = link(&mails[1]);
    assert_eq!(server.visitor().get(&path).await.status(), StatusCode::OK);
    server.clock.set_ahead(TimeDelta::minutes(61));
    assert_eq!(server.visitor().get(&path).await.status(), StatusCode::NOT_FOUND);
    let answer = server.visitor().post(&path, &[("password", OTHER)]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[sqlx::test]
async fn an_administrator_hands_out_a_link_where_no_mail_is_sent(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    assert!(
        server
            .visitor()
            .page("/accounts/reset")
            .await
            .contains("Ask an administrator")
    );
    for stranger in [&alice, &bob, &server.visitor()] {
        let answer = stranger.post("/admin/users/bob/reset-link", &[]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    let answer = admin.post("/admin/users/nobody/reset-link", &[]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = admin.post("/admin/users/bob/reset-link", &[]).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let path = link(&answer.text().await.unwrap().replace('"', " "));
    assert!(bob.is_logged_in().await, "making it ends nothing");
    server.visitor().post(&path, &[("password", OTHER)]).await;
    assert!(!bob.is_logged_in().await && alice.is_logged_in().await);
    assert!(opens(&server, "bob", OTHER).await);
}

#[sqlx::test]
async fn a_log_in_from_a_new_device_is_told_by_mail(pool: PgPool) {
    let (smtp, server) = with_mail(pool.clone()).await;
    let alice = sign_up(&server, "alice", "alice@example.org").await;
    let path = link(&smtp.wait_for(1).await[0]);
    assert!(
        opens(&server, "alice", PASSWORD).await,
        "not told: the address is not confirmed"
    );
    server.visitor().post(&path, &[]).await;
    assert_eq!(
        alice.log_in("alice").await.status(),
        StatusCode::SEE_OTHER,
        "not told: the browser is known"
    );
    assert!(opens(&server, "alice", PASSWORD).await);
    let mails = smtp.wait_for(2).await;
    assert!(
        mails[1].contains("A new device is logged in") && mails[1].contains("127.0.0.1"),
        "{}",
        mails[1]
    );
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE attempts = 0")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!((left, smtp.mails().len()), (0, 2));
}

#[sqlx::test]
async fn no_log_in_by_the_old_password_outlives_its_change(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    server.admin().await;
    server.person("alice").await;
    // A change that is about to be committed.
    let mut change = pool.begin().await.unwrap();
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$dW1icmFjaGF0IG5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    sqlx::query("UPDATE users SET password_hash = $1 WHERE username = 'alice'")
        .bind(hash)
        .execute(&mut *change)
        .await
        .unwrap();
    let visitor = server.visitor();
    let log_in = tokio::spawn(async move { visitor.log_in("alice").await.status() });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while !log_in.is_finished() && sqlx::query_scalar::<_, i64>(waits).fetch_one(&pool).await.unwrap() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    change.commit().await.unwrap();
    assert_ne!(log_in.await.unwrap(), StatusCode::SEE_OTHER);
}
