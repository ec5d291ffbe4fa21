//! Stores messages in batches (group commit).
//!
//! One task per node takes whatever waits, up to [`BATCH`], and stores it in one round trip that is one transaction:
//! `store_messages` in the database locks the rooms, looks for duplicates and current members *after* the lock, advances
//! the counters and inserts. The task does not linger for more to come. Only after the commit are senders answered and
//! the messages published. A room that stays locked does not hold up the others: its messages are parked. A batch that
//! fails for one message's sake is split until that message fails alone; a connection that breaks, even during the
//! commit, means running the same batch again, which the client ids make safe. While the database is away every message
//! that waits, in a batch or in the queue, is answered when its time is over.

mod storing;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::storing::store;
use super::model::{MessageView, NewMessage, Outcome, SendError, Stored, StoredBatch};
use super::queries::LockedRooms;
use crate::accounts::model::Author;
use crate::bus::{Bus, Event};
use crate::database::HeldConnection;
use crate::error::{is_away, is_locked};
use crate::ids::{Change, Position, RoomId};

/// Messages stored in one transaction at most.
const BATCH: usize = 500;
/// Messages that may wait; one more is refused as busy.
const QUEUE: usize = 5_000;
/// A message that is not confirmed after this long is given back to its sender, who sends it again.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(4);
/// Pause before a batch is run again while PostgreSQL is away, or before locked rooms are tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// How long the next batch waits for the delivery of this one.
const DELIVERY_TIMEOUT: Duration = Duration::from_millis(5);

/// Called once with what became of a message that was taken, by the task that stores all of them: it must not wait for
/// anything. When the program ends it may be dropped instead.
pub type Answer = Box<dyn FnOnce(Result<Stored, SendError>) + Send + Sync>;

/// Hands messages to the task that stores them.
#[derive(Debug, Clone)]
pub struct Writer(mpsc::Sender<Submission>);

/// The task that stores messages.
#[derive(Debug)]
pub struct WriterTask {
    submissions: mpsc::Receiver<Submission>,
    /// Taken from the queue while the database was away; they come before what is in the queue.
    backlog: VecDeque<Submission>,
    /// Messages to rooms that somebody else holds locked; before everything newer there, so that they keep their order.
    parked: Vec<Submission>,
}

/// Publishes what the writer has stored.
#[derive(Debug)]
pub struct Publisher {
    /// Reaches every node.
    pub bus: Bus,
    /// Each delivers some of the rooms on this node, with the messages at hand.
    pub delivery_senders: Vec<mpsc::Sender<StoredBatch>>,
}

impl Publisher {
    /// Hands what is new in a room to the task that delivers it here, always the same so that it stays in order, and tells
    /// the other nodes.
    fn hand_over(&self, batch: StoredBatch) {
        let (room, change) = (batch.room, batch.to.change);
        let event = Event::RoomChanged { room, change };
        let index = room.0.as_u128() % self.delivery_senders.len() as u128;
        let sender = usize::try_from(index)
            .ok()
            .and_then(|index| self.delivery_senders.get(index));
        match sender.map(|sender| sender.try_send(batch)) {
            Some(Ok(())) => self.bus.publish_elsewhere(event),
            // The task has too much to do: it loads them from the database.
            _ => self.bus.publish(event),
        }
    }
}

struct Submission {
    message: NewMessage,
    submitted_at: Instant,
    answer: Answer,
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Submission").field(&self.message.id).finish()
    }
}

impl Submission {
    fn is_late(&self) -> bool {
        self.submitted_at.elapsed() > CONFIRM_TIMEOUT
    }
}

impl Writer {
    /// A writer and its task.
    pub fn new() -> (Self, WriterTask) {
        let (sender, submissions) = mpsc::channel(QUEUE);
        let task = WriterTask {
            submissions,
            backlog: VecDeque::new(),
            parked: Vec::new(),
        };
        (Self(sender), task)
    }

