//! What a database must be, seen at the start: PostgreSQL that is new enough, text in UTF-8, and each connection a
//! session of its own.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use uuid::Uuid;

/// The oldest PostgreSQL that will do.
const OLDEST: u32 = 15;
/// How often the two connections are asked in turn. A pooler that deals sessions at random is let pass about once in 250
/// starts at the worst.
const ROUNDS: u32 = 4;
/// What a session was told to remember, or nothing.
const REMEMBERED: &str = "SELECT coalesce(current_setting('umbrachat.start', true), '')";

/// Connects and looks; a database that will not do is an error of the configuration.
///
/// Everything is asked as a simple query: a pooler that shares sessions would fail at a prepared statement in its own
/// words, or not at all.
pub(super) async fn check(options: &PgConnectOptions) -> sqlx::Result<()> {
    let mut first = options.connect().await?;
    // 150018 is 15.18.
    let version = ask(&mut first, "SHOW server_version_num").await?;
    if version.parse().is_ok_and(|number: u32| number / 10_000 < OLDEST) {
        let version = ask(&mut first, "SHOW server_version").await?;
        return Err(unfit(format!(
            "it is PostgreSQL {version}, and UmbraChat needs {OLDEST} or newer"
        )));
    }
    let encoding = ask(&mut first, "SHOW server_encoding").await?;
    if encoding != "UTF8" {
        return Err(unfit(format!(
            "its encoding is {encoding} instead of UTF8: make another with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE \
             template0"
        )));
    }

    // Where sessions are shared, a transaction gets the one that was used last, or each in turn: sooner or later the
    // second connection gets the session that the first has marked, or the first another one. Where they are not
    // shared, neither can be: nobody else knows the mark.
    let mark = Uuid::new_v4().to_string();
    ask(
        &mut first,
        &format!("SELECT set_config('umbrachat.start', '{mark}', false)"),
    )
    .await?;
    let mut second = options.connect().await?;
    let mut is_shared = false;
    for _ in 0..ROUNDS {
        is_shared |= ask(&mut first, REMEMBERED).await? != mark || ask(&mut second, REMEMBERED).await? == mark;
    }
    second.close().await?;
    first.close().await?;
    if is_shared {
        return Err(unfit(
            "the pooler in front of it gives a connection another session for each transaction: set pool_mode = \
             session (PgBouncer), or name PostgreSQL itself in DATABASE_URL"
                .into(),
        ));
    }
    Ok(())
}

/// The one text that the last of these statements answers.
async fn ask(connection: &mut PgConnection, statements: &str) -> sqlx::Result<String> {
    sqlx::raw_sql(statements).fetch_one(connection).await?.try_get(0)
}

fn unfit(reason: String) -> sqlx::Error {
    sqlx::Error::Configuration(reason.into())
}
