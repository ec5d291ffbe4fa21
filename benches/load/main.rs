//! Measures the release build under load, checks every delivery, and puts a bare reference server beside it.
//!
//! `make bench` runs it with a throw-away PostgreSQL (durable: fsync and `synchronous_commit` on) and Redis;
//! docs/performance.md tells how to read what it prints. This process is the load generator: one thread, one `epoll`
//! loop. The servers are child processes, so that each one's CPU time and memory can be told apart.
#![allow(
    clippy::print_stdout,
    clippy::missing_docs_in_private_items,
    reason = "a program whose result is what it prints"
)]

mod acts;
mod browser;
mod cluster;
mod crowd;
mod frames;
mod idle;
mod member;
mod options;
mod pace;
mod pages;
mod posting;
mod process;
mod reference;
mod report;
mod selfcheck;
mod shapes;
mod talk;
mod tally;

use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;

use crate::cluster::{Cluster, Error};
use crate::options::{Options, Workload};
use crate::process::Server;

/// How long servers may take to answer or to deliver what was sent.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let options = Options::parse();
    let result = if options.reference {
        reference::run(options.database_url.as_str()).map(|()| true)
    } else {
        measure(options)
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            let _ = writeln!(
                std::io::stderr(),
                "deliveries were lost, doubled, out of order or crossed"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every chosen workload; whether every delivery was right.
fn measure(options: Options) -> Result<bool, Error> {
    selfcheck::run()?;
    let bench = Bench {
        cluster: Cluster::open(&options.database_url)?,
        options,
    };
    let mut talk = talk::Report::new();
    let mut idle = idle::Report::new();
    let mut pages = pages::table();
    for round in 0..bench.options.rounds {
        for workload in &bench.options.only {
            match workload {
                Workload::D | Workload::F | Workload::I if round > 0 => {}
                Workload::D => idle.memory(&bench)?,
                Workload::F => idle.storm(&bench)?,
                Workload::I => pages::measure(&bench, &mut pages)?,
                talking => talk.measure(&bench, *talking)?,
            }
        }
    }
    let tables = [&talk.table(), &idle.memory, &idle.storm, &pages].map(report::Table::to_markdown);
    println!(
        "{}",
        tables
            .iter()
            .filter(|table| !table.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    Ok(talk.faultless)
}

/// What every workload needs.
pub struct Bench {
    options: Options,
    cluster: Cluster,
}

/// Which server is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The program.
    Program,
    /// The bare reference.
    Reference,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Program => "UmbraChat",
            Self::Reference => "reference",
        }
    }
}

/// CPU seconds used so far.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    server: f64,
    postgres: f64,
    redis: f64,
    own: f64,
}

impl Usage {
    fn total(self) -> f64 {
        self.server + self.postgres + self.redis
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            server: self.server - earlier.server,
            postgres: self.postgres - earlier.postgres,
            redis: self.redis - earlier.redis,
            own: self.own - earlier.own,
        }
    }
}

impl Bench {
    /// The servers to measure: the program after the reference, so that its ratio is known.
    fn kinds(&self) -> &'static [Kind] {
        if self.options.no_reference {
            &[Kind::Program]
        } else {
            &[Kind::Reference, Kind::Program]
        }
    }

    /// Starts one node; with `redis` it is one of several.
    fn start(&self, kind: Kind, redis: bool) -> Result<Server, Error> {
        let mut command = match kind {
            Kind::Program => {
                let mut command = Command::new(&self.options.program);
                command
                    .env("DATABASE_URL", self.cluster.url.as_str())
                    .env("UMBRA_KEYS", &self.cluster.keys)
                    .env("LISTEN", "127.0.0.1:0")
                    .env("RUST_LOG", "warn")
                    .env_remove("PUBLIC_URL");
                // One generator plays everybody: what keeps people from flooding would only slow it down.
                for limit in ["MESSAGE_RATE", "SOCKETS_PER_USER", "AUTH_RATE", "API_RATE"] {
                    command.env(limit, "1000000");
                }
                match &self.options.redis_url {
                    Some(url) if redis => command.env("REDIS_URL", url.as_str()),
                    _ => command.env_remove("REDIS_URL"),
                };
                command
            }
            Kind::Reference => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--reference", "--database-url", self.cluster.reference_url.as_str()]);
                command
            }
        };
        Ok(Server::start(&mut command)?)
    }

    fn usage(&self, nodes: &[Server]) -> Usage {
        Usage {
            server: nodes.iter().map(|node| process::cpu(node.pid())).sum(),
            postgres: process::cpu_with_children(self.cluster.postmaster),
            redis: self.options.redis_pid.map_or(0.0, process::cpu),
            own: process::cpu(std::process::id()),
        }
    }

    /// Transactions committed so far in the database of that server.
    fn transactions(&self, kind: Kind) -> Result<i64, Error> {
        let url = match kind {
            Kind::Program => &self.cluster.url,
            Kind::Reference => &self.cluster.reference_url,
        };
        self.cluster.transactions(url)
    }
}