    /// Hands a message over, in the order of calls. Never waits: a full queue refuses it as busy.
    pub fn submit(&self, message: NewMessage, answer: Answer) -> Result<(), SendError> {
        let submission = Submission {
            message,
            submitted_at: Instant::now(),
            answer,
        };
        self.0.try_send(submission).map_err(|_| SendError::Busy)
    }
}

impl WriterTask {
    /// Stores what comes until `stop` is cancelled; what waits by then is stored too, what comes later is refused.
    pub async fn run(mut self, db: PgPool, publisher: Publisher, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut held = HeldConnection::new(db);
        let mut retry_at = Instant::now();
        let mut open = true;
        while open || !self.backlog.is_empty() || !self.parked.is_empty() {
            if self.backlog.is_empty() {
                tokio::select! {
                    taken = self.submissions.recv_many(&mut batch, BATCH), if open => open = taken > 0,
                    () = sleep_until(retry_at), if !self.parked.is_empty() => {}
                    () = sleep(HeldConnection::IDLE_LIMIT), if held.is_held() => held.release(),
                    () = stop.cancelled(), if !self.submissions.is_closed() => self.submissions.close(),
                }
            } else {
                batch.extend(self.backlog.drain(..BATCH.min(self.backlog.len())));
            }
            let mut parts = vec![(std::mem::take(&mut batch), LockedRooms::Wait)];
            // Parked messages are tried every RETRY_PAUSE, before what is new (the last part is stored first), and in a
            // transaction of their own, which a room that is still locked does not hold up.
            if !self.parked.is_empty() && retry_at <= Instant::now() {
                retry_at = Instant::now() + RETRY_PAUSE;
                parts.push((std::mem::take(&mut self.parked), LockedRooms::Skip));
            }
            self.store_all(&mut held, &publisher, parts).await;
        }
    }

    /// Stores every submission, the last part first, or answers its sender why not. Those whose rooms are locked are
    /// parked.
    async fn store_all(
        &mut self,
        held: &mut HeldConnection,
        publisher: &Publisher,
        mut parts: Vec<(Vec<Submission>, LockedRooms)>,
    ) {
        while let Some((submissions, locked)) = parts.pop() {
            // What waits for a room keeps its place before what is newer there.
            let waited_for: HashSet<RoomId> = self.parked.iter().map(|parked| parked.message.room).collect();
            let is_behind = |submission: &Submission| waited_for.contains(&submission.message.room);
            let (mut behind, mut batch): (Vec<_>, Vec<_>) = submissions.into_iter().partition(is_behind);
            self.parked.append(&mut behind);
            if batch.is_empty() {
                continue;
            }
            match held.run(async |db| store(db, &batch, locked).await).await {
                Ok(outcomes) => self
                    .parked
                    .append(&mut answer_and_hand_over(publisher, batch, outcomes).await),
                Err(error) if is_locked(&error) && locked == LockedRooms::Wait => {
                    parts.push((batch, LockedRooms::Skip));
                }
                Err(error) if is_away(&error) => {
                    tracing::warn!(%error, messages = batch.len(), "messages wait for the database");
                    answer_late(&mut batch);
                    self.answer_late_in_queue();
                    if !batch.is_empty() {
                        sleep(RETRY_PAUSE).await;
                        parts.push((batch, locked));
                    }
                }
                Err(error) if batch.len() > 1 => {
                    tracing::warn!(%error, messages = batch.len(), "a batch is split to find the message at fault");
                    let rest = batch.split_off(batch.len() / 2);
                    // The last part is taken first, so that messages keep their order.
                    parts.push((rest, locked));
                    parts.push((batch, locked));
                }
                Err(error) => {
                    for submission in batch {
                        tracing::error!(%error, message = %submission.message.id, "a message could not be stored");
                        (submission.answer)(Err(SendError::Unavailable));
                    }
                }
            }
        }
        answer_late(&mut self.parked);
    }

