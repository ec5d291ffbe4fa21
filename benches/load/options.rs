//! What may be chosen.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use url::Url;

/// Measures a release build of UmbraChat beside a bare reference server, and checks every delivery.
#[derive(Debug, Parser)]
pub struct Options {
    /// Workloads to run, comma-separated
    #[arg(long, value_enum, value_delimiter = ',', ignore_case = true, default_values_t = Workload::value_variants().to_vec())]
    pub only: Vec<Workload>,
    /// Seconds that each workload is measured
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Seconds that it runs before that; PostgreSQL may count transactions ten seconds late
    #[arg(long, default_value_t = 12)]
    pub warm_up: u64,
    /// How often to measure each talking workload, in turn: the round in the middle is told
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub rounds: u8,
    /// Characters of a message
    #[arg(long, default_value_t = 200)]
    pub characters: usize,
    /// Members a room, instead of the workload's own number
    #[arg(long)]
    pub members: Option<usize>,
    /// Rooms, instead of the workload's own number
    #[arg(long)]
    pub rooms: Option<usize>,
    /// Idle sockets of workload D, as far as the limit of open files lets
    #[arg(long, value_delimiter = ',', default_value = "2000,10000")]
    pub idle: Vec<usize>,
    /// Sockets of workload F
    #[arg(long, default_value_t = 2000)]
    pub storm: usize,
    /// Stored messages of workload I (the large one is 10000000, which takes minutes to load)
    #[arg(long, value_delimiter = ',', default_value = "10000")]
    pub rows: Vec<i64>,
    /// Leave the reference server out
    #[arg(long)]
    pub no_reference: bool,
    /// The program to measure: another build, for a comparison
    #[arg(long, default_value = env!("CARGO_BIN_EXE_umbrachat"), hide_default_value = true)]
    pub program: PathBuf,
    /// PostgreSQL, on which two databases of its own are made anew
    #[arg(long, env)]
    pub database_url: Url,
    /// Redis, for workload H
    #[arg(long, env = "TEST_REDIS_URL")]
    pub redis_url: Option<Url>,
    /// The process id of that Redis
    #[arg(long, env)]
    pub redis_pid: Option<u32>,
    /// Be the reference server on that database
    #[arg(long, hide = true)]
    pub reference: bool,
    /// What cargo passes
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Workload {
    /// One room of 200, one sender with 8 unacknowledged messages
    A,
    /// 50 rooms of 20, one sender each with one unacknowledged message
    B,
    /// 20 messages a second into a room of 200: latency
    C,
    /// Idle logged-in sockets: memory
    D,
    /// One room of 1,000, one sender with 1 and with 16 unacknowledged messages
    E,
    /// Many log-ins open their sockets at once
    F,
    /// Members drop and return while messages flow
    G,
    /// B over two nodes and Redis
    H,
    /// Pages of history and entering a room
    I,
    /// B with programs: members on JSON sockets, messages over HTTP
    J,
    /// A with one edit, two reactions and one reply in ten messages
    K,
    /// B, and 2,000 more members of each of its rooms who are connected and look at none
    L,
}
