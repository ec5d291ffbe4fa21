//! Databases that the chat cannot work with: the start says so at once, in one line.

use std::process::Command;
use std::time::{Duration, Instant};

use fernet::Fernet;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor, PgPool};
use uuid::Uuid;

use crate::program::{Folder, command, refused};

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
