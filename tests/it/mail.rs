//! Mails and the jobs that send them, with a real mail server.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Command, FromArgMatches};
use fernet::Fernet;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use umbrachat::config::{Config, ConfigError, Options, Secret};
use uuid::Uuid;

use crate::program::Folder;
use crate::services::{free_port, python, start_python};
use crate::support::{Server, config, spawn_with};

/// How long a job may wait to be seen, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A mail server.
pub struct Smtp {
    process: Child,
    port: u16,
    folder: Folder,
}

impl Smtp {
    /// With what happens to the first mails: `smtp.py` says what can.
    pub fn start(behaviours: &[&str]) -> Self {
        let folder = Folder::new();
        let mut python = python("smtp.py");
        python.arg(folder.path("")).args(behaviours);
        let (process, port) = start_python(python, "scripts/need.sh python");
        Self { process, port, folder }
    }

    /// What a server needs to send by it.
    pub fn config(&self) -> Config {
        smtp_config(&format!("smtp://127.0.0.1:{}", self.port))
    }

    /// The mails so far, oldest first.
    pub fn mails(&self) -> Vec<String> {
        read_mails(&self.folder.path(""))
    }

    /// Waits for so many mails.
    pub async fn wait_for(&self, count: usize) -> Vec<String> {
        until("a mail", async || self.mails().len() >= count).await;
        self.mails()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn smtp_config(url: &str) -> Config {
    Config {
        smtp_url: Some(Secret::new(url)),
        mail_from: Some("UmbraChat <chat@example.org>".parse().unwrap()),
        ..config()
    }
}

fn read_mails(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).map(|files| files.map(|file| file.unwrap().path()).collect());
    let mut files: Vec<_> = files.unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON * 2, holds)
        .await
        .unwrap_or_else(|_| panic!("{what} does not come"));
}

/// Stores a mail as the program does: sealed for its row.
pub async fn store(server: &Server) -> Uuid {
    let id = Uuid::now_v7();
    let mail = json!({
        "to": "mara@example.org", "name": "Mara", "subject": "Grüße vom Mond", "paragraphs": ["Hello"],
        "link": ["Open", "https://chat.example.org/"], "notes": [],
    });
    let plain = [id.as_bytes(), mail.to_string().as_bytes()].concat();
    let sealed = Fernet::new(&server.keys).unwrap().encrypt(&plain);
    sqlx::query("INSERT INTO jobs (id, kind, payload, run_at, created_at) VALUES ($1, 'mail', $2, $3, $3)")
        .bind(id)
        .bind(sealed)
        .bind(Utc::now())
        .execute(&server.pool)
        .await
        .unwrap();
    id
}

#[derive(Debug, sqlx::FromRow)]
pub struct Job {
    pub attempts: i32,
    run_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub given_up_at: Option<DateTime<Utc>>,
}

pub async fn job(pool: &PgPool, id: Uuid) -> Option<Job> {
    let job = sqlx::query_as("SELECT attempts, run_at, last_error, given_up_at FROM jobs WHERE id = $1");
    job.bind(id).fetch_optional(pool).await.unwrap()
}

/// Waits until that attempt has failed.
pub async fn failed(pool: &PgPool, id: Uuid, attempt: i32) -> Job {
    sqlx::query("UPDATE jobs SET last_error = NULL WHERE id = $1 AND attempts < $2")
        .bind(id)
        .bind(attempt)
        .execute(pool)
        .await
        .unwrap();
    until("a failure", async || {
        let job = job(pool, id).await.expect("it is kept");
        assert!(job.attempts <= attempt, "too early: {job:?}");
        job.attempts == attempt && job.last_error.is_some()
    })
    .await;
    job(pool, id).await.unwrap()
}

