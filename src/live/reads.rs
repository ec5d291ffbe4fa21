//! How far people have read: what their pages say is gathered and stored for all of them at once, and what became of it is
//! published to their other pages, and in a direct chat to the other person.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::event::Event as PageEvent;
use crate::App;
use crate::bus::{BusEvent, Event, ReadMove};
use crate::ids::{RoomId, UserId};
use crate::realtime::Audience;
use crate::rooms::actions::note_read;
use crate::rooms::model::Read;

/// What is said within this time is stored by one statement.
const GATHER_TIME: Duration = Duration::from_millis(500);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// So many are stored at once.
const BATCH: usize = 2_000;

/// What pages said, until it is stored: of a person and a room only how far they are.
#[derive(Debug, Default)]
pub(super) struct Reads {
    waiting: Mutex<HashMap<(RoomId, UserId), Read>>,
    came: Notify,
}

impl Reads {
    /// Notes that somebody has read.
    pub(super) fn note(&self, read: Read) {
        let mut waiting = self.lock();
        let known = waiting.entry((read.room, read.user)).or_insert(read);
        if (read.version, read.seq) > (known.version, known.seq) {
            *known = read;
        }
        drop(waiting);
        self.came.notify_one();
    }

    fn take(&self) -> Vec<Read> {
        let mut waiting = self.lock();
        let some: Vec<_> = waiting.keys().take(BATCH).copied().collect();
        some.iter().filter_map(|key| waiting.remove(key)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(RoomId, UserId), Read>> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores what is noted; after a failure once more.
pub(super) async fn run(app: &App, reads: &Reads) {
    loop {
        reads.came.notified().await;
        sleep(GATHER_TIME).await;
        loop {
            let some = reads.take();
            if some.is_empty() {
                break;
            }
            if let Err(error) = note_read(app, &some).await {
                tracing::warn!(%error, "it could not be noted what was read");
                for read in some {
                    reads.note(read);
                }
                sleep(RETRY_PAUSE).await;
                break;
            }
        }
    }
}

/// Publishes to pages on this node what has moved on any.
pub(super) async fn publish(app: &App) {
    let mut bus = app.bus.subscribe();
    while let Some(received) = bus.next().await {
        if let BusEvent::Event(Event::ReadMoved { moves }) = received {
            for moved in moves {
                publish_one(app, &moved).await;
            }
        }
    }
}

async fn publish_one(app: &App, moved: &ReadMove) {
    let frame = PageEvent::ReadMoved(moved).frame();
    app.hub.publish(Audience::User(moved.user), &frame).await;
    if let Some(seq) = moved.receipt {
        let frame = PageEvent::ReceiptMoved(moved.room, moved.user, seq).frame();
        app.hub.publish(Audience::Room(moved.room), &frame).await;
    }
}
