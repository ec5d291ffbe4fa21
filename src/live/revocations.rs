//! Closes the sockets of log-ins that ended, on whichever node they ended.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::App;
use crate::accounts::queries;
use crate::bus::{Event, Heard};

/// How often the table is read although the bus said nothing: the bus may lose what it was told.
const LOOK: Duration = Duration::from_secs(1);

/// Reads `revocations` every second, and at once when the bus tells of one.
pub(super) async fn run(app: &App) {
    let mut bus = app.bus.subscribe();
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Every socket looks at its log-in after it has subscribed: what was revoked before this is its own business.
    let mut seen = loop {
        match queries::last_revocation(&app.db).await {
            Ok(last) => break last,
            Err(error) => tracing::warn!(%error, "revocations could not be read"),
        }
        sleep(LOOK).await;
    };
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            heard = bus.next() => match heard {
                Some(Heard::Event(Event::Revoked)) => {}
                Some(Heard::Event(_)) => continue,
                // What ended elsewhere meanwhile must not live on in the cache.
                Some(Heard::Resync) => app.sessions.invalidate_all(),
                None => return,
            },
        }
        match queries::list_revoked_sessions(&app.db, seen).await {
            Ok(revoked) => {
                let Some((last, _)) = revoked.last() else { continue };
                seen = *last;
                app.sessions.invalidate_all();
                let sessions: Vec<_> = revoked.into_iter().map(|(_, session)| session).collect();
                app.hub.close_sessions(&sessions);
            }
            Err(error) => tracing::warn!(%error, "revocations could not be read"),
        }
    }
}
