//! The command line. The main thread starts the private database and watches it; everything else runs on the
//! runtime's threads.

mod password_prompt;

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{IsTerminal, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use umbrachat::config::{Config, Options, Wrong, master_keys};
use umbrachat::database::private_cluster::{self, PrivateCluster, Refused};
use umbrachat::state::Clock;
use umbrachat::{app, database};

/// How long tasks may go on after the server ended.
const LAST_TASKS: Duration = Duration::from_secs(2);
/// How long `healthcheck` waits for an answer.
const HEALTH_PATIENCE: Duration = Duration::from_secs(3);

/// A private, self-hosted, real-time chat
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (what happens without a command)
    Serve,
    /// Make an administrator; the password is asked for, or read from standard input
    CreateAdmin {
        /// The name to log in with
        username: String,
    },
    /// Master keys
    #[command(subcommand)]
    Keys(Keys),
    /// Bring the database's schema up to date and end
    Migrate,
    /// Ask the running server whether it lives; the exit code tells
    Healthcheck,
    /// Give up rights, then become another program (used for the private database)
    #[command(hide = true)]
    Child {
        #[arg(long, requires = "gid")]
        uid: Option<u32>,
        #[arg(long)]
        gid: Option<u32>,
        #[arg(long)]
        parent: u32,
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Print a new key for `UMBRA_KEYS`
    Generate,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem(line)) => {
            let _ = writeln!(std::io::stderr(), "umbrachat: {}", line.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends: one line for the person who started it.
struct Problem(String);

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        Self(wrong.to_string())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self(refused.to_string())
    }
}

impl From<umbrachat::Error> for Problem {
    fn from(error: umbrachat::Error) -> Self {
        match error {
            umbrachat::Error::Conflict(sentence) => Self(sentence),
            umbrachat::Error::Invalid(fields) => Self(fields.summary()),
            error => Self(error.to_string()),
        }
    }
}

fn run(cli: Cli) -> Result<(), Problem> {
    let options = &cli.options;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Child {
            uid,
            gid,
            parent,
            program,
        } => Err(private_cluster::exec_child(uid.zip(gid), parent, &program).into()),
        Command::Keys(Keys::Generate) => say(master_keys::generate()),
        Command::Healthcheck => healthcheck(&Config::check(options)?),
        Command::Serve => {
            start_log(options)?;
            serve(Config::check(options)?)
        }
        Command::Migrate => {
            start_log(options)?;
            let config = Config::check(options)?;
            // Needs no key: it never looks into a message.
            on_database(config, Needs::Schema, async |_| say("The database is up to date."))
        }
        Command::CreateAdmin { username } => {
            start_log(options)?;
            let config = Config::check(options)?;
            let password = password_prompt::ask().map_err(Problem)?;
            on_database(config, Needs::Keys, async move |started: Started| {
                app::create_admin(started.config, started.pool, &username, &password).await?;
                say(format_args!("{username} is an administrator now."))
            })
        }
    }
}

/// Runs the server until it is asked to end.
fn serve(config: Config) -> Result<(), Problem> {
    // Before anything else starts: whether the port is free is known at once.
    let listener = listen(config.listen)?;
    on_database(config, Needs::Everything, async move |started: Started| {
        let Started {
            config,
            pool,
            database,
            shutdown,
        } = started;
        let address = match &config.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", from_here(listener.local_addr().unwrap_or(config.listen))),
        };
        let ready = move |ready: app::Ready| {
            // Nobody may read standard output; that is no reason to end.
            let _ = say(format_args!(
                "UmbraChat is ready: {address} ({database}; bus: {})",
                ready.bus
            ));
            if let Some(code) = ready.setup_code {
                let _ = say(format_args!(
                    "Make the first administrator here: {address}/setup?code={code}"
                ));
            }
        };
        Ok(app::serve(config, pool, Clock::default(), listener, shutdown, ready).await?)
    })
}

