//! Publishes to everybody who is connected what changes in the list of public rooms: one frame for a room's members, one
//! for all others.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};

use super::event::Event as PageEvent;
use crate::bus::{BusEvent, Event};
use crate::database::within_limit;
use crate::ids::{RoomId, UserId};
use crate::realtime::Frame;
use crate::rooms::model::ListedRoom;
use crate::rooms::queries;
use crate::{App, Error, Result};

/// How often the list is checked although nothing was published.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Up to which version everybody on this node has been told of the changes; -1 until it was read.
#[derive(Debug)]
pub(super) struct RoomListVersion(AtomicI64);

impl Default for RoomListVersion {
    fn default() -> Self {
        Self(AtomicI64::new(-1))
    }
}

impl RoomListVersion {
    /// Whether a page that shows this version misses something that was published before it was connected.
    pub(super) fn is_newer_than(&self, shown: i64) -> bool {
        self.0.load(Ordering::SeqCst) > shown
    }
}

/// Receives that the list changed, checks it regularly, and publishes.
pub(super) async fn run(app: &App, version: &RoomListVersion) {
    let mut bus = app.bus.subscribe();
    let mut tick = interval(CHECK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            received = bus.next() => match received {
                Some(BusEvent::Event(Event::RoomListChanged) | BusEvent::Resync) => {}
                Some(BusEvent::Event(_)) => continue,
                None => return,
            },
        }
        if let Err(error) = check(app, version).await {
            tracing::warn!(%error, "the list of rooms could not be checked");
        }
    }
}

async fn check(app: &App, RoomListVersion(version): &RoomListVersion) -> Result<()> {
    let known = version.load(Ordering::SeqCst);
    let now = within_limit(&app.db, async |db| queries::find_room_list_version(db).await).await?;
    // First, so that whoever connects from here on sees that their page is older, and is sent the whole list.
    version.store(now, Ordering::SeqCst);
    // At the start nobody is connected; and what was published cannot be taken back where the database was.
    if (0..now).contains(&known)
        && let Err(error) = publish(app, known, now).await
    {
        version.store(known, Ordering::SeqCst);
        return Err(error);
    }
    Ok(())
}

/// Publishes what changed with the versions in `(known, now]` to everybody who is connected now.
async fn publish(app: &App, known: i64, now: i64) -> Result<()> {
    let people = app.hub.connected_people();
    if people.is_empty() {
        return Ok(());
    }
    let load = async |db: &mut PgConnection| {
        let changed = queries::list_changed_rooms(&mut *db, known, now).await?;
        let rooms: Vec<_> = changed.iter().map(|(room, _)| *room).collect();
        let members = queries::list_members_of(db, &rooms, &people).await?;
        Ok::<_, Error>((changed, members))
    };
    let (changed, members) = within_limit(&app.db, load).await?;
    let (people, members): (HashSet<_>, HashSet<_>) = (people.into_iter().collect(), members.into_iter().collect());
    for (room, listed) in &changed {
        let for_others = frame(now, *room, listed.as_ref().filter(|listed| !listed.archived));
        let joined = listed.clone().map(|listed| ListedRoom { joined: true, ..listed });
        let for_members = frame(now, *room, joined.as_ref());
        let frame_for = |user: UserId| match people.contains(&user) {
            true if members.contains(&(*room, user)) => Some(&for_members),
            true => Some(&for_others),
            false => None,
        };
        app.hub.publish_to_people(frame_for).await;
    }
    Ok(())
}

/// How a room stands in the list now, or that it does not.
fn frame(version: i64, room: RoomId, listed: Option<&ListedRoom>) -> Frame {
    match listed {
        Some(listed) => PageEvent::RoomListed(version, listed).frame(),
        None => PageEvent::RoomUnlisted(version, room).frame(),
    }
}
