//! Workloads of sockets that say nothing: D, what one costs in memory, and F, what opening one costs.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::cluster::Error;
use crate::crowd::Crowd;
use crate::member::Door;
use crate::report::{Table, milliseconds, number, ratio};
use crate::{Bench, PATIENCE, process, talk};

/// Members of each room.
const ROOM: usize = 100;
/// Sockets of workload F that are on their way in at once.
const AT_ONCE: usize = 200;
/// Sockets that open in one room, at once.
const ONE_ROOM: usize = 1_000;
/// Files that a process has open besides its sockets.
const OTHER_FILES: u64 = 100;

/// What the silent workloads gave.
pub struct Report {
    /// Workload D.
    pub memory: Table,
    /// Workload F.
    pub storm: Table,
}

impl Report {
    /// Nothing measured yet.
    pub fn new() -> Self {
        let memory = &[
            "workload",
            "server",
            "sockets",
            "RSS/socket, KiB",
            "PSS/socket, KiB",
            "× reference",
        ];
        let storm = &[
            "workload",
            "server",
            "sockets",
            "opened/s",
            "p50 ms",
            "p99 ms",
            "CPU ms/socket: server",
            "PostgreSQL",
            "all",
            "× reference",
            "counts/socket",
        ];
        Self {
            memory: Table::new("Memory of idle sockets", memory),
            storm: Table::new("Opening sockets", storm),
        }
    }

    /// Workload D.
    pub fn memory(&mut self, bench: &Bench) -> Result<(), Error> {
        for &wanted in &bench.options.idle {
            let sockets = possible(wanted);
            writeln!(std::io::stderr(), "D: {sockets} idle sockets")?;
            let mut reference = None;
            for &kind in bench.kinds() {
                let groups = bench
                    .cluster
                    .seed(&format!("d-{wanted}"), sockets.div_ceil(ROOM) + 1, ROOM, kind)?;
                let nodes = [bench.start(kind, false)?];
                let mut crowd = Crowd::new(1)?;
                let (first, others) = groups.split_at(1);
                talk::enter(&mut crowd, first, &nodes, false)?;
                let before = process::memory(nodes[0].pid());
                talk::enter(&mut crowd, others, &nodes, false)?;
                // Until buffers that were needed for the handshakes are given back.
                crowd.turn_until(Duration::from_secs(3), |_| false)?;
                let after = process::memory(nodes[0].pid());
                let opened = (crowd.count_ready() - first[0].members.len()).max(1);
                let each = |before: u64, after: u64| kibibytes(after.saturating_sub(before)) / float(opened);
                let resident = each(before.0, after.0);
                self.memory.tell(vec![
                    "D: idle".into(),
                    kind.name().into(),
                    opened.to_string(),
                    number(resident),
                    number(each(before.1, after.1)),
                    ratio(resident, reference),
                ]);
                reference = Some(resident);
            }
        }
        Ok(())
    }

    /// Workload F: in rooms as they are, and all in one room.
    pub fn storm(&mut self, bench: &Bench) -> Result<(), Error> {
        self.storm_in("F: storm", "f", possible(bench.options.storm), ROOM, bench)?;
        let sockets = possible(ONE_ROOM);
        self.storm_in("F: one room", "f-one", sockets, sockets, bench)
    }

    fn storm_in(&mut self, name: &str, slug: &str, sockets: usize, room: usize, bench: &Bench) -> Result<(), Error> {
        writeln!(std::io::stderr(), "{name}: {sockets} sockets open, {AT_ONCE} at once")?;
        let mut reference = None;
        for &kind in bench.kinds() {
            let groups = bench.cluster.seed(slug, sockets.div_ceil(room), room, kind)?;
            let nodes = [bench.start(kind, false)?];
            let mut crowd = Crowd::new(1)?;
            let (usage, began) = (bench.usage(&nodes), Instant::now());
            for place in 0..room {
                // One of each room after the other, as after a restart.
                for (number, group) in groups.iter().enumerate() {
                    crowd.join(Door {
                        address: nodes[0].address,
                        socket: format!("chatroom/{}", group.slug),
                        cookie: group.members[place].cookie.clone(),
                        room: u16::try_from(number)?,
                        subscribes: None,
                    })?;
                    crowd.turn_until(PATIENCE, |crowd| crowd.count_opening() < AT_ONCE)?;
                }
            }
            crowd.turn_until(PATIENCE, |crowd| crowd.count_opening() == 0)?;
            let seconds = began.elapsed().as_secs_f64();
            // Until the last of them are counted everywhere.
            crowd.turn_until(Duration::from_secs(2), |_| false)?;
            let usage = bench.usage(&nodes).since(usage);
            let opened = float(crowd.count_ready());
            let each = |cpu: f64| cpu * 1e3 / opened;
            self.storm.tell(vec![
                name.into(),
                kind.name().into(),
                number(opened),
                number(opened / seconds),
                milliseconds(crowd.tally.opening.quantile(0.5)),
                milliseconds(crowd.tally.opening.quantile(0.99)),
                number(each(usage.server)),
                number(each(usage.postgres)),
                number(each(usage.total())),
                ratio(usage.total(), reference),
                number(count(crowd.tally.counted) / opened),
            ]);
            reference = Some(usage.total());
        }
        Ok(())
    }
}

/// As many sockets as the limit of open files lets this process and a server have.
fn possible(wanted: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = limit.map_or(u64::MAX, |limit| limit.saturating_sub(OTHER_FILES + ROOM as u64 * 2));
    wanted.min(usize::try_from(most).unwrap_or(usize::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn float(value: usize) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
