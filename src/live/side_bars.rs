//! Publishes to people what changed in their own part of the side bar.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::event::Event as PageEvent;
use crate::bus::{BusEvent, Event};
use crate::chat::mine;
use crate::database::within_limit;
use crate::ids::UserId;
use crate::realtime::Audience;
use crate::{App, Result};

/// Changes within this time become one.
const GATHER_INTERVAL: Duration = Duration::from_millis(100);

/// Receives whose side bar changed, and publishes.
pub(super) async fn run(app: &App) {
    let mut bus = app.bus.subscribe();
    let mut gather = interval(GATHER_INTERVAL);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changed = HashSet::new();
    loop {
        tokio::select! {
            _ = gather.tick(), if !changed.is_empty() => {
                if let Err(error) = publish(app, changed.drain().collect()).await {
                    tracing::warn!(%error, "changes of side bars could not be published");
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

async fn publish(app: &App, mut changed: Vec<UserId>) -> Result<()> {
    changed.retain(|user| app.hub.is_connected(*user));
    if changed.is_empty() {
        return Ok(());
    }
    let loaded = within_limit(&app.db, async |db| mine::load(db, &changed).await).await?;
    for (user, mine) in &loaded {
        for event in [PageEvent::SideBarChanged(mine), PageEvent::UnreadCounted(&mine.unread)] {
            app.hub.publish(Audience::User(*user), &event.frame()).await;
        }
    }
    Ok(())
}
