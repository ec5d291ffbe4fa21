//! Publishes to people what changed in their own part of the side bar.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::event::Event as PageEvent;
use crate::bus::{BusEvent, Event};
use crate::chat::mine;
use crate::database::within_limit;
use crate::ids::UserId;
use crate::realtime::Audience;
use crate::{App, Result};

/// Changes within this time become one.
const GATHER_INTERVAL: Duration = Duration::from_millis(100);
/// So many people's side bars are loaded together.
const BATCH: usize = 100;
/// Pause after the database did not answer.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Receives whose side bar changed, and publishes.
pub(super) async fn run(app: &App) {
    let mut bus = app.bus.subscribe();
    let mut gather = interval(GATHER_INTERVAL);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changed = HashSet::new();
    loop {
        tokio::select! {
            _ = gather.tick(), if !changed.is_empty() => {
                let some: Vec<_> = changed.iter().take(BATCH).copied().collect();
                match publish(app, &some).await {
                    Ok(()) => changed.retain(|user| !some.contains(user)),
                    Err(error) => {
                        tracing::warn!(%error, "changes of side bars could not be published");
                        sleep(RETRY_PAUSE).await;
                    }
                }
            }
            received = bus.next() => match received {
                Some(BusEvent::Event(Event::SideBarChanged { people })) => changed.extend(people),
                Some(BusEvent::Resync) => changed.extend(app.hub.connected_people()),
                Some(BusEvent::Event(_)) => {}
                None => return,
            },
        }
    }
}

async fn publish(app: &App, changed: &[UserId]) -> Result<()> {
    let changed: Vec<_> = changed
        .iter()
        .filter(|user| app.hub.is_connected(**user))
        .copied()
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let loaded = within_limit(&app.db, async |db| mine::load(app, db, &changed).await).await?;
    for (user, mine) in &loaded {
        for event in [
            PageEvent::SideBarChanged(mine),
            PageEvent::AllUnreadCounted(&mine.unread),
        ] {
            app.hub.publish(Audience::User(*user), &event.frame()).await;
        }
    }
    Ok(())
}