#[sqlx::test]
async fn a_mail_is_delivered_once_and_then_forgotten(pool: PgPool) {
    let smtp = Smtp::start(&[]);
    let server = spawn_with(
        pool.clone(),
        smtp_config(&format!("smtp://chat:p%40ss@127.0.0.1:{}", smtp.port)),
    )
    .await;
    let id = store(&server).await;
    let mails = smtp.wait_for(1).await;
    for part in [
        &format!("Message-ID: <{id}@example.org>"),
        "Auto-Submitted: auto-generated",
        "From: UmbraChat <chat@example.org>",
        "To: Mara <mara@example.org>",
        "https://chat.example.org/",
    ] {
        assert!(mails[0].contains(part), "{part} in {}", mails[0]);
    }
    until("its end", async || job(&pool, id).await.is_none()).await;
    assert_eq!(smtp.mails().len(), 1);
}

/// What the settings make of an authority's file.
fn authority(file: &Path) -> Result<Config, ConfigError> {
    let arguments = [OsStr::new("umbrachat"), OsStr::new("--smtp-ca-file"), file.as_os_str()];
    let matches = Options::augment_args(Command::new("umbrachat")).get_matches_from(arguments);
    Config::check(&Options::from_arg_matches(&matches).unwrap())
}

#[test]
fn an_authority_is_a_file_with_certificates() {
    let folder = Folder::new();
    let file = folder.path("ca.pem");
    let refused = |problem: &str| {
        let line = authority(&file).unwrap_err().to_string();
        assert!(line.starts_with(&format!("SMTP_CA_FILE {problem}: ")), "{line}");
    };
    refused("cannot be read");
    for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&file, text).unwrap();
        refused("holds no certificate in PEM");
    }
}

#[sqlx::test]
async fn over_tls_a_mail_goes_only_to_a_server_that_somebody_vouches_for(pool: PgPool) {
    let common = smtp_config("");
    for (tls, scheme, query) in [("smtps", "smtps", ""), ("starttls", "smtp", "?tls=required")] {
        let smtp = Smtp::start(&[tls]);
        let url = format!("{scheme}://chat:p%40ss@127.0.0.1:{}{query}", smtp.port);
        let config = Config {
            smtp_url: Some(Secret::new(url)),
            ..common.clone()
        };
        let mut server = spawn_with(pool.clone(), config.clone()).await;
        let id = store(&server).await;
        let job = failed(&pool, id, 1).await;
        assert!(job.run_at > Utc::now() && job.given_up_at.is_none(), "{job:?}");
        let error = job.last_error.unwrap();
        assert!(error.contains("invalid peer certificate"), "{tls}: {error}");
        assert!(smtp.mails().is_empty());
        server.stop().await;

        let trusting = Config {
            smtp_ca: authority(&smtp.folder.path("certificate.pem")).unwrap().smtp_ca,
            ..config
        };
        let mut server = spawn_with(pool.clone(), trusting).await;
        server.clock.set_ahead(TimeDelta::minutes(2));
        assert!(smtp.wait_for(1).await[0].contains("mara@example.org"));
        until("its end", async || self::job(&pool, id).await.is_none()).await;
        server.stop().await;
    }
}

#[sqlx::test]
async fn a_server_that_does_not_offer_tls_gets_nothing_where_it_is_required(pool: PgPool) {
    let smtp = Smtp::start(&[]);
    let config = smtp_config(&format!("smtp://chat:p%40ss@127.0.0.1:{}?tls=required", smtp.port));
    let server = spawn_with(pool.clone(), config).await;
    let id = store(&server).await;
    let error = failed(&pool, id, 1).await.last_error.unwrap();
    assert!(error.contains("STARTTLS"), "{error}");
    assert!(smtp.mails().is_empty());
}

#[sqlx::test]
async fn without_a_mail_server_mails_are_files_that_only_the_owner_reads(pool: PgPool) {
    let folder = Folder::new();
    let server = spawn_with(
        pool.clone(),
        Config {
            data_dir: folder.path("data"),
            ..config()
        },
    )
    .await;
    let id = store(&server).await;
    until("its end", async || job(&pool, id).await.is_none()).await;
    let mails = folder.path("data/mail");
    assert!(read_mails(&mails)[0].contains("mara@example.org"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&mails), mode(&mails.join(format!("{id}.eml")))), (0o700, 0o600));
}

