//! Stores messages in batches (group commit).
//!
//! One task per node takes whatever waits, up to [`BATCH`], and stores it in one round trip that is one transaction:
//! `store_messages` in the database locks the rooms, looks for duplicates and current members *after* the lock, advances
//! the counters and inserts. The task does not linger for more to come. Only after the commit are senders answered,
//! listeners told and doorbells rung. A room that stays locked does not hold up the others: its messages wait. A batch
//! that fails for one message's sake is split until that message fails alone; a connection that breaks, even during the
//! commit, means running the same batch again, which the client ids make safe.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::model::{Fresh, NewMessage, Outcome, Refusal, Shown, Stored};
use super::queries;
use crate::bus::{Bus, Event};
use crate::database::Line;
use crate::error::{is_away, is_locked};
use crate::ids::{Change, RoomId};

/// Messages stored in one transaction at most.
const BATCH: usize = 500;
/// Messages that may wait; one more is refused as busy.
const WAITING: usize = 5_000;
/// A message that is not confirmed after this long is given back to its sender, who sends it again.
const DEADLINE: Duration = Duration::from_secs(4);
/// Pause before a batch is run again while PostgreSQL is away, or before locked rooms are tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the next batch waits for the delivery of this one.
const DELIVERY: Duration = Duration::from_millis(5);

/// Told once what became of a message that was taken, by the task that stores all of them: it must not wait for
/// anything. When the program ends it may be dropped instead.
pub type Answer = Box<dyn FnOnce(Result<Stored, Refusal>) + Send + Sync>;

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
    /// Each reaches those who listen to some of the rooms on this node, with the messages at hand.
    pub fresh: Vec<mpsc::Sender<Fresh>>,
}

impl Outlet {
    /// Tells what is new in a room: always the same way, so that it stays in order.
    fn tell(&self, batch: Fresh) {
        let (room, change) = (batch.room, batch.to);
        let event = Event::RoomChanged { room, change };
        let way = room.0.as_u128() % self.fresh.len() as u128;
        let told = usize::try_from(way).ok().and_then(|way| self.fresh.get(way));
        match told.map(|fresh| fresh.try_send(batch)) {
            Some(Ok(())) => self.bus.publish_elsewhere(event),
            // They load it from the database.
            _ => self.bus.publish(event),
        }
    }
}

struct Job {
    message: NewMessage,
    since: Instant,
    answer: Answer,
}

impl Writer {
    /// A writer and the inbox of its task.
    pub fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), Inbox(receiver))
    }

    /// Hands a message over, in the order of calls. Never waits: a full queue refuses it as busy.
    pub fn submit(&self, message: NewMessage, answer: Answer) -> Result<(), Refusal> {
        let job = Job {
            message,
            since: Instant::now(),
            answer,
        };
        self.0.try_send(job).map_err(|_| Refusal::Busy)
    }
}

impl Inbox {
    /// Stores what comes until `stop` is cancelled; what waits by then is stored too, what comes later is refused.
    pub async fn run(mut self, db: PgPool, outlet: Outlet, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        // Messages to rooms that somebody else holds locked; before everything newer, so that they keep their order.
        let mut parked = Vec::new();
        let mut line = Line::new(db);
        let mut try_again = Instant::now();
        let mut open = true;
        while open || !parked.is_empty() {
            tokio::select! {
                taken = self.0.recv_many(&mut batch, BATCH), if open => open = taken > 0,
                () = sleep_until(try_again), if !parked.is_empty() => {}
                () = sleep(Line::IDLE), if line.is_held() => line.release(),
                () = stop.cancelled(), if !self.0.is_closed() => self.0.close(),
            }
            let mut parts = vec![(std::mem::take(&mut batch), Wait::ForLocks)];
            // Now and then, and not together with what is new: that gets on without them.
            if !parked.is_empty() && try_again <= Instant::now() {
                try_again = Instant::now() + PAUSE;
                parts.push((std::mem::take(&mut parked), Wait::ForNothing));
            }
            parked = settle(&mut line, &outlet, parts, parked).await;
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

/// Stores every job, the last part first, or tells its sender why not. Gives back those whose rooms are locked, behind
/// those that are `parked` for that already.
async fn settle(line: &mut Line, outlet: &Outlet, mut parts: Vec<(Vec<Job>, Wait)>, mut parked: Vec<Job>) -> Vec<Job> {
    while let Some((jobs, wait)) = parts.pop() {
        // What waits for a room keeps its place before what is newer there.
        let locked: HashSet<RoomId> = parked.iter().map(|job: &Job| job.message.room).collect();
        let (mut behind, mut jobs): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| locked.contains(&job.message.room));
        parked.append(&mut behind);
        if jobs.is_empty() {
            continue;
        }
        match line.run(async |db| store(db, &jobs, wait).await).await {
            Ok(outcomes) => parked.append(&mut tell(outlet, jobs, outcomes).await),
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
                    (job.answer)(Err(Refusal::Unavailable));
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
        (job.answer)(Err(Refusal::Unavailable));
    }
    waiting
}

/// One transaction for the whole batch; the outcomes are in the order of the jobs.
async fn store(connection: &mut PgConnection, jobs: &[Job], wait: Wait) -> sqlx::Result<Vec<Outcome>> {
    let mut places = HashMap::with_capacity(jobs.len());
    let mut messages = Vec::with_capacity(jobs.len());
    let place_of = jobs.iter().map(|Job { message, .. }| {
        let key = (message.author.id, message.room, message.client_id);
        *places.entry(key).or_insert_with(|| {
            messages.push(message);
            messages.len() - 1
        })
    });
    let place_of: Vec<usize> = place_of.collect();
    let mut outcomes = queries::store_messages(connection, &messages, wait == Wait::ForLocks).await?;
    let outcome_of = |place: usize| {
        let outcome = outcomes[place];
        // The same client id later in this batch is a duplicate of this one.
        if let Outcome::Known(Ok(stored)) = &mut outcomes[place] {
            stored.again = true;
        }
        outcome
    };
    Ok(place_of.into_iter().map(outcome_of).collect())
}

/// Answers the senders, hands what is new to those who listen on this node, and rings for everybody else. Gives back
/// the jobs whose rooms were locked. Returns when all is delivered, or soon: what comes meanwhile is stored together, and
/// small batches cost more than large ones.
async fn tell(outlet: &Outlet, jobs: Vec<Job>, outcomes: Vec<Outcome>) -> Vec<Job> {
    let mut locked = Vec::new();
    let mut fresh: HashMap<RoomId, Fresh> = HashMap::new();
    let mut again: HashMap<RoomId, Change> = HashMap::new();
    let (undelivered, mut delivered) = mpsc::channel(1);
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
                    undelivered: undelivered.clone(),
                };
                let batch = fresh.entry(room).or_insert_with(first);
                batch.to = stored.change;
                batch.messages.push(shown(job.message, stored));
            }
            Err(_) => {}
        }
        (job.answer)(outcome);
    }
    // A commit whose answer was lost looks like this too: those who listen may not have heard of it.
    for (room, change) in again {
        outlet.bus.publish(Event::RoomChanged { room, change });
    }
    for batch in fresh.into_values() {
        outlet.tell(batch);
    }
    drop(undelivered);
    timeout(DELIVERY, delivered.recv()).await.ok();
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
