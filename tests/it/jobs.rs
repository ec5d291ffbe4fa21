//! Jobs that go wrong: what administrators see of them and can do, and that others go on.

use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::mail::{Smtp, failed, job, store, until};
use crate::support::{Cast, Server, account, attributes, spawn, spawn_with};

/// A mail that was given up: the mail server refused it at its first and at its last attempt.
async fn given_up(server: &Server) -> Uuid {
    let id = store(server).await;
    failed(&server.pool, id, 1).await;
    sqlx::query("UPDATE jobs SET attempts = 5, run_at = $2 WHERE id = $1")
        .bind(id)
        .bind(Utc::now())
        .execute(&server.pool)
        .await
        .unwrap();
    failed(&server.pool, id, 6).await;
    id
}

/// Rows as they are after a job of a kind that this version does not know.
async fn insert_given_up(pool: &PgPool, count: i32) {
    let copies = sqlx::query(
        "INSERT INTO jobs (id, kind, payload, run_at, attempts, last_error, created_at, given_up_at)
         SELECT gen_random_uuid(), 'other', 'x', now(), 6, 'it <b>went</b> wrong', now(), now()
         FROM generate_series(1, $1)",
    );
    copies.bind(count).execute(pool).await.unwrap();
}

/// What administrators did, in that order.
async fn noted(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT action || ' ' || detail FROM audit_log WHERE action LIKE '%job' ORDER BY id")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[sqlx::test]
async fn administrators_see_what_was_given_up_and_have_it_tried_again(pool: PgPool) {
    let smtp = Smtp::start(&["refuse"; 3]);
    let server = spawn_with(pool.clone(), smtp.config()).await;
    let Cast { admin, alice, .. } = server.cast().await;
    assert!(admin.page("/admin/jobs").await.contains("Everything is done"));
    assert!(!admin.page("/admin/").await.contains("given up"));
    let id = given_up(&server).await;
    assert!(admin.page("/admin/").await.contains("1 job was given up"));
    let page = admin.page("/admin/jobs").await;
    for part in [
        "Mail “Grüße vom Mond”",
        "to mara@example.org",
        "6 attempts, the last",
        "the mail server refused with code 451",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for secret in ["Hello", "https://chat.example.org"] {
        assert!(!page.contains(secret), "{secret}");
    }

    let (retry, discard) = (format!("/admin/jobs/{id}/retry"), format!("/admin/jobs/{id}/discard"));
    for person in [&alice, &server.visitor()] {
        assert_eq!(person.get("/admin/jobs").await.status(), StatusCode::NOT_FOUND);
        for path in [&retry, &discard] {
            assert_eq!(person.post(path, &[]).await.status(), StatusCode::NOT_FOUND);
        }
    }
    let before = job(&pool, id).await.unwrap().given_up_at;
    assert!(before.is_some());

    // Refused once more, it comes back at once, and not after another 15 hours.
    let answer = admin.post(&retry, &[]).await;
    assert_eq!(answer.headers()["location"], "/admin/jobs");
    until("its return", async || {
        let again = job(&pool, id).await.unwrap().given_up_at;
        again.is_some() && again != before
    })
    .await;
    assert!(smtp.mails().is_empty());
    admin.post(&retry, &[]).await;
    assert!(smtp.wait_for(1).await[0].contains("mara@example.org"));
    until("its end", async || job(&pool, id).await.is_none()).await;
    // Another click on a page from before.
    assert_eq!(admin.post(&retry, &[]).await.status(), StatusCode::SEE_OTHER);
    assert!(admin.page("/admin/jobs").await.contains("Everything is done"));
    assert_eq!(smtp.mails().len(), 1);
    assert_eq!(
        noted(&pool).await,
        ["retry_job Mail"; 2],
        "the one that did nothing is not noted"
    );
    let page = admin.page("/admin/audit").await;
    assert!(
        page.contains("@ada</a> had tried again the job <bdi class=\"font-600\">Mail</bdi>"),
        "{page}"
    );
}

#[sqlx::test]
async fn a_mail_whose_link_is_dead_is_not_sent_and_said_to_be_too_late(pool: PgPool) {
    // The mail server is away for two hours; then it takes everything.
    let smtp = Smtp::start(&["refuse"; 2]);
    let server = spawn_with(pool.clone(), smtp.config()).await;
    let admin = server.admin().await;
    let fields = account("mara", &[("email", "mara@example.org")]);
    server.visitor().post("/accounts/signup", &fields).await;
    let link: Uuid = sqlx::query_scalar("SELECT id FROM jobs WHERE kind = 'mail'")
        .fetch_one(&pool)
        .await
        .unwrap();
    failed(&pool, link, 1).await;
    let greeting = store(&server).await;
    failed(&pool, greeting, 1).await;
    server.clock.set_ahead(TimeDelta::hours(2));
    let late = failed(&pool, link, 2).await;
    assert!(late.given_up_at.is_some(), "{late:?}");
    // What has no link comes late rather than never.
    assert!(smtp.wait_for(1).await[0].contains("Hello"));
    until("its end", async || job(&pool, greeting).await.is_none()).await;

    // Within two hours an administrator has to give the password again, which belongs to another test.
    admin.log_in("ada").await;
    let page = admin.page("/admin/jobs").await;
    for part in [
        "Mail “Confirm your e-mail address”",
        "it came too late",
        "Too late",
        "/discard",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("/retry"));
    let before = job(&pool, link).await.unwrap().given_up_at;
    admin.post(&format!("/admin/jobs/{link}/retry"), &[]).await;
    until("its return", async || {
        let again = job(&pool, link).await.unwrap().given_up_at;
        again.is_some() && again != before
    })
    .await;
    assert_eq!(smtp.mails().len(), 1);
}

#[sqlx::test]
async fn what_was_given_up_is_listed_by_pages_and_discarded_one_by_one(pool: PgPool) {
    let server = spawn(pool.clone()).await;
    let admin = server.admin().await;
    insert_given_up(&pool, 60).await;
    let (mut seen, mut path) = (Vec::new(), "/admin/jobs".to_owned());
    loop {
        let page = admin.page(&path).await;
        assert!(page.contains(">60<"));
        assert!(page.contains("Job “other”") && page.contains("it &lt;b&gt;went"));
        let actions = attributes(&page, "action").into_iter();
        seen.extend(actions.filter(|action| action.ends_with("/discard")));
        let next = attributes(&page, "href")
            .into_iter()
            .find(|href| href.contains("after="));
        let Some(next) = next else { break };
        path = next;
    }
    let total = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), total), (60, 60));

    let answer = admin.post_fragment(&path, &seen[0], &[]).await;
    assert_eq!(answer.headers()["hx-trigger"], r#"{"toast":"It is discarded."}"#);
    assert!(answer.text().await.unwrap().starts_with("<section id=\"jobs\""));
    let left = "SELECT count(*) FROM jobs";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&pool).await.unwrap(), 59);

    // What is still to be tried is nobody's to discard.
    let waiting = "UPDATE jobs SET given_up_at = NULL, run_at = now() + interval '1 day'";
    sqlx::query(waiting).execute(&pool).await.unwrap();
    for action in &seen[..5] {
        assert_eq!(admin.post(action, &[]).await.status(), StatusCode::SEE_OTHER);
    }
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&pool).await.unwrap(), 59);
    assert_eq!(noted(&pool).await, ["discard_job Job “other”"]);
    for path in ["/admin/jobs/x/retry", "/admin/jobs/x/discard"] {
        assert_eq!(admin.post(path, &[]).await.status(), StatusCode::NOT_FOUND);
    }
}

#[sqlx::test]
async fn a_job_that_panics_fails_and_the_next_one_is_done(pool: PgPool) {
    let smtp = Smtp::start(&[]);
    let server = spawn_with(pool.clone(), smtp.config()).await;
    // The library that writes mails panics at dates from the year 10,000 on.
    server.clock.set_ahead(TimeDelta::days(365 * 9000));
    // One for each that works on jobs, and one more.
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(store(&server).await);
    }
    for id in ids {
        let error = failed(&pool, id, 1).await.last_error.unwrap();
        assert_eq!(error, "it panicked");
    }
    server.clock.set_ahead(TimeDelta::zero());
    let id = store(&server).await;
    smtp.wait_for(1).await;
    until("its end", async || job(&pool, id).await.is_none()).await;
}
