//! Workloads in which members talk: A, B, C, E, G, H, J, K and L.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::acts::Acts;
use crate::cluster::{Error, Group};
use crate::crowd::Crowd;
use crate::member::Door;
use crate::options::Workload;
use crate::pace::Pace;
use crate::posting::Posting;
use crate::process::Server;
use crate::report::{self, Table, milliseconds, number, ratio};
use crate::shapes::{Shape, shapes};
use crate::tally::{Histogram, Tally};
use crate::{Bench, Kind, PATIENCE, Usage};

const HEAD: &[&str] = &[
    "workload",
    "server",
    "messages/s",
    "deliveries/s",
    "CPU s/M: server",
    "PostgreSQL",
    "Redis",
    "all",
    "× reference",
    "p50 ms",
    "p99 ms",
    "transactions/message",
    "lost",
    "doubled",
    "order",
    "crossed",
    "notes",
];
/// The column of all CPU time.
const ALL: usize = 7;

/// What the talking workloads gave.
pub struct Report {
    runs: Vec<(Shape, Kind, Outcome)>,
    /// Whether nothing was lost, doubled, out of order or crossed.
    pub faultless: bool,
}

impl Report {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self {
            runs: Vec::new(),
            faultless: true,
        }
    }

    /// Runs a workload once against every server.
    pub fn measure(&mut self, bench: &Bench, workload: Workload) -> Result<(), Error> {
        for mut shape in shapes(workload) {
            shape.members = bench.options.members.unwrap_or(shape.members);
            shape.rooms = bench.options.rooms.unwrap_or(shape.rooms);
            if shape.nodes > 1 && bench.options.redis_url.is_none() {
                writeln!(std::io::stderr(), "{} needs Redis: left out", shape.name)?;
                continue;
            }
            writeln!(std::io::stderr(), "{}", shape.name)?;
            for &kind in bench.kinds() {
                // The reference knows no other nodes, nobody who looks at no room, and nothing but messages.
                if kind == Kind::Reference && shape.beside().is_some() {
                    continue;
                }
                let outcome = run(bench, shape, kind, self.runs.len())?;
                self.faultless &= outcome.is_faultless();
                report::show(HEAD, &outcome.row(shape, kind, self.beside(shape)));
                self.runs.push((shape, kind, outcome));
            }
        }
        Ok(())
    }

    /// The rounds of a workload on one kind of server, by what they needed.
    fn rounds(&self, name: &str, kind: Kind) -> Vec<&Outcome> {
        let of_these = |run: &&(Shape, Kind, Outcome)| run.0.name == name && run.1 == kind;
        let mut rounds: Vec<_> = self.runs.iter().filter(of_these).map(|run| &run.2).collect();
        rounds.sort_by(|one, other| one.per_million().total_cmp(&other.per_million()));
        rounds
    }

    /// What is compared with: the reference, or the same workload without what is added to it.
    fn beside(&self, shape: Shape) -> Option<f64> {
        let rounds = match shape.beside() {
            Some(workload) => self.rounds(shapes(workload)[0].name, Kind::Program),
            None => self.rounds(shape.name, Kind::Reference),
        };
        Some(rounds.get(rounds.len() / 2)?.per_million())
    }

    /// Of each workload and server the round in the middle, and how far the CPU times of all rounds lie apart.
    pub fn table(&self) -> Table {
        let mut table = Table::new("Deliveries", HEAD);
        let mut told = HashSet::new();
        for (shape, kind, _) in &self.runs {
            if !told.insert((shape.name, kind.name())) {
                continue;
            }
            let rounds = self.rounds(shape.name, *kind);
            let mut row = rounds[rounds.len() / 2].row(*shape, *kind, self.beside(*shape));
            if let [least, .., most] = &rounds[..] {
                let (least, most) = (number(least.per_million()), number(most.per_million()));
                row[ALL] = format!("{} ({least}–{most})", row[ALL]);
            }
            table.add(row);
        }
        table
    }
}

