//! Everything put together: the parts, every feature's routes, the tasks, start and graceful end.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method, StatusCode};
use poem::web::Data;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route, Server, get, handler};
use rustix::process::{Resource, getrlimit, setrlimit};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Relay};
use crate::config::{Config, Secret};
use crate::live::Live;
use crate::messages::{Publisher, Writer, WriterTask};
use crate::realtime::{Acceptor, Sockets};
use crate::state::{Clock, session_cache};
use crate::throttle::{Shared, Throttle};
use crate::vault::Vault;
use crate::{App, Error, Result, accounts, admin, chat, database, live, rooms, site, web};

/// How long requests may go on after the program was asked to end.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a page may take.
const PAGE: Duration = Duration::from_millis(4500);
/// How long a form may take: a password may have to wait its turn to be hashed.
const FORM: Duration = Duration::from_secs(15);
/// How long a connection may be silent between requests.
const IDLE: Duration = Duration::from_secs(60);
/// How long sockets have to say goodbye at the end, and the last messages to reach them.
const GOODBYE: Duration = Duration::from_secs(3);
/// Batches that may wait between the writer and those who listen; more are loaded from the database again.
const BATCHES: usize = 1024;
/// Tasks that load what other nodes stored, at most: each may keep one of the pool's connections.
const LOADERS: usize = 4;
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
    raise_file_limit();
    let sockets = Sockets::new();
    let acceptor = Acceptor::new(listener, sockets.clone()).map_err(Error::internal)?;
    let Parts {
        app,
        writer_task,
        relay,
    } = assemble(config, pool, clock, port).await?;
    let live_state = Arc::<Live>::default();
    let mut tasks = Tasks::new(shutdown.clone());
    let drained = CancellationToken::new();
    // Half of the cores write to the sockets, so that the others serve pages and PostgreSQL meanwhile.
    let deliverers = (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1);
    let (delivery_senders, batches): (Vec<_>, Vec<_>) = (0..deliverers).map(|_| mpsc::channel(BATCHES)).unzip();
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
    for _ in 0..deliverers.min(LOADERS) {
        tasks.start("loads", live::load(app.clone(), live_state.clone()));
    }
    if let Some(relay) = relay {
        tasks.start("bus", relay.run());
    }
    tasks.start("housekeeping", keep_house(app.clone()));
    let idle = sockets.clone();
    tasks.start("idle connections", async move { idle.end_idle(IDLE).await });
    let setup_code = accounts::setup::prepare(&app).await?;
    ready(Ready {
        bus: app.bus.describe(),
        setup_code,
    });

    let served = Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(
            routes(app.clone(), live_state.clone(), sockets),
            shutdown.cancelled_owned(),
            Some(DRAIN),
        )
        .await
        .map_err(Error::internal);
    // What was handed over is stored, what was stored is pushed, and only then do the sockets close.
    drained.cancel();
    let written = writer.await.map_err(Error::internal);
    wait_until(|| delivery_senders.iter().all(|sender| sender.capacity() == BATCHES) && live_state.is_idle()).await;
    app.hub.close_all().await;
    wait_until(|| app.hub.connections() == 0).await;
    tasks.end().await;
    served.and(written)
}

/// Makes an administrator from the command line.
pub async fn create_admin(config: Config, pool: PgPool, username: &str, password: &Secret) -> Result<()> {
    let app = assemble(config, pool, Clock::default(), 0).await?.app;
    accounts::actions::create_admin(&app, username, password.expose()).await
}

/// The program's parts, and what their tasks need.
struct Parts {
    app: App,
    writer_task: WriterTask,
    relay: Option<Relay>,
}

async fn assemble(config: Config, db: PgPool, clock: Clock, port: u16) -> Result<Parts> {
    let keys = config
        .umbra_keys
        .as_ref()
        .ok_or_else(|| Error::Conflict("UMBRA_KEYS is not set".into()))?;
    let secret = config.session_secret.as_ref().map(Secret::expose);
    let vault = Vault::open(&db, keys.expose(), secret)
        .await
        .map_err(|error| Error::Conflict(error.to_string()))?;
    let (writer, writer_task) = Writer::new();
    let (bus, relay) = match &config.redis_url {
        Some(url) => {
            let unusable = |error| Error::Conflict(format!("REDIS_URL cannot be used: {error}"));
            let (bus, relay) = Bus::over_redis(url.expose(), vault.chat()).map_err(unusable)?;
            (bus, Some(relay))
        }
        None => (Bus::local(), None),
    };
    let shared = relay
        .as_ref()
        .map(|relay| Shared::new(relay.connection(), vault.throttle_key()));
    let throttle = Throttle::new(config.auth_rate, config.message_rate, shared);
    let app = App {
        origins: config.origins(port).into(),
        sessions: session_cache(),
        has_users: Arc::default(),
        config: Arc::new(config),
        db,
        vault: Arc::new(vault),
        throttle: Arc::new(throttle),
        bus,
        hub: Arc::default(),
        presence: Arc::default(),
        writer,
        clock,
    };
    Ok(Parts {
        app,
        writer_task,
        relay,
    })
}

