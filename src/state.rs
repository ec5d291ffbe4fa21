//! What every handler and task shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use moka::sync::Cache;
use sqlx::PgPool;
use tower_sessions::session::Id;

use crate::bus::Bus;
use crate::config::Config;
use crate::database::KeyedStore;
use crate::ids::{KeyId, SessionId, UserId};
use crate::messages::Writer;
use crate::realtime::{Hub, Presence};
use crate::throttle::Throttle;
use crate::vault::Vault;

/// Log-ins kept in the cache at most.
const CACHED_SESSIONS: u64 = 50_000;
/// How long a log-in that was ended on another node may still be honoured here.
const SESSION_CACHED: Duration = Duration::from_secs(2);

/// The parts of the running program: cheap to clone.
#[derive(Clone)]
pub struct App {
    /// How it was started.
    pub config: Arc<Config>,
    /// PostgreSQL.
    pub db: PgPool,
    /// Keys, sealing and opening.
    pub vault: Arc<Vault>,
    /// Who may do how much.
    pub throttle: Arc<Throttle>,
    /// Tells every node what changed.
    pub bus: Bus,
    /// The sockets of this node.
    pub hub: Arc<Hub>,
    /// Who is online, on every node.
    pub presence: Arc<Presence>,
    /// Stores messages.
    pub writer: Writer,
    /// The origins whose pages may send requests and open sockets: exactly these.
    pub origins: Arc<[String]>,
    /// The session library's records.
    pub session_store: Arc<KeyedStore>,
    /// Log-ins by the stored id of their session, as they were at most two seconds ago.
    pub sessions: Cache<Id, Arc<Login>>,
    /// Set once somebody has an account; from then on there is no setup.
    pub has_users: Arc<AtomicBool>,
    /// What time it is.
    pub clock: Clock,
}

/// The system's clock, which tests set forward and back. It dates what is stored; order, throttles and pauses do not
/// depend on it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How far it is ahead of the system's, in microseconds.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Sets it so far ahead of the system's clock, or behind.
    pub fn set_ahead(&self, by: TimeDelta) {
        let micros = by.num_microseconds().unwrap_or_default();
        self.ahead.store(micros, Ordering::Relaxed);
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))
    }
}

/// Whose a log-in is, as it was looked up.
#[derive(Debug)]
pub struct Login {
    /// Which log-in.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// First and last name, or the username.
    pub name: String,
    /// The name to log in with.
    pub username: String,
    /// Whether the administration is open to them.
    pub is_admin: bool,
    /// Their data key.
    pub key: KeyId,
}

/// An empty cache for [`App::sessions`].
pub fn session_cache() -> Cache<Id, Arc<Login>> {
    Cache::builder()
        .max_capacity(CACHED_SESSIONS)
        .time_to_live(SESSION_CACHED)
        .build()
}

impl App {
    /// The time, to the microsecond that PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }
}
