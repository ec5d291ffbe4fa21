//! Stores messages in batches (group commit).
//!
//! One task per node takes whatever waits, up to [`BATCH`], and stores it in one transaction of separate statements:
//! lock the rooms, look for duplicates and current members *after* the lock, advance the counters, insert, commit. It
//! does not linger for more to come. Only after the commit are senders answered, listeners told and doorbells rung. A room that stays
//! locked does not hold up the others: its messages wait. A batch that fails for one message's sake is split until that message fails alone; a connection that breaks, even during the commit,
//! means running the same batch again, which the client ids make safe.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::model::{Fresh, NewMessage, Refusal, Shown, Stored};
use super::queries::{self, ClientKey, Counters};
use crate::bus::{Bus, Event};
use crate::error::{is_away, is_locked};
use crate::ids::{Change, RoomId, Seq};

/// Messages stored in one transaction at most.
const BATCH: usize = 500;
/// Messages that may wait; one more is refused as busy.
const WAITING: usize = 5_000;
/// A message that is not confirmed after this long is given back to its sender, who sends it again.
const DEADLINE: Duration = Duration::from_secs(4);
/// Pause before a batch is run again while PostgreSQL is away, or before locked rooms are tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one batch may take before the database counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

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
        // Messages to rooms that somebody else holds locked; before everything newer, so that they keep their order.
        let mut parked = Vec::new();
        let mut open = true;
        while open || !parked.is_empty() {
            tokio::select! {
                taken = self.0.recv_many(&mut batch, BATCH), if open => open = taken > 0,
                () = sleep(PAUSE), if !parked.is_empty() => {}
                () = stop.cancelled(), if !self.0.is_closed() => self.0.close(),
            }
            let wait = if parked.is_empty() {
                Wait::ForLocks
            } else {
                Wait::ForNothing
            };
            let mut jobs = std::mem::take(&mut parked);
            jobs.append(&mut batch);
            if !jobs.is_empty() {
                parked = settle(&db, &outlet, jobs, wait).await;
            }
        }
    }
}

/// What a batch does about rooms that somebody else holds locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Waits for them: usually another node's writer, for milliseconds.
    ForLocks,
    /// Leaves their messages for later, so that one locked room does not hold up the others.
    ForNothing,
}

/// What became of one job.
enum Outcome {
    Known(Result<Stored, Refusal>),
    /// Its room was locked.
    Locked,
}

/// Stores every job, or tells its sender why not. Gives back those whose rooms are locked.
async fn settle(db: &PgPool, outlet: &Outlet, jobs: Vec<Job>, wait: Wait) -> Vec<Job> {
    let mut parked = Vec::new();
    let mut parts = vec![(jobs, wait)];
    while let Some((mut jobs, wait)) = parts.pop() {
        match in_time(db, &jobs, wait).await {
            Ok(outcomes) => parked.append(&mut tell(outlet, jobs, outcomes)),
            Err(error) if is_locked(&error) && wait == Wait::ForLocks => parts.push((jobs, Wait::ForNothing)),
            Err(error) if is_away(&error) => {
                tracing::warn!(%error, messages = jobs.len(), "messages wait for the database");
                jobs = give_back_late(jobs);
                if !jobs.is_empty() {
                    sleep(PAUSE).await;
                    parts.push((jobs, wait));
                }
            }
            Err(error) if jobs.len() > 1 => {
                tracing::warn!(%error, messages = jobs.len(), "a batch is split to find the message at fault");
                let rest = jobs.split_off(jobs.len() / 2);
                // The last part is taken first, so that messages keep their order.
                parts.push((rest, wait));
                parts.push((jobs, wait));
            }
            Err(error) => {
                for job in jobs {
                    tracing::error!(%error, message = %job.message.id, "a message could not be stored");
                    job.answer.send(Err(Refusal::Unavailable)).ok();
                }
            }
        }
    }
    give_back_late(parked)
}

/// Tells the senders of messages past their deadline that they are not confirmed; gives the others.
fn give_back_late(jobs: Vec<Job>) -> Vec<Job> {
    let (late, waiting): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.since.elapsed() > DEADLINE);
    for job in late {
        job.answer.send(Err(Refusal::Unavailable)).ok();
    }
    waiting
}

/// Stores a batch, or says that the database is away when it does not answer: the server's own limits do not help
/// against a server that is frozen or cut off.
async fn in_time(db: &PgPool, jobs: &[Job], wait: Wait) -> sqlx::Result<Vec<Outcome>> {
    let mut connection = db.acquire().await?;
    if let Ok(stored) = timeout(PATIENCE, store(&mut connection, jobs, wait)).await {
        return stored;
    }
    // Whatever it still says must not be taken for the answer to another question.
    drop(connection.detach());
    Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
}

/// One transaction for the whole batch; the outcomes are in the order of the jobs.
async fn store(connection: &mut PgConnection, jobs: &[Job], wait: Wait) -> sqlx::Result<Vec<Outcome>> {
    let mut tx = connection.begin().await?;

    let mut rooms: Vec<RoomId> = jobs.iter().map(|job| job.message.room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let counters = match wait {
        Wait::ForLocks => queries::lock_counters(&mut tx, &rooms).await?,
        Wait::ForNothing => queries::lock_free_counters(&mut tx, &rooms).await?,
    };
    let mut counters: HashMap<RoomId, Counters> = counters.into_iter().map(|c| (c.room, c)).collect();
    let missing: Vec<_> = rooms.into_iter().filter(|room| !counters.contains_key(room)).collect();
    let locked = match wait {
        Wait::ForNothing if !missing.is_empty() => queries::list_existing(&mut tx, &missing).await?,
        _ => HashSet::new(),
    };

    let keys: Vec<ClientKey> = jobs.iter().map(|job| client_key(&job.message)).collect();
    let stored = queries::list_stored(&mut tx, &keys).await?;
    let again = |(key, seq, change)| {
        (
            key,
            Stored {
                seq,
                change,
                again: true,
            },
        )
    };
    let mut known: HashMap<ClientKey, Stored> = stored.into_iter().map(again).collect();
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
        if locked.contains(&message.room) {
            outcomes.push(Outcome::Locked);
            continue;
        }
        if let Some(stored) = known.get(&key) {
            outcomes.push(Outcome::Known(Ok(*stored)));
            continue;
        }
        let may_write = entitled.contains(&(message.room, message.author.id, message.author_key));
        let Some(counter) = counters
            .get_mut(&message.room)
            .filter(|counter| counter.open && may_write)
        else {
            outcomes.push(Outcome::Known(Err(Refusal::NotAMember)));
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
        outcomes.push(Outcome::Known(Ok(stored)));
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

/// Answers the senders, hands what is new to those who listen on this node, and rings for everybody else. Gives back
/// the jobs whose rooms were locked.
fn tell(outlet: &Outlet, jobs: Vec<Job>, outcomes: Vec<Outcome>) -> Vec<Job> {
    let mut locked = Vec::new();
    let mut fresh: HashMap<RoomId, Fresh> = HashMap::new();
    let mut again: HashMap<RoomId, Change> = HashMap::new();
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        let Outcome::Known(outcome) = outcome else {
            locked.push(job);
            continue;
        };
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
    locked
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