/// Every address of the program, behind what every request goes through.
fn routes(app: App, live_state: Arc<Live>, sockets: Arc<Sockets>) -> impl Endpoint<Output = Response> {
    let routes = Route::new().at("/healthz", get(healthz)).at("/readyz", get(readyz));
    let features = [
        accounts::routes,
        rooms::routes,
        chat::routes,
        admin::routes,
        site::routes,
        live::routes,
        web::assets::routes,
    ];
    let routes = features.into_iter().fold(routes, |routes, feature| feature(routes));
    // Boxed, so that the type of the whole does not outgrow the compiler.
    let routes = routes.data(live_state).data(sockets).boxed();
    web::around(app, routes.around(accounts::around).around(in_time))
}

/// Answers that the server cannot do its work right now when a request takes too long: a database that is frozen or
/// cut off must not hold up the page as well.
async fn in_time<E: Endpoint>(inner: Arc<E>, request: Request) -> poem::Result<E::Output> {
    let patience = if request.method() == Method::GET { PAGE } else { FORM };
    let answer = timeout(patience, inner.call(request)).await;
    answer.unwrap_or_else(|_| Err(Error::Unavailable("a request took too long".into()).into()))
}

/// Whether the process lives; it says nothing of the database.
#[handler]
fn healthz() -> &'static str {
    "ok"
}

/// Whether the program can do its work: 200 or 503, and which part is missing.
#[handler]
async fn readyz(app: Data<&App>) -> Response {
    let (database, schema) = match database::is_current(&app.db).await {
        Ok(true) => ("ok", "ok"),
        Ok(false) => ("ok", "not up to date"),
        Err(_) => ("away", "unknown"),
    };
    let status = if schema == "ok" && app.bus.is_up() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let bus = if app.bus.is_up() { "ok" } else { "away" };
    let text = format!(
        "database: {database}\nmigrations: {schema}\nbus: {bus}, {}\n",
        app.bus.describe()
    );
    text.with_status(status).into_response()
}

/// Forgets whom nothing throttles any more, and log-ins that ended long ago.
async fn keep_house(app: App) {
    loop {
        sleep(HOUSEKEEPING).await;
        if let Err(error) = accounts::actions::tidy(&app).await {
            tracing::warn!(%error, "old log-ins could not be removed");
        }
    }
}

/// Waits until it is so, but not for long: at the end nothing may hold the program up.
async fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + GOODBYE;
    while !holds() && Instant::now() < end {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Every socket is a file. Many systems start programs with a limit of 1,024 that they may raise themselves.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// The tasks that run as long as the program. One that ends early ends the program, so that whoever watches it starts
/// it again: a chat that looks alive and delivers nothing is worse.
struct Tasks {
    running: JoinSet<()>,
    /// Ends the tasks.
    stop: CancellationToken,
    /// Ends the program.
    shutdown: CancellationToken,
}

impl Tasks {
    fn new(shutdown: CancellationToken) -> Self {
        Self {
            running: JoinSet::new(),
            stop: CancellationToken::new(),
            shutdown,
        }
    }

    fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let watch = Watch {
            name,
            stop: self.stop.clone(),
            shutdown: self.shutdown.clone(),
        };
        self.running.spawn(async move {
            tokio::select! {
                () = task => {}
                () = watch.stop.cancelled() => {}
            }
        });
    }

    async fn end(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

/// Dropped by a task that ends before it was told to, also by a panic, it ends the program.
struct Watch {
    name: &'static str,
    stop: CancellationToken,
    shutdown: CancellationToken,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            tracing::error!(task = self.name, "a task ended early; the program ends with it");
            self.shutdown.cancel();
        }
    }
}
