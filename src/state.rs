//! What every handler and task shares.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use moka::sync::Cache;
use poem::Request;
use sqlx::PgPool;
use tokio::sync::Notify;
use tower_sessions::session::Id;
use uuid::Uuid;

use crate::bus::Bus;
use crate::config::Config;
use crate::database::KeyedStore;
use crate::ids::{KeyId, SessionId, UserId};
use crate::messages::Writer;
use crate::messages::sending::PlaceCache;
use crate::realtime::{Hub, Presence};
use crate::storage::Storage;
use crate::throttle::Throttle;
use crate::vault::{AccessTokens, Vault};
use crate::{Error, Result};

/// Log-ins kept in the cache at most.
const CACHED_SESSIONS: u64 = 50_000;
/// How long a log-in that was ended on another node may still be honoured here.
const SESSION_CACHED: Duration = Duration::from_secs(2);

/// The parts of the running program. A clone is one pointer: each socket keeps some.
#[derive(Clone)]
pub struct App(Arc<AppState>);

impl App {
    /// The program that a request was made to.
    pub fn of(request: &Request) -> Result<&Self> {
        let app = request.data::<Self>();
        app.ok_or_else(|| Error::internal("a request that the program was not given to"))
    }
}

/// What an [`App`] consists of.
pub struct AppState {
    /// How it was started.
    pub config: Config,
    /// PostgreSQL.
    pub db: PgPool,
    /// Keys, sealing and opening.
    pub vault: Vault,
    /// The bytes of files.
    pub storage: Storage,
    /// Who may do how much.
    pub throttle: Throttle,
    /// Tells every node what changed.
    pub bus: Bus,
    /// The sockets of this node.
    pub hub: Hub,
    /// Who is online, on every node.
    pub presence: Presence,
    /// Stores messages.
    pub writer: Writer,
    /// Where people sent messages lately.
    pub places: PlaceCache,
    /// The origins whose pages may send requests and open sockets: exactly these.
    pub origins: Vec<String>,
    /// The session library's records.
    pub session_store: Arc<KeyedStore>,
    /// Makes and reads the access tokens of programs.
    pub access_tokens: AccessTokens,
    /// Log-ins as they were at most two seconds ago.
    pub logins: LoginCache,
    /// Set once somebody has an account; from then on there is no setup.
    pub has_users: AtomicBool,
    /// Wakes whoever does jobs.
    pub job_stored: Notify,
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
    /// The name that they are shown by.
    pub name: String,
    /// The name to log in with.
    pub username: String,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
    /// Whether the administration is open to them.
    pub is_admin: bool,
    /// Their data key.
    pub key: KeyId,
    /// Whether they hide that they are online.
    pub hides_presence: bool,
    /// Whether they have agreed to the privacy page as it is now.
    pub has_consented: bool,
    /// When it was looked up.
    pub look_up: LookUp,
}

/// What a log-in was looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The stored id of the session that a browser's cookie names.
    Cookie(Id),
    /// The log-in itself, which a program's token names.
    Token(SessionId),
}

/// Log-ins by what they were looked up by. One that ended on this node is never honoured again, although a request
/// that looked it up before may want to remember it afterwards: what was looked up counts only while nothing has ended
/// since.
#[derive(Debug)]
pub struct LoginCache {
    logins: Cache<Credential, Arc<Login>>,
    /// How often log-ins ended.
    endings: AtomicU64,
    /// Whether this node receives the end of every log-in from now on.
    is_listening: AtomicBool,
}

/// When the database was asked for a log-in: by how many had ended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookUp {
    endings: u64,
}

impl Default for LoginCache {
    fn default() -> Self {
        let logins = Cache::builder()
            .max_capacity(CACHED_SESSIONS)
            .time_to_live(SESSION_CACHED);
        Self {
            logins: logins.build(),
            endings: AtomicU64::new(0),
            is_listening: AtomicBool::new(false),
        }
    }
}

impl LoginCache {
    /// That log-in, if it was looked up lately.
    pub fn get(&self, id: &Credential) -> Option<Arc<Login>> {
        self.logins.get(id)
    }

    /// To be called before the database is asked for a log-in that will be inserted here.
    pub fn begin_look_up(&self) -> LookUp {
        LookUp {
            endings: self.endings.load(Ordering::SeqCst),
        }
    }

    /// Whether no log-in has ended since, as far as this node has received. What it receives later closes the sockets
    /// that are connected by then.
    pub fn is_current(&self, look_up: LookUp) -> bool {
        self.is_listening.load(Ordering::SeqCst) && self.begin_look_up() == look_up
    }

    /// To be called once, when the end of every log-in from now on will be received.
    pub fn listen(&self) {
        self.clear();
        self.is_listening.store(true, Ordering::SeqCst);
    }

    /// Remembers what was looked up, unless a log-in has ended since.
    pub fn insert(&self, id: Credential, login: Arc<Login>) {
        let look_up = login.look_up;
        self.logins.insert(id, login);
        // Asked afterwards: whoever ends a log-in counts first and clears then, so that one of the two removes it.
        if self.begin_look_up() != look_up {
            self.logins.invalidate(&id);
        }
    }

    /// Removes all of them, after some have ended on this node or on another, after somebody began to hide, or has
    /// another name. On this one, to be called after the change is committed.
    pub fn clear(&self) {
        self.endings.fetch_add(1, Ordering::SeqCst);
        self.logins.invalidate_all();
    }
}

impl From<AppState> for App {
    fn from(state: AppState) -> Self {
        Self(Arc::new(state))
    }
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl App {
    /// The time, to the microsecond that PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(cache: &LoginCache, id: Credential, look_up: LookUp) {
        let login = Login {
            session: SessionId::new(),
            user: UserId::new(),
            name: String::new(),
            username: String::new(),
            picture: None,
            is_admin: false,
            key: KeyId::new(),
            hides_presence: false,
            has_consented: true,
            look_up,
        };
        cache.insert(id, Arc::new(login));
    }

    #[test]
    fn what_was_looked_up_before_a_log_in_ended_is_not_remembered() {
        let (cache, id) = (LoginCache::default(), Credential::Cookie(Id::default()));
        let early = cache.begin_look_up();
        cache.clear();
        remember(&cache, id, early);
        assert!(cache.get(&id).is_none());
        remember(&cache, id, cache.begin_look_up());
        assert!(cache.get(&id).is_some());
    }

    #[test]
    fn nothing_is_current_that_was_looked_up_before_the_ends_of_log_ins_were_received() {
        let (cache, id) = (LoginCache::default(), Credential::Cookie(Id::default()));
        let early = cache.begin_look_up();
        remember(&cache, id, early);
        assert!(!cache.is_current(early), "an end may have passed unheard");
        cache.listen();
        assert!(!cache.is_current(early) && cache.get(&id).is_none());
        assert!(cache.is_current(cache.begin_look_up()));
    }
}