/// What one run gave.
struct Outcome {
    seconds: f64,
    messages: f64,
    deliveries: f64,
    transactions: f64,
    usage: Usage,
    lost: i64,
    tally: Tally,
    /// What should not have happened and is no fault of delivery.
    notes: String,
}

impl Outcome {
    fn millions(&self) -> f64 {
        self.deliveries / 1e6
    }

    fn per_million(&self) -> f64 {
        self.usage.total() / self.millions()
    }

    /// Deliveries that went wrong: lost, doubled, out of order, crossed.
    fn faults(&self) -> [i64; 4] {
        let tally = &self.tally;
        [
            self.lost,
            count(tally.doubled),
            count(tally.disordered),
            count(tally.crossed),
        ]
    }

    fn is_faultless(&self) -> bool {
        self.faults() == [0; 4] && self.notes.is_empty()
    }

    /// The row under [`HEAD`]; `reference` is what the server beside it needed for a million deliveries.
    fn row(&self, shape: Shape, kind: Kind, reference: Option<f64>) -> Vec<String> {
        let Self { usage, tally, .. } = self;
        let per_million = |seconds: f64| number(seconds / self.millions());
        let against = match kind {
            Kind::Program => match shape.beside() {
                Some(workload) => format!("{} of {workload:?}", ratio(self.per_million(), reference)),
                None => ratio(self.per_million(), reference),
            },
            Kind::Reference => "1".into(),
        };
        let mut row = vec![
            shape.name.to_owned(),
            kind.name().to_owned(),
            number(self.messages / self.seconds),
            number(self.deliveries / self.seconds),
            per_million(usage.server),
            per_million(usage.postgres),
            per_million(usage.redis),
            per_million(usage.total()),
            against,
            milliseconds(tally.latency.quantile(0.5)),
            milliseconds(tally.latency.quantile(0.99)),
            number(self.transactions / self.messages),
        ];
        row.extend(self.faults().map(|fault| fault.to_string()));
        row.push(self.notes.clone());
        row
    }
}

fn run(bench: &Bench, shape: Shape, kind: Kind, run: usize) -> Result<Outcome, Error> {
    let name = format!("run-{run}");
    let groups = bench.cluster.seed(&name, shape.rooms, shape.members, kind)?;
    let nodes = start(bench, shape, kind)?;
    let mut crowd = Crowd::new(bench.options.characters)?;
    let senders = enter(&mut crowd, &groups, &nodes, shape.programs)?;
    if shape.programs {
        for (group, &sender) in groups.iter().zip(&senders) {
            let token = group.members[0].token(nodes[0].address)?;
            crowd.post(sender, Posting::open(nodes[0].address, group.room, &token)?)?;
        }
    }
    if shape.bystanders > 0 {
        stand_by(bench, &mut crowd, &groups, shape.bystanders, nodes[0].address)?;
    }
    if shape.lively {
        crowd.reply();
    }
    let acts = shape.lively.then(|| Acts::begin(nodes[0].address, &groups[0]));
    let mut pace = Pace::new(shape, senders, crowd_size(&groups), acts);
    pace.begin(&mut crowd);
    pace.run(&mut crowd, Duration::from_secs(bench.options.warm_up))?;

    // What stands in the statistics lags behind by up to a second, at both ends.
    let transactions = bench.transactions(kind)?;
    let (usage, sent, deliveries) = (bench.usage(&nodes), crowd.sent(), crowd.tally.deliveries);
    let began = Instant::now();
    crowd.tally.latency = Histogram::default();
    pace.run(&mut crowd, Duration::from_secs(bench.options.seconds))?;
    let seconds = began.elapsed().as_secs_f64();
    let usage = bench.usage(&nodes).since(usage);
    let (messages, deliveries) = (crowd.sent() - sent, crowd.tally.deliveries - deliveries);
    let transactions = bench.transactions(kind)? - transactions;
    let tally = std::mem::take(&mut crowd.tally.latency);

    crowd.stop();
    pace.end(&mut crowd)?;
    crowd.turn_until(PATIENCE, |crowd| crowd.outstanding() == 0)?;
    // Whatever comes too often comes now.
    crowd.turn_until(Duration::from_millis(500), |_| false)?;
    let lost = crowd.outstanding();
    let mut remarks = remarks(&crowd.tally);
    let stored = bench.cluster.count_stored(&groups, kind)?;
    if stored != crowd.sent() {
        remarks.push(format!("{stored} stored of {} sent", crowd.sent()));
    }
    let mut whole = std::mem::take(&mut crowd.tally);
    whole.latency = tally;
    Ok(Outcome {
        seconds,
        messages: as_float(messages),
        deliveries: as_float(count(deliveries)),
        transactions: as_float(transactions),
        usage,
        lost,
        tally: whole,
        notes: remarks.join(", "),
    })
}

