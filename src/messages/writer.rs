//! Stores messages in batches (group commit).
//!
//! One task per node takes whatever waits, up to [`BATCH`], and stores it in one transaction of separate statements:
//! lock the rooms, look for duplicates and current members *after* the lock, advance the counters, insert, commit. It
//! does not linger for more to come. Only after the commit are senders answered, listeners told and doorbells rung. A batch that fails
//! for one message's sake is split until that message fails alone; a connection that breaks, even during the commit,
//! means running the same batch again, which the client ids make safe.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::model::{Fresh, NewMessage, Refusal, Shown, Stored};
use super::queries::{self, ClientKey, Counters};
use crate::bus::{Bus, Event};
use crate::error::is_away;
use crate::ids::{Change, RoomId, Seq};

/// Messages stored in one transaction at most.
const BATCH: usize = 500;
/// Messages that may wait; one more is refused as busy.
const WAITING: usize = 5_000;
/// A message that is not confirmed after this long is given back to its sender, who sends it again.
const DEADLINE: Duration = Duration::from_secs(4);
/// Pause before a batch is run again while PostgreSQL is away.
const PAUSE: Duration = Duration::from_millis(200);

/// What becomes of a message, once it is known.
pub type Receipt = oneshot::Receiver<Result<Stored, Refusal>>;

/// The way to the task that stores messages.
#[derive(Debug, Clone)]
pub struct Writer(mpsc::Sender<Job>);

/// The task's end: give it to [`Inbox::run`].
#[derive(Debug)]
pub struct Inbox(mpsc::Receiver<Job>);

/// Where the writer tells what it has stored.
#[derive(Debug)]
pub struct Outlet {
    /// Reaches every node.
    pub bus: Bus,
    /// Reaches those who listen on this node, with the messages at hand.
    pub fresh: mpsc::Sender<Fresh>,
}

#[derive(Debug)]
struct Job {
    message: NewMessage,
    since: Instant,
    answer: oneshot::Sender<Result<Stored, Refusal>>,
}

impl Writer {
    /// A writer and the inbox of its task.
    pub fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), Inbox(receiver))
    }

    /// Hands a message over, in the order of calls. Never waits: a full queue refuses it as busy.
    pub fn submit(&self, message: NewMessage) -> Result<Receipt, Refusal> {
        let (answer, receipt) = oneshot::channel();
        let job = Job {
            message,
            since: Instant::now(),
            answer,
        };
        self.0.try_send(job).map_err(|_| Refusal::Busy)?;
        Ok(receipt)
    }
}

impl Inbox {
    /// Stores what comes until `stop` is cancelled; what waits by then is stored too, what comes later is refused.
    pub async fn run(mut self, db: PgPool, outlet: Outlet, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                taken = self.0.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    settle(&db, &outlet, std::mem::take(&mut batch)).await;
                }
                () = stop.cancelled(), if !self.0.is_closed() => self.0.close(),
            }
        }
    }
}

/// Stores every job, or tells its sender why not.
async fn settle(db: &PgPool, outlet: &Outlet, jobs: Vec<Job>) {
    let mut parts = vec![jobs];
    while let Some(mut jobs) = parts.pop() {
        match store(db, &jobs).await {
            Ok(outcomes) => tell(outlet, jobs, outcomes),
            Err(error) if is_away(&error) => {
                tracing::warn!(%error, messages = jobs.len(), "messages wait for the database");
                jobs = give_back_late(jobs);
                if !jobs.is_empty() {
                    sleep(PAUSE).await;
                    parts.push(jobs);
                }
            }
            Err(error) if jobs.len() > 1 => {
                tracing::warn!(%error, messages = jobs.len(), "a batch is split to find the message at fault");
                let rest = jobs.split_off(jobs.len() / 2);
                // The last part is taken first, so that messages keep their order.
                parts.push(rest);
                parts.push(jobs);
            }
            Err(error) => {
                tracing::error!(%error, message = %jobs[0].message.id, "a message could not be stored");
                for job in jobs {
                    job.answer.send(Err(Refusal::Unavailable)).ok();
                }
            }
        }
    }
}

/// Tells the senders of messages past their deadline that they are not confirmed; gives the others.
fn give_back_late(jobs: Vec<Job>) -> Vec<Job> {
    let (late, waiting): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.since.elapsed() > DEADLINE);
    for job in late {
        job.answer.send(Err(Refusal::Unavailable)).ok();
    }
    waiting
}

