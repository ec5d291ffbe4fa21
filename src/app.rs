//! Everything put together: routes, middleware, start and graceful end.

use std::net::TcpListener;
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::{Route, Server, get, handler};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Secret};
use crate::{Error, Result};

/// How long requests may go on after the program was asked to end.
const DRAIN: Duration = Duration::from_secs(10);

/// What the start has to tell once the server takes requests.
pub struct Ready {
    /// What carries live updates, for the line that says so.
    pub bus: &'static str,
    /// The one-time code for `/setup` while there is no administrator.
    pub setup_code: Option<String>,
}

/// Serves until `shutdown` is cancelled. The schema is up to date, and `config.umbra_keys` is set.
pub async fn serve(
    _config: Config,
    _pool: PgPool,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(Ready),
) -> Result<()> {
    let acceptor = TcpAcceptor::from_std(listener).map_err(|error| Error::Internal(Box::new(error)))?;
    ready(Ready {
        bus: "local",
        setup_code: None,
    });
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(
            Route::new().at("/healthz", get(healthz)),
            async move { shutdown.cancelled().await },
            Some(DRAIN),
        )
        .await
        .map_err(|error| Error::Internal(Box::new(error)))
}

/// Makes an administrator from the command line.
#[allow(clippy::unused_async)]
pub async fn create_admin(_config: Config, _pool: PgPool, _username: &str, _password: &Secret) -> Result<()> {
    Err(Error::Unavailable("accounts come next".into()))
}

#[handler]
fn healthz() -> &'static str {
    "ok"
}
