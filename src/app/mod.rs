//! Everything put together: the parts, the tasks, start and graceful end. Every address stands in `routes`.

mod routes;
mod tasks;
mod work;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use poem::Server;
use rustix::process::{Resource, getrlimit, setrlimit};
use sqlx::PgPool;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::tasks::{Tasks, Watch};
use crate::bus::{Bus, RedisTask};
use crate::config::{Config, Secret};
use crate::database::KeyedStore;
use crate::live::Live;
use crate::messages::sending::PlaceCache;
use crate::messages::{Publisher, Writer, WriterTask};
use crate::realtime::{Acceptor, Hub, Limits, Presence, Sockets};
use crate::state::{AppState, Clock, LoginCache};
use crate::storage::Storage;
use crate::throttle::{self, Shared, Throttle};
use crate::vault::{AccessTokens, Vault};
use crate::{App, Error, Result, accounts, files, jobs, live};

/// How long requests may go on after the program was asked to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be silent between requests.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Connections that one address may have open, sockets aside, at most; a quarter of what there are files for.
const CONNECTIONS_PER_ADDRESS: usize = 1024;
/// How long sockets have to say goodbye at the end, and the last messages to reach them.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Batches that may wait between the writer and those who listen; more are loaded from the database again.
const QUEUED_BATCHES: usize = 1024;
/// Tasks that load what other nodes stored, at most: each may keep one of the pool's connections.
const MAX_LOADERS: usize = 4;
/// Jobs that one node does at once, at most: one that waits for a silent server shall not hold up all others.
const JOB_RUNNERS: usize = 2;
/// How often what is not needed any more is removed.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// What the start has to tell once the server takes requests.
pub struct Ready {
    /// What carries live updates, for the line that says so.
    pub bus: &'static str,
    /// The one-time code for `/setup` while there is no administrator.
    pub setup_code: Option<String>,
}

/// Serves until `shutdown` is cancelled. The schema is up to date, and `config.umbra_keys` is set.
pub async fn serve(
    config: Config,
    pool: PgPool,
    clock: Clock,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(Ready),
) -> Result<()> {
    let port = listener.local_addr().map_err(Error::internal)?.port();
    let files = raise_file_limit();
    let sockets = Sockets::new();
    let limits = Limits {
        total: files / 2,
        per_address: CONNECTIONS_PER_ADDRESS.min(files / 4),
        network: throttle::network,
        proxies: config.trusted_proxies.clone(),
    };
    let acceptor = Acceptor::new(listener, sockets.clone(), limits).map_err(Error::internal)?;
    let storage = open_storage(&config).await?;
    let Parts {
        app,
        writer_task,
        redis_task,
    } = assemble(config, pool, clock, port, storage).await?;
    let live_state = Arc::<Live>::default();
    let mut tasks = Tasks::new(shutdown.clone());
    let drained = CancellationToken::new();
    // Half of the cores write to the sockets, so that the others serve pages and PostgreSQL meanwhile.
    let deliverers = (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1);
    let (delivery_senders, batches): (Vec<_>, Vec<_>) = (0..deliverers).map(|_| mpsc::channel(QUEUED_BATCHES)).unzip();
    let publisher = Publisher {
        bus: app.bus.clone(),
        delivery_senders: delivery_senders.clone(),
    };
    // Not one of the tasks below: it ends before the sockets close, not after.
    let watch = Watch {
        name: "writer",
        stop: drained.clone(),
        shutdown: shutdown.clone(),
    };
    let writing = writer_task.run(app.db.clone(), publisher, drained.clone());
    let writer = tokio::spawn(async move {
        let _watch = watch;
        writing.await;
    });
    tasks.start("live updates", live::run(app.clone(), live_state.clone()));
    for batches in batches {
        tasks.start("deliveries", live::deliver(app.clone(), live_state.clone(), batches));
    }
    for _ in 0..deliverers.min(MAX_LOADERS) {
        tasks.start("loads", live::load(app.clone(), live_state.clone()));
    }
    if let Some(redis_task) = redis_task {
        tasks.start("bus", redis_task.run());
    }
    for _ in 0..JOB_RUNNERS {
        tasks.start("jobs", jobs::run(app.clone(), work::perform));
    }
    tasks.start("removed files", files::removing::run(app.clone()));
    tasks.start("housekeeping", keep_house(app.clone()));
    let idle = sockets.clone();
    tasks.start("idle connections", async move {
        idle.end_idle(IDLE_LIMIT, HEAD_LIMIT).await;
    });
    let setup_code = accounts::setup::prepare(&app).await?;
    ready(Ready {
        bus: app.bus.describe(),
        setup_code,
    });

    let served = Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(
            routes::routes(app.clone(), live_state.clone(), sockets),
            shutdown.cancelled_owned(),
            Some(DRAIN_TIMEOUT),
        )
        .await
        .map_err(Error::internal);
    // What was handed over is stored, what was stored is pushed, and only then do the sockets close.
    drained.cancel();
    let written = writer.await.map_err(Error::internal);
    wait_until(|| {
        delivery_senders
            .iter()
            .all(|sender| sender.capacity() == QUEUED_BATCHES)
            && live_state.is_idle()
    })
    .await;
    app.hub.close_all().await;
    wait_until(|| app.hub.connections() == 0).await;
    tasks.end().await;
    served.and(written)
}