#[sqlx::test]
async fn a_mail_that_is_refused_or_cut_off_is_sent_later_and_once(pool: PgPool) {
    let smtp = Smtp::start(&["refuse", "disconnect"]);
    let server = spawn_with(pool.clone(), smtp.config()).await;
    let id = store(&server).await;
    let refused = failed(&pool, id, 1).await.last_error.unwrap();
    assert!(refused.contains("451") && !refused.contains("mara"), "{refused}");
    server.clock.set_ahead(TimeDelta::minutes(2));
    failed(&pool, id, 2).await;
    assert!(smtp.mails().is_empty());
    server.clock.set_ahead(TimeDelta::minutes(10));
    smtp.wait_for(1).await;
    until("its end", async || job(&pool, id).await.is_none()).await;
    assert_eq!(smtp.mails().len(), 1);
}

#[sqlx::test]
async fn a_mail_server_that_falls_silent_is_given_up_on_for_now(pool: PgPool) {
    let smtp = Smtp::start(&["silent"]);
    let server = spawn_with(pool.clone(), smtp.config()).await;
    let silent = store(&server).await;
    until("the first attempt", async || smtp.folder.path("silent").exists()).await;
    // Others go out meanwhile.
    store(&server).await;
    smtp.wait_for(1).await;
    let error = failed(&pool, silent, 1).await.last_error.unwrap();
    assert!(error.contains("did not answer in time"), "{error}");
}

#[sqlx::test]
async fn a_job_whose_node_vanishes_in_the_middle_is_done_by_another_once(pool: PgPool) {
    let smtp = Smtp::start(&["silent"]);
    let config = smtp.config();
    let mut first = spawn_with(pool.clone(), config.clone()).await;
    let id = store(&first).await;
    until("the first attempt", async || smtp.folder.path("silent").exists()).await;
    first.stop().await;
    let second = spawn_with(pool.clone(), config).await;
    // Another job shows that it has looked, and that it leaves alone what is claimed.
    store(&second).await;
    smtp.wait_for(1).await;
    assert_eq!(job(&pool, id).await.unwrap().attempts, 1);
    second.clock.set_ahead(TimeDelta::minutes(3));
    let mails = smtp.wait_for(2).await;
    assert!(mails[1].contains(&format!("Message-ID: <{id}@example.org>")));
    until("its end", async || job(&pool, id).await.is_none()).await;
    assert_eq!(smtp.mails().len(), 2);
}

#[sqlx::test]
async fn what_fails_is_tried_again_after_each_pause_and_then_given_up_and_kept(pool: PgPool) {
    let nobody = smtp_config(&format!("smtp://127.0.0.1:{}", free_port()));
    let server = spawn_with(pool.clone(), nobody).await;
    let id = store(&server).await;
    let (mut ahead, mut before) = (TimeDelta::zero(), Utc::now() - TimeDelta::seconds(1));
    for (attempt, minutes) in (1..).zip([1, 5, 30, 120, 720]) {
        let job = failed(&pool, id, attempt).await;
        let pause = ahead + TimeDelta::minutes(minutes);
        assert!(
            (before + pause..=Utc::now() + pause).contains(&job.run_at),
            "{attempt} {job:?}"
        );
        assert_eq!(job.given_up_at, None);
        before = Utc::now();
        ahead = job.run_at - before + TimeDelta::seconds(1);
        server.clock.set_ahead(ahead);
    }
    let job = failed(&pool, id, 6).await;
    assert!(job.given_up_at.is_some() && job.last_error.is_some(), "{job:?}");
    server.clock.set_ahead(TimeDelta::days(5));
    // Something else is done later; this is not tried again.
    let other = store(&server).await;
    failed(&pool, other, 1).await;
    assert_eq!(self::job(&pool, id).await.unwrap().attempts, 6);
}
