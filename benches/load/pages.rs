//! Workload I: pages of history, and entering a room, with few and with many messages stored.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem;
use umbrachat::ids::{MessageId, Seq};
use umbrachat::vault::MessageCipher;
use uuid::Uuid;

use crate::browser::Browser;
use crate::cluster::{Cluster, Error, Group};
use crate::report::{Table, milliseconds, number, ratio};
use crate::tally::Histogram;
use crate::{Bench, Kind};

/// Pages asked for, one after the other.
const PAGES: usize = 500;
/// Pages asked for before that.
const WARM_UP: usize = 50;
/// Members of the room, who wrote in turn.
const MEMBERS: usize = 20;
/// Messages that are handed to COPY at once.
const CHUNK: i64 = 5_000;

/// An empty table for this workload.
pub fn table() -> Table {
    let head = &[
        "workload",
        "server",
        "messages stored",
        "p50 ms",
        "p99 ms",
        "CPU ms: server",
        "PostgreSQL",
        "all",
        "× reference",
    ];
    Table::new("Pages", head)
}

/// Runs the workload with each number of stored messages.
pub fn measure(bench: &Bench, table: &mut Table) -> Result<(), Error> {
    for &rows in &bench.options.rows {
        writeln!(io::stderr(), "I: {rows} messages stored")?;
        let slug = format!("i-{rows}");
        let mut reference = None;
        for &kind in bench.kinds() {
            let group = bench.cluster.seed(&slug, 1, MEMBERS, kind)?.remove(0);
            let began = Instant::now();
            bench.cluster.fill(&group, rows, bench.options.characters, kind)?;
            writeln!(io::stderr(), "  loaded in {:.0} s", began.elapsed().as_secs_f64())?;
            let history = |number: usize| {
                // Spread over the whole room, by a stride without a pattern.
                let before = 51 + (i64::try_from(number).unwrap_or_default() * 7_919_993) % (rows - 50).max(1);
                match kind {
                    Kind::Program => format!("/chat/room/{}/messages?before={before}", group.slug),
                    Kind::Reference => format!("/history/{}?before={before}", group.slug),
                }
            };
            let used = ask(
                bench,
                table,
                kind,
                &group,
                (rows, "I: page of history", reference),
                history,
            )?;
            if kind == Kind::Program {
                let entry = |_| format!("/chat/room/{}", group.slug);
                ask(
                    bench,
                    table,
                    kind,
                    &group,
                    (rows, "I: entering the room", reference),
                    entry,
                )?;
            }
            reference = Some(used);
        }
    }
    Ok(())
}

/// Asks a fresh server for pages; gives the CPU that they took.
fn ask(
    bench: &Bench,
    table: &mut Table,
    kind: Kind,
    group: &Group,
    (rows, name, reference): (i64, &str, Option<f64>),
    path: impl Fn(usize) -> String,
) -> Result<f64, Error> {
    let nodes = [bench.start(kind, false)?];
    let mut browser = Browser::open(nodes[0].address, &group.members[1].cookie)?;
    for number in 0..WARM_UP {
        browser.get(&path(PAGES + number))?;
    }
    let (usage, mut times) = (bench.usage(&nodes), Histogram::default());
    for number in 0..PAGES {
        let began = Instant::now();
        let page = browser.get(&path(number))?;
        times.add(u64::try_from(began.elapsed().as_nanos())?);
        // Those that could be read.
        let messages = memmem::find_iter(&page, b"<p class=\"body\" dir=\"auto\">").count();
        if messages < 50 {
            return Err(format!("{} has {messages} readable messages", path(number)).into());
        }
    }
    let usage = bench.usage(&nodes).since(usage);
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let each = |cpu: f64| number(cpu * 1e3 / PAGES as f64);
    table.tell(vec![
        name.into(),
        kind.name().into(),
        rows.to_string(),
        milliseconds(times.quantile(0.5)),
        milliseconds(times.quantile(0.99)),
        each(usage.server),
        each(usage.postgres),
        each(usage.total()),
        ratio(usage.total(), reference),
    ]);
    Ok(usage.total())
}

impl Cluster {
    /// Stores that many messages by COPY: sealed by the program's own code, or plain for the reference.
    fn fill(&self, group: &Group, rows: i64, characters: usize, kind: Kind) -> Result<(), Error> {
        let body = &"The moon moves before the sun. ".repeat(characters / 31 + 1)[..characters];
        self.runtime.block_on(async {
            let mut ciphers = Vec::new();
            for person in &group.members {
                ciphers.push(self.vault.message_cipher(&self.pool, group.key, person.key).await?);
            }
            let began = Utc::now() - TimeDelta::seconds(rows);
            let mut database = self.connect(kind).await?;
            let copy = match kind {
                Kind::Program => {
                    "COPY messages (room_id, seq, id, author_id, client_id, body, change, created_at) FROM STDIN"
                }
                Kind::Reference => "COPY messages (room, seq, client_id, body, created_at) FROM STDIN",
            };
            let mut copy = database.copy_in_raw(copy).await?;
            for first in (1..=rows).step_by(usize::try_from(CHUNK)?) {
                let mut lines = String::new();
                for seq in first..(first + CHUNK).min(rows + 1) {
                    let at = began + TimeDelta::seconds(seq);
                    let line = match kind {
                        Kind::Program => line(group, &ciphers, seq, at, body),
                        Kind::Reference => {
                            format!(
                                "{}\t{seq}\t{}\t{body}\t{}\n",
                                group.slug,
                                Uuid::now_v7(),
                                at.to_rfc3339()
                            )
                        }
                    };
                    lines.push_str(&line);
                }
                copy.send(lines.as_bytes()).await?;
            }
            copy.finish().await?;
            if kind == Kind::Program {
                sqlx::query("UPDATE rooms SET last_seq = $2, last_change = $2 WHERE id = $1")
                    .bind(group.room)
                    .bind(Seq(rows))
                    .execute(&self.pool)
                    .await?;
            }
            // As autovacuum would have done by and by.
            sqlx::query("VACUUM ANALYZE messages").execute(&mut database).await?;
            Ok(())
        })
    }
}

/// A stored message as COPY reads it.
fn line(group: &Group, ciphers: &[Arc<MessageCipher>], seq: i64, at: DateTime<Utc>, body: &str) -> String {
    let author = usize::try_from(seq).unwrap_or_default() % ciphers.len();
    let (id, client) = (MessageId::new(), Uuid::now_v7());
    let sealed = ciphers[author].seal(id, 1, body);
    format!(
        "{}\t{seq}\t{id}\t{}\t{client}\t{sealed}\t{seq}\t{}\n",
        group.room,
        group.members[author].user,
        at.to_rfc3339()
    )
}
