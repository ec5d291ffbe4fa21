//! Work on the database outside of requests, each piece with a limit in time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::{Instant, timeout_at};

/// How long one piece of work may take, with the connection that it needs, before the database counts as away.
const WORK_TIMEOUT: Duration = Duration::from_secs(3);

/// A database that did not answer in time is not trusted for this long: connections from before may be dead.
const DISTRUST: Duration = Duration::from_secs(30);

/// When a piece of work was last not answered in time. Some task works on the database every second, so a database that
/// vanishes is noticed within two.
static LAST_FAILURE: Mutex<Option<Instant>> = Mutex::new(None);

/// Whether connections may be taken to stand: the database has answered in time for a while.
pub(super) fn is_trusted() -> bool {
    let last = *LAST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_none_or(|failure| failure.elapsed() > DISTRUST)
}

/// Does this work on a connection of the pool, or says that the database is away when it does not answer in time.
pub async fn within_limit<T, E: From<sqlx::Error>>(
    pool: &PgPool,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    HeldConnection::new(pool.clone()).run(work).await
}

/// Keeps the connection of its last work for the next, for a task that asks the database again and again: taking one
/// from the pool and giving it back costs a round trip each. It should be released when nothing comes: pages need it
/// more, and an old one may be dead.
#[derive(Debug)]
pub struct HeldConnection {
    pool: PgPool,
    limit: Duration,
    held: Option<PoolConnection<Postgres>>,
}

impl HeldConnection {
    /// How long a connection is worth keeping when nothing comes.
    pub const IDLE_LIMIT: Duration = Duration::from_secs(1);

    /// Takes a connection from this pool when there is work.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            limit: WORK_TIMEOUT,
            held: None,
        }
    }

    /// The same, with a limit of its own for each piece of work.
    pub fn with_limit(pool: PgPool, limit: Duration) -> Self {
        Self {
            limit,
            ..Self::new(pool)
        }
    }

    /// Does this work, or says that the database is away when it does not answer in time: the server's own limits do not
    /// help against a server that is frozen or cut off.
    pub async fn run<T, E: From<sqlx::Error>>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let end = Instant::now() + self.limit;
        // A pool that closes waits for every connection.
        let connection = match self.held.take().filter(|_| !self.pool.is_closed()) {
            Some(connection) => Ok(Ok(connection)),
            None => timeout_at(end, self.pool.acquire()).await,
        };
        let Ok(connection) = connection else {
            return Err(no_answer());
        };
        let mut connection = connection?;
        let Ok(done) = timeout_at(end, work(&mut connection)).await else {
            // Whatever it still says must not be taken for the answer to another question.
            drop(connection.detach());
            return Err(no_answer());
        };
        // After an error it goes back to the pool, which looks at it and closes it when it is broken.
        self.held = Some(connection).filter(|_| done.is_ok());
        done
    }

    /// Whether a connection is kept.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Returns the connection to the pool.
    pub fn release(&mut self) {
        self.held = None;
    }
}

fn no_answer<E: From<sqlx::Error>>() -> E {
    *LAST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()
}
