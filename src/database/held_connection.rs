//! Work on the database outside of requests, each piece with a limit in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::{Instant, timeout_at};

/// How long one piece of work may take, with the connection that it needs, before the database counts as away.
const WORK_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether the last piece of work was answered in time. Some task works on the database every second, so that this is
/// never much older.
static ANSWERS: AtomicBool = AtomicBool::new(true);

/// Whether the database answered the last time.
pub(super) fn answers() -> bool {
    ANSWERS.load(Ordering::Relaxed)
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
    pub const IDLE: Duration = Duration::from_secs(1);

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
        let connection = match self.held.take() {
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
        ANSWERS.store(true, Ordering::Relaxed);
        // After an error it goes back to the pool, which looks at it and closes it when it is broken.
        self.held = Some(connection).filter(|_| done.is_ok());
        done
    }

    /// Whether a connection is kept.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Gives the connection back to the pool.
    pub fn release(&mut self) {
        self.held = None;
    }
}

fn no_answer<E: From<sqlx::Error>>() -> E {
    ANSWERS.store(false, Ordering::Relaxed);
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()
}