/// One transaction for the whole batch; the outcomes are in the order of the jobs.
async fn store(db: &PgPool, jobs: &[Job]) -> sqlx::Result<Vec<Result<Stored, Refusal>>> {
    let mut tx = db.begin().await?;

    let mut rooms: Vec<RoomId> = jobs.iter().map(|job| job.message.room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let counters = queries::lock_counters(&mut tx, &rooms).await?;
    let mut counters: HashMap<RoomId, Counters> = counters.into_iter().map(|c| (c.room, c)).collect();

    let keys: Vec<ClientKey> = jobs.iter().map(|job| client_key(&job.message)).collect();
    let stored = queries::list_stored(&mut tx, &keys).await?;
    let mut known: HashMap<ClientKey, Stored> = stored
        .into_iter()
        .map(|(key, seq, change)| {
            (
                key,
                Stored {
                    seq,
                    change,
                    again: true,
                },
            )
        })
        .collect();
    let mut authors: Vec<_> = jobs
        .iter()
        .map(|Job { message: m, .. }| (m.room, m.author.id, m.author_key))
        .collect();
    authors.sort_unstable();
    authors.dedup();
    let entitled: HashSet<_> = queries::list_entitled(&mut tx, &authors).await?.into_iter().collect();

    let mut fresh = Vec::with_capacity(jobs.len());
    let mut outcomes = Vec::with_capacity(jobs.len());
    for (job, key) in jobs.iter().zip(keys) {
        let message = &job.message;
        if let Some(stored) = known.get(&key) {
            outcomes.push(Ok(*stored));
            continue;
        }
        let counter = counters.get_mut(&message.room).filter(|counter| counter.open);
        let (Some(counter), true) = (
            counter,
            entitled.contains(&(message.room, message.author.id, message.author_key)),
        ) else {
            outcomes.push(Err(Refusal::NotAMember));
            continue;
        };
        counter.last_seq += 1;
        counter.last_change += 1;
        let stored = Stored {
            seq: Seq(counter.last_seq),
            change: Change(counter.last_change),
            again: false,
        };
        // The same client id later in this batch is a duplicate of this one.
        known.insert(key, Stored { again: true, ..stored });
        fresh.push((message, stored.seq, stored.change));
        outcomes.push(Ok(stored));
    }
    if !fresh.is_empty() {
        let grown: HashSet<RoomId> = fresh.iter().map(|(message, ..)| message.room).collect();
        let counters: Vec<_> = counters
            .into_values()
            .filter(|counter| grown.contains(&counter.room))
            .collect();
        queries::update_counters(&mut tx, &counters).await?;
        queries::insert_messages(&mut tx, &fresh).await?;
    }
    tx.commit().await?;
    Ok(outcomes)
}

fn client_key(message: &NewMessage) -> ClientKey {
    (message.author.id, message.room, message.client_id)
}

/// Answers the senders, hands what is new to those who listen on this node, and rings for everybody else.
fn tell(outlet: &Outlet, jobs: Vec<Job>, outcomes: Vec<Result<Stored, Refusal>>) {
    let mut fresh: HashMap<RoomId, Fresh> = HashMap::new();
    let mut again: HashMap<RoomId, Change> = HashMap::new();
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        let room = job.message.room;
        match outcome {
            Ok(stored) if stored.again => {
                let last = again.entry(room).or_default();
                *last = (*last).max(stored.change);
            }
            Ok(stored) => {
                let first = || Fresh {
                    room,
                    from: Change(stored.change.0 - 1),
                    to: stored.change,
                    messages: Vec::new(),
                };
                let batch = fresh.entry(room).or_insert_with(first);
                batch.to = stored.change;
                batch.messages.push(shown(job.message, stored));
            }
            Err(_) => {}
        }
        // A sender who has left does not need the answer.
        job.answer.send(outcome).ok();
    }
    // A commit whose answer was lost looks like this too: those who listen may not have heard of it.
    for (room, change) in again {
        outlet.bus.publish(Event::RoomChanged { room, change });
    }
    for batch in fresh.into_values() {
        let event = Event::RoomChanged {
            room: batch.room,
            change: batch.to,
        };
        match outlet.fresh.try_send(batch) {
            Ok(()) => outlet.bus.publish_elsewhere(event),
            Err(_) => outlet.bus.publish(event),
        }
    }
}

fn shown(message: NewMessage, stored: Stored) -> Shown {
    Shown {
        seq: stored.seq,
        change: stored.change,
        client_id: message.client_id,
        author: message.author,
        body: Some(message.body.into_string()),
        created_at: message.created_at,
        continued: false,
        new_day: false,
    }
}