/// What a command needs of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// The tables, beside a running server or without one.
    Schema,
    /// The tables and the keys to what is in them, beside a running server or without one.
    Keys,
    /// The data directory for itself alone.
    Everything,
}

/// What a command works with: the database answers and its schema is up to date.
struct Started {
    config: Config,
    pool: PgPool,
    /// What it is and where its data are, for the line that says so.
    database: String,
    /// Cancelled when the program is asked to end.
    shutdown: CancellationToken,
}

/// Runs `work` on the database given by `DATABASE_URL`, else on the private one, started for it if need be.
fn on_database<W>(mut config: Config, needs: Needs, work: W) -> Result<(), Problem>
where
    W: AsyncFnOnce(Started) -> Result<(), Problem> + Send,
{
    if let Some(url) = &config.database_url {
        if config.umbra_keys.is_none() && needs != Needs::Schema {
            return Err(Problem(
                "UMBRA_KEYS is not set, and a database given by DATABASE_URL needs it: make a key once, keep a copy; \
                 example: UMBRA_KEYS=$(umbrachat keys generate)"
                    .into(),
            ));
        }
        let options: PgConnectOptions = url
            .expose()
            .parse()
            .map_err(|_| Problem("DATABASE_URL cannot be used".to_owned()))?;
        let database = format!("database: PostgreSQL at {}", options.get_host());
        return on_runtime(config, options, database, work);
    }
    let cluster = match PrivateCluster::open(&config) {
        Ok(cluster) => cluster,
        Err(refused) => match private_cluster::running(&config).filter(|_| needs != Needs::Everything) {
            Some(options) => {
                if config.umbra_keys.is_none() {
                    config.umbra_keys = Some(private_cluster::key(&config.data_dir)?);
                }
                return on_runtime(config, options, "database: the running server's".into(), work);
            }
            None => return Err(refused.into()),
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
            .unwrap_or_else(|_| Err(Problem("a fault of the program: see the line above".into())))
    })
}

fn on_runtime<W>(config: Config, options: PgConnectOptions, database: String, work: W) -> Result<(), Problem>
where
    W: AsyncFnOnce(Started) -> Result<(), Problem>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem(format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone()));
        let pool = database::pool(options);
        let waiting = |reason: &str| tracing::warn!("waiting for the database: {reason}");
        tokio::select! {
            answer = database::wait_for(&pool, waiting) => answer.map_err(|error| match error {
                umbrachat::Error::Unavailable(reason) => Problem(format!("the database cannot be used: {reason}")),
                error => error.into(),
            })?,
            () = shutdown.cancelled() => return Ok(()),
        }
        database::migrate(&pool).await?;
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
    runtime.shutdown_timeout(LAST_TASKS);
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

fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|error| {
        Problem(format!(
            "LISTEN cannot be used: {address}: {error}; example: LISTEN=127.0.0.1:8001"
        ))
    })
}

/// How a server that listens on `address` is reached on the same machine: one that listens everywhere, at home.
fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Asks the server at `LISTEN` for `/healthz`.
fn healthcheck(config: &Config) -> Result<(), Problem> {
    let address = from_here(config.listen);
    let answer = TcpStream::connect_timeout(&address, HEALTH_PATIENCE).and_then(|mut stream| {
        stream.set_read_timeout(Some(HEALTH_PATIENCE))?;
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    });
    match answer {
        Ok(status) if &status == b"HTTP/1.1 200" => Ok(()),
        Ok(status) => Err(Problem(format!(
            "{address} answers {}",
            String::from_utf8_lossy(&status)
        ))),
        Err(error) => Err(Problem(format!("{address} does not answer: {error}"))),
    }
}

/// Logs go to standard error; what is said to the person who started the program goes to standard output.
fn start_log(options: &Options) -> Result<(), Problem> {
    tracing_subscriber::fmt()
        .with_env_filter(options.log_filter()?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

fn say(line: impl Display) -> Result<(), Problem> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Problem(format!("cannot write: {error}")))
}
