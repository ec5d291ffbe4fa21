//! Databases that the chat cannot work with: the start says so at once, in one line.

use std::process::Command;
use std::time::{Duration, Instant};

use fernet::Fernet;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgPool};
use url::Url;
use uuid::Uuid;

use crate::pooler::{Pooler, start_old_postgres};
use crate::program::{Folder, command, finish, refused};

/// `migrate` on the database of that address.
fn migrate(folder: &Folder, url: &str) -> Command {
    let mut program = command(folder, &["migrate"]);
    program
        .env("DATABASE_URL", url)
        .env("UMBRA_KEYS", Fernet::generate_key());
    program
}

fn refused_at_once(program: Command) -> String {
    let started = Instant::now();
    let line = refused(program);
    assert!(started.elapsed() < Duration::from_secs(15), "{line}");
    line
}

#[sqlx::test(migrations = false)]
async fn a_database_that_is_not_utf8_is_refused(pool: PgPool) {
    let options = pool.connect_options();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("unfit_{}", Uuid::new_v4().simple());
        let make = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'");
        pool.execute(make.as_str()).await.unwrap();
        let url = PgConnectOptions::clone(&options).database(&name).to_url_lossy();
        let folder = Folder::new();
        let line = tokio::task::spawn_blocking(move || refused_at_once(migrate(&folder, url.as_str())));
        let line = line.await;
        pool.execute(format!("DROP DATABASE {name} WITH (FORCE)").as_str())
            .await
            .unwrap();
        let line = line.unwrap();
        assert!(line.starts_with("the database cannot be used: "), "{line}");
        assert!(line.contains(encoding) && line.contains("UTF8"), "{line}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_pooler_that_shares_sessions_is_refused(pool: PgPool) {
    let options = PgConnectOptions::clone(&pool.connect_options());
    let direct = options.to_url_lossy();
    for sessions in [1, 2, 3, 5] {
        let pooler = Pooler::start(options.clone(), sessions).await;
        let pooled = options.clone().host("127.0.0.1").port(pooler.port()).to_url_lossy();
        is_refused(pooled).await;
    }
    tokio::task::spawn_blocking(move || {
        let output = finish(&mut migrate(&Folder::new(), direct.as_str()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    })
    .await
    .unwrap();
}

async fn is_refused(pooled: Url) {
    let mut through = PgConnectOptions::from_url(&pooled).unwrap().connect().await.unwrap();
    let one: String = sqlx::Row::get(&sqlx::raw_sql("SELECT 'one'").fetch_one(&mut through).await.unwrap(), 0);
    assert_eq!(one, "one", "the pooler passes on what it is asked");
    through.close().await.unwrap();

    tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        let line = refused_at_once(migrate(&folder, pooled.as_str()));
        assert!(line.starts_with("the database cannot be used: "), "{line}");
        assert!(line.contains("pool_mode"), "{line}");
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_postgresql_that_is_too_old_is_refused() {
    let url = format!("postgres://somebody@127.0.0.1:{}/db", start_old_postgres().await);
    let line = tokio::task::spawn_blocking(move || refused_at_once(migrate(&Folder::new(), &url)));
    assert_eq!(
        line.await.unwrap(),
        "the database cannot be used: it is PostgreSQL 14.19, and UmbraChat needs 15 or newer"
    );
}
