//! Puts a command on its database: the given one or the private one, with its schema up to date.

use std::convert::Infallible;
use std::fmt::Display;
use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use umbrachat::accounts::actions::complete_skeletons;
use umbrachat::config::{Config, ConfigError};
use umbrachat::database;
use umbrachat::database::private_cluster::{self, ClusterError, PrivateCluster};

/// How long tasks may go on after the server ended.
const TASKS_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the program ends: one line for the person who started it.
pub struct StartError(pub String);

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<ClusterError> for StartError {
    fn from(error: ClusterError) -> Self {
        Self(error.to_string())
    }
}

impl From<umbrachat::Error> for StartError {
    fn from(error: umbrachat::Error) -> Self {
        match error {
            umbrachat::Error::Conflict(sentence) => Self(sentence),
            umbrachat::Error::Invalid(fields) => Self(fields.summary()),
            error => Self(error.to_string()),
        }
    }
}

/// Says something to the person who started the program.
pub fn say(line: impl Display) -> Result<(), StartError> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| StartError(format!("cannot write: {error}")))
}

/// What a command needs of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The tables, beside a running server or without one.
    Schema,
    /// The tables and the keys to what is in them, beside a running server or without one.
    Keys,
    /// The data directory for itself alone.
    Everything,
}

/// What a command works with: the database answers and its schema is up to date.
pub struct Started {
    pub config: Config,
    pub pool: PgPool,
    /// What it is and where its data are, for the line that says so.
    pub database: String,
    /// Cancelled when the program is asked to end.
    pub shutdown: CancellationToken,
}

/// Runs `work` on the database given by `DATABASE_URL`, else on the private one, started for it if need be.
pub fn on_database<W>(mut config: Config, needs: Needs, work: W) -> Result<(), StartError>
where
    W: AsyncFnOnce(Started) -> Result<(), StartError> + Send,
{
    if let Some(url) = &config.database_url {
        if config.umbra_keys.is_none() && needs != Needs::Schema {
            return Err(StartError(
                "UMBRA_KEYS is not set, and a database given by DATABASE_URL needs it: make a key once, keep a copy; \
                 example: UMBRA_KEYS=$(umbrachat keys generate)"
                    .into(),
            ));
        }
        let options: PgConnectOptions = url
            .expose()
            .parse()
            .map_err(|_| StartError("DATABASE_URL cannot be used".to_owned()))?;
        let database = format!("database: PostgreSQL at {}", options.get_host());
        return on_runtime(config, options, database, work);
    }
    let cluster = match PrivateCluster::open(&config) {
        Ok(cluster) => cluster,
        Err(error) => match private_cluster::running(&config).filter(|_| needs != Needs::Everything) {
            Some(options) => {
                if config.umbra_keys.is_none() {
                    config.umbra_keys = Some(private_cluster::key(&config.data_dir)?);
                }
                return on_runtime(config, options, "database: the running server's".into(), work);
            }
            None => return Err(error.into()),
        },
    };
    if config.umbra_keys.is_none() {
        config.umbra_keys = Some(private_cluster::key(cluster.data_dir())?);
    }
    let postgres = cluster.start()?;
    let (running, stop) = mpsc::channel::<Infallible>();
    let (options, database) = (cluster.connect_options(), cluster.description());
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            // Dropped when the work ends, however it ends, which ends the supervision below.
            let _running = running;
            on_runtime(config, options, database, work)
        });
        cluster.supervise(postgres, &stop);
        worker
            .join()
            .unwrap_or_else(|_| Err(StartError("a fault of the program: see the line above".into())))
    })
}

fn on_runtime<W>(config: Config, options: PgConnectOptions, database: String, work: W) -> Result<(), StartError>
where
    W: AsyncFnOnce(Started) -> Result<(), StartError>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone()));
        let pool = database::pool(options);
        let waiting = |reason: &str| tracing::warn!("waiting for the database: {reason}");
        tokio::select! {
            answer = database::wait_for(&pool, waiting) => answer.map_err(|error| match error {
                umbrachat::Error::Unavailable(reason) => StartError(format!("the database cannot be used: {reason}")),
                error => error.into(),
            })?,
            () = shutdown.cancelled() => return Ok(()),
        }
        database::migrate(&pool).await?;
        complete_skeletons(&pool).await?;
        let result = work(Started {
            config,
            pool: pool.clone(),
            database,
            shutdown,
        })
        .await;
        pool.close().await;
        result
    });
    runtime.shutdown_timeout(TASKS_TIMEOUT);
    result
}

/// The first Ctrl-C or SIGTERM ends the program in an orderly way, the second one at once.
async fn cancel_on_signal(shutdown: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return tracing::error!("signals cannot be received: only kill -9 will end this program");
    };
    for asked_before in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if asked_before {
            std::process::exit(130);
        }
        tracing::info!("ending");
        shutdown.cancel();
    }
}
