//! Closes the sockets of log-ins that ended, drops keys that were destroyed, and hides people who want to be hidden, on
//! whichever node it was done.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::accounts::queries::{self, Revoked};
use crate::bus::{BusEvent, Event};
use crate::database::HeldConnection;
use crate::{App, Result};

/// How often the table is read although the bus said nothing: the bus may lose what is published.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long the database may take to answer. What ended while it was away must be known within two seconds of its
/// return, so this and the pause are short.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause before a check that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Reads `revocations` every second, and at once when the bus says that there is one.
pub(super) async fn run(app: &App) {
    let mut bus = app.bus.subscribe();
    let mut held = HeldConnection::with_limit(app.db.clone(), CHECK_TIMEOUT);
    let mut seen = loop {
        match held.run(async |db| queries::last_revocation(db).await).await {
            Ok(last) => break last,
            Err(error) => tracing::warn!(%error, "revocations could not be read"),
        }
        sleep(RETRY_PAUSE).await;
    };
    app.logins.listen();
    app.vault.forget_all();
    let (mut next, mut failed) = (Instant::now() + CHECK_INTERVAL, false);
    loop {
        tokio::select! {
            () = sleep_until(next) => {}
            received = bus.next() => match received {
                Some(BusEvent::Event(Event::Revoked)) => {}
                Some(BusEvent::Event(_)) => continue,
                // What ended elsewhere meanwhile must not live on in the cache.
                Some(BusEvent::Resync) => app.logins.clear(),
                None => return,
            },
        }
        let checked = check(app, &mut held, &mut seen).await;
        if let Err(error) = &checked
            && !failed
        {
            tracing::warn!(%error, "revocations could not be read");
        }
        failed = checked.is_err();
        next = Instant::now() + if failed { RETRY_PAUSE } else { CHECK_INTERVAL };
    }
}

/// Ends what was revoked after `seen`, drops keys, hides whoever hides since, and moves that on.
async fn check(app: &App, held: &mut HeldConnection, seen: &mut i64) -> Result<()> {
    let revoked = held.run(async |db| queries::list_revocations(db, *seen).await).await?;
    let Some((last, _)) = revoked.last() else {
        return Ok(());
    };
    *seen = *last;
    // First: whoever connects from now on either learns of it there, or is found below.
    app.logins.clear();
    let mut sessions = Vec::new();
    for (_, revoked) in revoked {
        match revoked {
            Revoked::Session(session) => sessions.push(session),
            Revoked::Key(key) => app.vault.forget(key),
            Revoked::Presence { user, hides } => app.presence.set_hidden(user, hides),
        }
    }
    app.hub.close_sessions(&sessions);
    Ok(())
}
