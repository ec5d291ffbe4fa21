//! The connection pool and the migrations. Outside of requests, which have a limit of their own, everything that asks
//! the database does so [`within_limit`], or with a [`HeldConnection`]. [`private_cluster`] is the PostgreSQL that the
//! program runs itself when it was given none.
//!
//! Statements are planned with PostgreSQL's own settings, once for each connection: written so that their plan is the
//! same whatever the values. A plan lives until statistics are gathered anew, so that the first ones must do already:
//! `tests/it/plans.rs` plans every statement. One that needs other settings brings them along (`store_messages` in
//! `migrations/`, the search for people in `admin/queries.rs`).

mod held_connection;
pub mod private_cluster;
mod requirements;
mod session_store;

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tokio::time::timeout;

use crate::{Error, Result};

pub use held_connection::{HeldConnection, within_limit};
pub use session_store::KeyedStore;

/// Every migration, forward only, in the order of their numbers.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// A page waits this long for a connection, and so answers 503 well within 5 s when the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Open connections: beyond a few for each core they only wait for each other.
const MAX_CONNECTIONS: u32 = 20;
/// A connection that was used within this time is used again without asking first whether it still stands: that would
/// double what every query waits for.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long a connection may take to answer that it still stands.
const PING_TIMEOUT: Duration = Duration::from_millis(500);
/// What every session is told when it begins. Not in the connection's first message: poolers refuse it there.
const SESSION_SETTINGS: &str = "
    -- One statement may wait this long for a lock: everything that locks does so for milliseconds.
    SET lock_timeout = '1s';
    -- And run this long: everything a page does takes milliseconds, so what lasts is a fault.
    SET statement_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s';
    -- What stands here is on a disk that seeks for nothing, or in memory.
    SET random_page_cost = 1.1;
    -- The server notices clients that are gone without a word: when it hears nothing it asks after this many seconds,
    -- this often, this many seconds apart.
    SET tcp_keepalives_idle = 20;
    SET tcp_keepalives_count = 3;
    SET tcp_keepalives_interval = 10;
";
/// What a migration is told instead: an index over millions of rows takes longer than 10 s.
const MIGRATION_SETTINGS: &str = "SET lock_timeout = 0; SET statement_timeout = 0";
/// How long a start waits for a database that is away.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it waits between two tries.
const START_PAUSE: Duration = Duration::from_secs(1);

/// A pool that opens its connections when they are needed, with the limits that keep a slow database from holding
/// everybody up.
pub fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SESSION_SETTINGS).await?;
                Ok(())
            })
        })
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for > TRUSTED || !held_connection::is_trusted() {
                    ping(connection).await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                // The pool itself asks a connection that comes back whether it still stands, and waits for the answer
                // for as long as it takes: connections to a server that vanished would never make room for new ones.
                if !held_connection::is_trusted() {
                    ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options.application_name("umbrachat"))
}

/// Sees whether the connection still stands; after an error the pool drops it.
async fn ping(connection: &mut PgConnection) -> sqlx::Result<()> {
    let answer = timeout(PING_TIMEOUT, connection.ping()).await;
    answer.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Waits until the database answers, for up to 30 s; `waiting` is told once, with the reason, when it has to wait. One
/// that the program cannot work with is an error at once.
pub async fn wait_for(pool: &PgPool, waiting: impl FnOnce(&str)) -> Result<()> {
    let deadline = tokio::time::Instant::now() + START_TIMEOUT;
    let mut waiting = Some(waiting);
    loop {
        // Connections of its own, because the pool's error would only say that it took too long.
        let error = match timeout(ACQUIRE_TIMEOUT, requirements::check(&pool.connect_options())).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if comes_back(&error) => reason(&error),
            Ok(Err(error)) => return Err(Error::Unavailable(reason(&error))),
            Err(_) => "it does not answer".to_owned(),
        };
        if tokio::time::Instant::now() + START_PAUSE > deadline {
            return Err(Error::Unavailable(error));
        }
        if let Some(waiting) = waiting.take() {
            waiting(&error);
        }
        tokio::time::sleep(START_PAUSE).await;
    }
}

/// Brings the schema up to date. Several nodes may do so at once: sqlx holds an advisory lock meanwhile.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    // On a connection of its own, without the pages' limits.
    let unavailable = |error: sqlx::Error| Error::Unavailable(reason(&error));
    let mut connection = pool.connect_options().connect().await.map_err(unavailable)?;
    connection.execute(MIGRATION_SETTINGS).await.map_err(unavailable)?;
    let migrated = MIGRATOR.run(&mut connection).await;
    // An orderly goodbye; whether it is heard does not matter any more.
    let _ = connection.close().await;
    migrated.map_err(|error| match error {
        MigrateError::VersionMissing(version) => Error::Conflict(format!(
            "the database has migration {version}, which this version of UmbraChat does not know: run the newer one"
        )),
        error => Error::Internal(Box::new(error)),
    })
}

/// Whether every migration of this version has been applied; an error when the database does not answer.
pub async fn is_current(pool: &PgPool) -> Result<bool> {
    let applied: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(pool)
        .await?;
    Ok(MIGRATOR.iter().all(|migration| applied.contains(&migration.version)))
}

/// Whether a failed connection may succeed later without anybody changing the configuration.
fn comes_back(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => true,
        // Starting up, shutting down, too many connections.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || code == "53300"),
        _ => false,
    }
}

/// What went wrong, in one line without the wrapping.
fn reason(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) => error.to_string(),
        error => error.to_string(),
    };
    text.replace('\n', " ")
}
