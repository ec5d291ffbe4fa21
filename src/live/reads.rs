//! How far people have read: what their pages say is gathered and stored for all of them at once, and what became of it is
//! published to their other pages, and to the others in the room as far as they may know it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::event::Event as PageEvent;
use super::programs::event as programs;
use crate::accounts::model::Author;
use crate::accounts::queries::list_authors;
use crate::bus::{BusEvent, Event, ReadMove, Shown};
use crate::database::within_limit;
use crate::ids::{RoomId, Seq, UserId};
use crate::realtime::{Audience, Listener};
use crate::rooms::actions::note_read;
use crate::rooms::model::Read;
use crate::rooms::queries::list_receipt_hiders;
use crate::{App, Error, Result};

/// What is said within this time is stored by one statement.
const GATHER_TIME: Duration = Duration::from_secs(1);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// So many are stored at once.
const BATCH: usize = 2_000;
/// Who in a large room hides what they read is asked once in this time.
const HIDERS_REMEMBERED: Duration = Duration::from_secs(30);

/// Who hides what they read, by the large rooms in which somebody read lately, and when that was asked.
type Hiders = HashMap<RoomId, (Instant, HashSet<UserId>)>;
/// How many people have read each room from one message to another.
type Counted = HashMap<RoomId, HashMap<(Seq, Seq), usize>>;

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
    let (mut bus, mut hiders) = (app.bus.subscribe(), Hiders::new());
    while let Some(received) = bus.next().await {
        if let BusEvent::Event(Event::ReadMoved { moves }) = received {
            for moved in &moves {
                let frame = PageEvent::ReadMoved(moved).frame();
                app.hub.publish(Audience::User(moved.user), &frame).await;
            }
            publish_receipts(app, &moves, &mut hiders).await;
        }
    }
}

/// Shows the others in each room who has read up to where, or how many have.
async fn publish_receipts(app: &App, moves: &[ReadMove], hiders: &mut Hiders) {
    let (mut named, mut ticked, mut counted) = (Vec::new(), Vec::new(), Counted::new());
    for moved in moves.iter().filter(|moved| app.hub.is_open(moved.room)) {
        let Some(receipt) = moved.receipt else { continue };
        match receipt.shown {
            Shown::Ticked => {
                let frame = PageEvent::ReceiptMoved(moved.room, moved.user, receipt.seq).frame();
                app.hub.publish(Audience::Room(moved.room), &frame).await;
                // Programs know people by their names.
                if app.hub.has(moved.room, Listener::Program) {
                    ticked.push((moved.room, moved.user, receipt.seq));
                }
            }
            Shown::Named => named.push((moved.room, moved.user, receipt.seq)),
            Shown::Counted => {
                let span = (receipt.before, receipt.seq);
                *counted.entry(moved.room).or_default().entry(span).or_default() += 1;
            }
        }
    }
    if !counted.is_empty() {
        publish_counted(app, counted, hiders).await;
    }
    for (of, listeners) in [
        (&named, &[Listener::Page, Listener::Program][..]),
        (&ticked, &[Listener::Program]),
    ] {
        if !of.is_empty()
            && let Err(error) = publish_named(app, of, listeners).await
        {
            tracing::debug!(%error, "it could not be shown who has read");
        }
    }
}

/// Pages add these up, so all but the hiders are told in any case.
async fn publish_counted(app: &App, counted: Counted, hiders: &mut Hiders) {
    let now = Instant::now();
    hiders.retain(|_, (asked_at, _)| now - *asked_at < HIDERS_REMEMBERED);
    let rooms: Vec<_> = counted
        .keys()
        .filter(|room| !hiders.contains_key(room))
        .copied()
        .collect();
    if !rooms.is_empty() {
        match within_limit(&app.db, async |db| list_receipt_hiders(db, &rooms).await).await {
            Ok(found) => {
                hiders.extend(rooms.into_iter().map(|room| (room, (now, HashSet::new()))));
                for (room, user) in found {
                    hiders.entry(room).and_modify(|(_, people)| _ = people.insert(user));
                }
            }
            Err(error) => tracing::debug!(%error, "it is not known who hides what they read"),
        }
    }
    let nobody = HashSet::new();
    for (room, spans) in counted {
        let spans: Vec<_> = spans.into_iter().collect();
        let frame = PageEvent::ReceiptsCounted(room, &spans).frame();
        let except = hiders.get(&room).map_or(&nobody, |(_, people)| people);
        app.hub.publish_except(room, Listener::Page, &frame, except).await;
    }
}

async fn publish_named(app: &App, named: &[(RoomId, UserId, Seq)], listeners: &[Listener]) -> Result<()> {
    let people: Vec<_> = named.iter().map(|(_, user, _)| *user).collect();
    let mut by_room: HashMap<RoomId, Vec<(&Author, Seq)>> = HashMap::new();
    let rooms: HashSet<_> = named.iter().map(|(room, ..)| *room).collect();
    let rooms: Vec<_> = rooms.into_iter().collect();
    let load = async |db: &mut PgConnection| {
        let authors = list_authors(&mut *db, &people).await?;
        Ok::<_, Error>((authors, list_receipt_hiders(db, &rooms).await?))
    };
    let (authors, hiders) = within_limit(&app.db, load).await?;
    for (room, user, seq) in named {
        if let Some(author) = authors.iter().find(|author| author.id == *user) {
            by_room.entry(*room).or_default().push((author, *seq));
        }
    }
    for (room, readers) in by_room {
        let hiders = hiders.iter().filter(|(of, _)| *of == room);
        let hiders = hiders.map(|(_, user)| *user).collect();
        for listener in listeners {
            let frames: Vec<_> = match listener {
                Listener::Page => vec![PageEvent::ReadersMoved(&readers).frame()],
                Listener::Program => {
                    let readers = readers.iter();
                    readers
                        .map(|(reader, seq)| programs::read(room, &reader.username, *seq))
                        .collect()
                }
            };
            for frame in &frames {
                app.hub.publish_except(room, *listener, frame, &hiders).await;
            }
        }
    }
    Ok(())
}
