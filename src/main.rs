//! The command line. The main thread starts the private database and watches it; everything else runs on the
//! runtime's threads.

mod password_prompt;
mod serve;
mod start;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tikv_jemallocator::Jemalloc;
use umbrachat::app;
use umbrachat::config::{Config, Options, master_keys};
use umbrachat::database::private_cluster;

use crate::serve::{healthcheck, serve};
use crate::start::{Needs, StartError, Started, on_database, say};

/// A request takes a hundred small pieces of memory and some large ones, which the system's own allocator cannot keep at hand
/// for the next request; docs/performance.md has what that costs.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

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
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli, &matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError(line)) => {
            let _ = writeln!(std::io::stderr(), "umbrachat: {}", line.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, matches: &ArgMatches) -> Result<(), StartError> {
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
            start_log(options, matches)?;
            serve(Config::check(options)?)
        }
        Command::Migrate => {
            start_log(options, matches)?;
            let config = Config::check(options)?;
            // Needs no key: it never looks into a message.
            on_database(config, Needs::Schema, async |_| say("The database is up to date."))
        }
        Command::CreateAdmin { username } => {
            start_log(options, matches)?;
            let config = Config::check(options)?;
            let password = password_prompt::ask().map_err(StartError)?;
            on_database(config, Needs::Keys, async move |started: Started| {
                app::create_admin(started.config, started.pool, &username, &password).await?;
                say(format_args!("{username} is an administrator now."))
            })
        }
    }
}

/// Logs go to standard error; what is said to the person who started the program goes to standard output. A line that
/// cannot be written, on a full disk or to a reader that is gone, is lost, and the next one is tried.
fn start_log(options: &Options, matches: &ArgMatches) -> Result<(), StartError> {
    tracing_subscriber::fmt()
        .with_env_filter(options.log_filter()?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // The library would tell of them on standard error, which has just failed, and panic.
        .log_internal_errors(false)
        .init();
    if let Some(warning) = options.exposed_secrets(matches) {
        tracing::warn!("{warning}");
    }
    Ok(())
}