/// Makes an administrator from the command line.
pub async fn create_admin(config: Config, pool: PgPool, username: &str, password: &Secret) -> Result<()> {
    let app = assemble(config, pool, Clock::default(), 0, Storage::unkept())
        .await?
        .app;
    accounts::actions::create_admin(&app, username, password.expose()).await
}

/// The program's parts, and what their tasks need.
struct Parts {
    app: App,
    writer_task: WriterTask,
    redis_task: Option<RedisTask>,
}

/// Where the server keeps files.
async fn open_storage(config: &Config) -> Result<Storage> {
    let storage = Storage::open(config)?;
    if !storage.is_local() {
        storage.check().await?;
    } else if config.redis_url.is_some() {
        tracing::warn!("files are kept in a folder, which other nodes do not see: set S3_BUCKET if there are several");
    }
    Ok(storage)
}

async fn assemble(config: Config, db: PgPool, clock: Clock, port: u16, storage: Storage) -> Result<Parts> {
    let keys = config
        .umbra_keys
        .as_ref()
        .ok_or_else(|| Error::Conflict("UMBRA_KEYS is not set".into()))?;
    let secret = config.session_secret.as_ref().map(Secret::expose);
    let vault = Vault::open(&db, keys.expose(), secret)
        .await
        .map_err(|error| Error::Conflict(error.to_string()))?;
    let (writer, writer_task) = Writer::new();
    let (bus, redis_task) = match &config.redis_url {
        Some(url) => {
            let unusable = |error| Error::Conflict(format!("REDIS_URL cannot be used: {error}"));
            let (bus, redis_task) = Bus::over_redis(url.expose(), vault.chat()).map_err(unusable)?;
            (bus, Some(redis_task))
        }
        None => (Bus::local(), None),
    };
    let shared = redis_task
        .as_ref()
        .map(|redis_task| Shared::new(redis_task.connection(), vault.throttle_key()));
    let throttle = Throttle::new(config.auth_rate, config.message_rate, config.api_rate, shared);
    let app = AppState {
        origins: config.origins(port),
        session_store: Arc::new(KeyedStore::new(db.clone(), vault.session_key())),
        access_tokens: AccessTokens::new(&vault),
        logins: LoginCache::default(),
        has_users: AtomicBool::default(),
        config,
        db,
        vault,
        storage,
        throttle,
        bus,
        hub: Hub::default(),
        presence: Presence::default(),
        writer,
        places: PlaceCache::default(),
        job_stored: Notify::new(),
        clock,
    };
    Ok(Parts {
        app: app.into(),
        writer_task,
        redis_task,
    })
}

/// At the start and now and then: forgets whom nothing throttles any more, log-ins that ended long ago, and where others
/// came from.
async fn keep_house(app: App) {
    loop {
        if let Err(error) = accounts::actions::tidy(&app).await {
            tracing::warn!(%error, "old log-ins could not be removed");
        }
        if let Err(error) = jobs::tidy(&app).await {
            tracing::warn!(%error, "old jobs could not be removed");
        }
        if let Err(error) = files::removing::sweep(&app).await {
            tracing::warn!(%error, "files that nobody sent could not be removed");
        }
        sleep(HOUSEKEEPING).await;
    }
}

/// Waits until it is so, but not for long: at the end nothing may hold the program up.
async fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + CLOSE_TIMEOUT;
    while !holds() && Instant::now() < end {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Every socket is a file. Many systems start programs with a limit of 1,024 that they may raise themselves. Returns how
/// many there may be.
fn raise_file_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let now = getrlimit(Resource::Nofile).current;
    now.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}
