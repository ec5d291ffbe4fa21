//! A connection for one task that asks the database again and again.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::timeout;

/// How long one piece of work may take before the database counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keeps the connection of its last work for the next: taking one from the pool and giving it back costs a round trip
/// each. Let go of it when nothing comes: pages need it more, and an old one may be dead.
#[derive(Debug)]
pub struct Line {
    pool: PgPool,
    held: Option<PoolConnection<Postgres>>,
}

impl Line {
    /// How long a connection is worth keeping when nothing comes.
    pub const IDLE: Duration = Duration::from_secs(1);

    /// A line that takes its connection from this pool when it needs one.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, held: None }
    }

    /// Does this work, or says that the database is away when it does not answer: the server's own limits do not help
    /// against a server that is frozen or cut off.
    pub async fn run<T, E: From<sqlx::Error>>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = match self.held.take() {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        let Ok(done) = timeout(PATIENCE, work(&mut connection)).await else {
            // Whatever it still says must not be taken for the answer to another question.
            drop(connection.detach());
            return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into());
        };
        // After an error it goes back to the pool, which looks at it and closes it when it is broken.
        self.held = Some(connection).filter(|_| done.is_ok());
        done
    }

    /// Whether a connection is kept.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Gives the connection back.
    pub fn release(&mut self) {
        self.held = None;
    }
}