/// The servers of a workload; several find each other over Redis.
fn start(bench: &Bench, shape: Shape, kind: Kind) -> Result<Vec<Server>, Error> {
    let nodes = (0..shape.nodes).map(|_| bench.start(kind, shape.nodes > 1));
    let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
    for node in &nodes {
        writeln!(std::io::stderr(), "  {} is process {}", kind.name(), node.pid())?;
    }
    Ok(nodes)
}

/// Lets everybody in, the members of a room in turn at each node; gives each room's sender.
pub fn enter(crowd: &mut Crowd, groups: &[Group], nodes: &[Server], programs: bool) -> Result<Vec<usize>, Error> {
    let mut senders = Vec::with_capacity(groups.len());
    for (room, group) in groups.iter().enumerate() {
        for (place, person) in group.members.iter().enumerate() {
            let member = crowd.join(Door {
                address: nodes[place % nodes.len()].address,
                socket: if programs {
                    "rooms/".into()
                } else {
                    format!("chatroom/{}", group.slug)
                },
                cookie: person.cookie.clone(),
                room: u16::try_from(room)?,
                subscribes: programs.then_some(group.room),
            })?;
            if place == 0 {
                senders.push(member);
            }
            // Not all at once: that is workload F.
            crowd.turn_until(PATIENCE, |crowd| crowd.count_opening() < 50)?;
        }
    }
    crowd.turn_until(PATIENCE, |crowd| crowd.count_opening() == 0)?;
    let (ready, all) = (crowd.count_ready(), crowd_size(groups));
    if ready < all {
        return Err(format!("only {ready} of {all} sockets opened: {:?}", crowd.tally.closed).into());
    }
    // Until the counts of who is online have gone round.
    crowd.turn_until(Duration::from_millis(700), |_| false)?;
    Ok(senders)
}

/// Connects people who belong to all of these rooms, and to one where nobody speaks, and look at none.
fn stand_by(
    bench: &Bench,
    crowd: &mut Crowd,
    groups: &[Group],
    count: usize,
    address: SocketAddr,
) -> Result<(), Error> {
    let quiet = bench
        .cluster
        .seed(&format!("{}-by", groups[0].slug), 1, count, Kind::Program)?;
    bench.cluster.add_members(groups, &quiet[0].members)?;
    for person in &quiet[0].members {
        crowd.join(Door {
            address,
            socket: "inbox".into(),
            cookie: person.cookie.clone(),
            room: u16::try_from(groups.len())?,
            subscribes: None,
        })?;
        crowd.turn_until(PATIENCE, |crowd| crowd.count_opening() < 50)?;
    }
    crowd.turn_until(PATIENCE, |crowd| crowd.count_opening() == 0)?;
    Ok(())
}

fn crowd_size(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.members.len()).sum()
}

/// What should not have happened and is no fault of delivery.
fn remarks(tally: &Tally) -> Vec<String> {
    let mut remarks = Vec::new();
    if !tally.refused.is_empty() {
        remarks.push(format!("refused {:?}", tally.refused));
    }
    if !tally.closed.is_empty() {
        remarks.push(format!("closed {:?}", tally.closed));
    }
    if tally.reloads > 0 {
        remarks.push(format!("told to load again {}", tally.reloads));
    }
    remarks
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_float(value: i64) -> f64 {
    value as f64
}