    /// Tells the senders of all messages in the queue whose time is over that they are not confirmed.
    fn answer_late_in_queue(&mut self) {
        while self.backlog.len() < QUEUE
            && let Ok(submission) = self.submissions.try_recv()
        {
            self.backlog.push_back(submission);
        }
        // The oldest stand first.
        while self.backlog.front().is_some_and(Submission::is_late)
            && let Some(late) = self.backlog.pop_front()
        {
            (late.answer)(Err(SendError::Unavailable));
        }
    }
}

/// Tells the senders of messages whose time is over that they are not confirmed, and keeps the others.
fn answer_late(submissions: &mut Vec<Submission>) {
    for late in submissions.extract_if(.., |submission| submission.is_late()) {
        (late.answer)(Err(SendError::Unavailable));
    }
}

/// Answers the senders and hands over what is new. Returns the submissions whose rooms were locked, once all is delivered
/// or soon: what comes meanwhile is stored together, and small batches cost more than large ones.
async fn answer_and_hand_over(
    publisher: &Publisher,
    batch: Vec<Submission>,
    outcomes: Vec<Outcome>,
) -> Vec<Submission> {
    let mut locked = Vec::new();
    let mut stored_batches: HashMap<RoomId, StoredBatch> = HashMap::new();
    let mut duplicates: HashMap<RoomId, Change> = HashMap::new();
    // Rooms where something was answered, somebody may be named, or there are files.
    let mut loaded: HashSet<RoomId> = HashSet::new();
    let (held_until_delivered, mut delivered) = mpsc::channel(1);
    for (submission, outcome) in batch.into_iter().zip(outcomes) {
        let room = submission.message.room;
        let (stored, author) = match outcome {
            Outcome::Stored(stored, author) => (stored, author),
            Outcome::NotAMember => {
                (submission.answer)(Err(SendError::NotAMember));
                continue;
            }
            Outcome::UnknownReply => {
                (submission.answer)(Err(SendError::UnknownReply));
                continue;
            }
            Outcome::UnknownFile => {
                (submission.answer)(Err(SendError::UnknownFile));
                continue;
            }
            Outcome::Locked => {
                locked.push(submission);
                continue;
            }
        };
        let message = &submission.message;
        if message.reply_to.is_some() || !message.names.is_empty() || !message.files.is_empty() {
            loaded.insert(room);
        }
        if stored.is_duplicate {
            let last = duplicates.entry(room).or_default();
            *last = (*last).max(stored.change);
        } else {
            let to = Position {
                change: stored.change,
                seq: stored.seq,
            };
            let first = || StoredBatch {
                room,
                after: Change(stored.change.0 - 1),
                to,
                messages: Vec::new(),
                held_until_delivered: held_until_delivered.clone(),
            };
            let stored_batch = stored_batches.entry(room).or_insert_with(first);
            stored_batch.to = to;
            stored_batch.messages.push(view(submission.message, stored, author));
        }
        (submission.answer)(Ok(stored));
    }
    // A commit whose answer was lost looks like this too: subscribers may not have received it.
    for (room, change) in duplicates {
        publisher.bus.publish(Event::RoomChanged { room, change });
    }
    for stored_batch in stored_batches.into_values() {
        let (room, change) = (stored_batch.room, stored_batch.to.change);
        if loaded.contains(&room) {
            // It is loaded: what is quoted may have changed until the commit, and who is named, and what a file is, is known
            // by then.
            publisher.bus.publish(Event::RoomChanged { room, change });
        } else {
            publisher.hand_over(stored_batch);
        }
    }
    drop(held_until_delivered);
    timeout(DELIVERY_TIMEOUT, delivered.recv()).await.ok();
    locked
}

fn view(message: NewMessage, stored: Stored, author: Author) -> MessageView {
    MessageView {
        seq: stored.seq,
        version: 1,
        change: stored.change,
        client_id: message.client_id,
        author,
        quote: None,
        body: Some(message.body.into_string()),
        mentions: Vec::new(),
        files: Vec::new(),
        is_deleted: false,
        created_at: message.created_at,
        edited_at: None,
        reactions: Vec::new(),
        continued: false,
        new_day: false,
    }
}
