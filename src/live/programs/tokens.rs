//! The access tokens by which sockets are open: each socket is told a minute before its token's end, and closed at its end
//! unless it was given a new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{MissedTickBehavior, interval};

use super::event::token_expiring;
use crate::App;
use crate::realtime::{CloseCode, Queue, Slot};

/// A socket is told so long before.
const NOTICE: TimeDelta = TimeDelta::seconds(60);
/// How often it is looked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The tokens of this node's sockets.
#[derive(Debug, Default)]
pub(in crate::live) struct Tokens(Mutex<HashMap<SocketKey, Token>>);

/// Where a socket's queue stands, which no other one does as long as the socket is there.
type SocketKey = usize;

#[derive(Debug)]
struct Token {
    queue: Arc<Queue>,
    slot: Slot,
    expires_at: DateTime<Utc>,
    is_told: bool,
}

impl Tokens {
    /// Notes until when a socket's token is good.
    pub(super) fn note(&self, queue: &Arc<Queue>, slot: Slot, expires_at: DateTime<Utc>) {
        let token = Token {
            queue: queue.clone(),
            slot,
            expires_at,
            is_told: false,
        };
        self.lock().insert(key(queue), token);
    }

    /// Forgets a socket that ends.
    pub(super) fn forget(&self, queue: &Arc<Queue>) {
        self.lock().remove(&key(queue));
    }

    fn check(&self, now: DateTime<Utc>) {
        for token in self.lock().values_mut() {
            if now >= token.expires_at {
                token.queue.close(CloseCode::SignedOut);
            } else if now >= token.expires_at - NOTICE && !token.is_told {
                token.is_told = true;
                token.queue.push(token.slot, &token_expiring());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketKey, Token>> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(queue: &Arc<Queue>) -> SocketKey {
    Arc::as_ptr(queue).addr()
}

/// Looks every second whose token ends.
pub(in crate::live) async fn run(app: &App, tokens: &Tokens) {
    let mut tick = interval(CHECK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        tokens.check(app.now());
    }
}
