//! What every handler and task shares.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::bus::Bus;
use crate::config::Config;
use crate::messages::Writer;
use crate::realtime::Hub;
use crate::throttle::Throttle;
use crate::vault::Vault;

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
    /// Stores messages.
    pub writer: Writer,
}

impl App {
    /// The time, to the microsecond that PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        use chrono::SubsecRound;
        Utc::now().trunc_subsecs(6)
    }
}
