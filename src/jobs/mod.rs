//! Work that must happen although the program stops: rows of `jobs`, one runner for every kind of them.
//!
//! - A job is stored in the transaction of what it belongs to: both are, or neither is.
//! - Any node takes it, claims it for a [`LEASE`] that it prolongs while it works, and holds no transaction meanwhile.
//!   Whoever vanishes lets the lease pass, and the job is done by another. So a job may be begun twice, and each kind
//!   has to bear that.
//! - What fails is tried again after each of [`PAUSES`], then given up and kept to be seen.
//! - What would come too late is given up instead of done: a mail whose link is dead.
//! - Payloads are sealed by the vault, each for its own row: they hold addresses and tokens.

mod queries;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use sqlx::PgConnection;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::database::within_limit;
use crate::{App, Error, Result};

/// How long a job is claimed for, and again each time that a third of it has passed.
const LEASE: Duration = Duration::from_secs(120);
/// How long to wait after the first failure, after the second, and so on.
const PAUSES: [TimeDelta; 5] = [
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(12),
];
/// How often the table is read although nothing was stored on this node.
const POLL_INTERVAL: Duration = Duration::from_secs(3);
/// A job that was given up is kept this long.
const GIVEN_UP_KEPT: TimeDelta = TimeDelta::days(30);

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Send a mail.
    Mail,
    /// Mail somebody a link to choose a new password with, if there is such a person.
    Reset,
    /// Delete what is left of an account.
    Erase,
    /// Delete messages of somebody.
    EraseMessages,
    /// Delete what is left of a room.
    DeleteRoom,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Mail,
        Self::Reset,
        Self::Erase,
        Self::EraseMessages,
        Self::DeleteRoom,
    ];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Reset => "reset",
            Self::Erase => "erase",
            Self::EraseMessages => "erase_messages",
            Self::DeleteRoom => "delete_room",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A job that this node has claimed.
#[derive(Debug)]
pub struct Job {
    /// The same each time that it is tried.
    pub id: Uuid,
    /// What to do.
    pub kind: Kind,
    /// With what.
    pub payload: String,
}

/// A row that was claimed, before its payload is opened.
struct Claim {
    id: Uuid,
    kind: String,
    payload: String,
    /// Which attempt this is, from 1. Whoever ends an attempt names it: one whose lease has passed changes nothing.
    attempt: i32,
    expires_at: Option<DateTime<Utc>>,
}

/// A job that was given up.
#[derive(Debug)]
pub struct GivenUp {
    /// Later for later jobs.
    pub id: Uuid,
    /// What was to be done: a [`Kind`], unless another version of the program stored it.
    pub kind: String,
    /// With what; empty when it does not open.
    pub payload: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub error: String,
    /// When that was.
    pub at: DateTime<Utc>,
    /// From when on it is of no use.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Stores a job in the caller's transaction. [`wake`] after the commit has it done at once.
pub async fn store(app: &App, tx: &mut PgConnection, kind: Kind, payload: &str) -> Result<()> {
    store_until(app, tx, kind, payload, None).await
}

/// The same for a job that is of no use from `expires_at` on.
pub async fn store_until(
    app: &App,
    tx: &mut PgConnection,
    kind: Kind,
    payload: &str,
    expires_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let id = Uuid::now_v7();
    let sealed = app.vault.seal(id, payload);
    queries::insert_job(tx, id, (kind.as_str(), &sealed), app.now(), expires_at).await?;
    Ok(())
}

/// Has this node look for jobs now.
pub fn wake(app: &App) {
    app.job_stored.notify_one();
}

/// Does what is due, one job after the other, for as long as the program runs. Several may run on one node.
pub async fn run(app: App, perform: impl AsyncFn(&App, &Job) -> Result<()>) {
    loop {
        match run_next(&app, &perform).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "jobs could not be read"),
        }
        // Whether it was woken or not.
        let _ = timeout(POLL_INTERVAL, app.job_stored.notified()).await;
    }
}

/// A page of the jobs that were given up, newest first: those before `before`.
pub async fn list_given_up(app: &App, before: Option<Uuid>, limit: i64) -> Result<Vec<GivenUp>> {
    let mut jobs = queries::list_given_up(&app.db, before, limit).await?;
    for job in &mut jobs {
        job.payload = app.vault.open_sealed(job.id, &job.payload).unwrap_or_default();
    }
    Ok(jobs)
}

/// How many jobs were given up.
pub async fn count_given_up(app: &App) -> Result<i64> {
    Ok(queries::count_given_up(&app.db).await?)
}

/// Has a job that was given up tried once more, from the commit on; its kind. None when it is not given up any more.
pub async fn retry(app: &App, tx: &mut PgConnection, id: Uuid) -> Result<Option<String>> {
    let attempts = i32::try_from(PAUSES.len()).map_err(Error::internal)?;
    Ok(queries::update_retried(tx, id, attempts, app.now()).await?)
}

/// Deletes a job that was given up; its kind. None when it is not given up any more.
pub async fn discard(tx: &mut PgConnection, id: Uuid) -> Result<Option<String>> {
    Ok(queries::delete_one_given_up(tx, id).await?)
}

/// Deletes jobs that were given up long ago.
pub async fn tidy(app: &App) -> Result<()> {
    let before = app.now() - GIVEN_UP_KEPT;
    Ok(within_limit(&app.db, async |db| queries::delete_given_up(db, before).await).await?)
}

/// Does one job that is due; false when there is none.
async fn run_next(app: &App, perform: &impl AsyncFn(&App, &Job) -> Result<()>) -> Result<bool> {
    let (now, kinds) = (app.now(), Kind::ALL.map(|kind| kind.as_str().to_owned()));
    let claimed = within_limit(&app.db, async |db| {
        queries::claim_job(db, &kinds, now, now + LEASE).await
    })
    .await?;
    let Some(claim) = claimed else { return Ok(false) };
    let is_too_late = |at| claim.expires_at.is_some_and(|expires_at| expires_at <= at);
    let outcome = if is_too_late(now) {
        Err(Error::internal("it came too late"))
    } else if usize::try_from(claim.attempt).is_ok_and(|attempt| attempt <= PAUSES.len() + 1) {
        tokio::select! {
            outcome = attempt(app, &claim, perform) => outcome,
            () = prolong(app, &claim) => return Ok(true),
        }
    } else {
        Err(Error::internal("the program ended in the middle of it"))
    };
    let (id, attempt) = (claim.id, claim.attempt);
    let Err(error) = outcome else {
        within_limit(&app.db, async |db| queries::delete_job(db, id, attempt).await).await?;
        return Ok(true);
    };
    let (now, error) = (app.now(), reason(&error));
    let pause = usize::try_from(attempt - 1)
        .ok()
        .and_then(|failures| PAUSES.get(failures))
        .filter(|pause| !is_too_late(now + **pause));
    tracing::warn!(job = %id, kind = claim.kind, attempt, error, given_up = pause.is_none(), "a job failed");
    within_limit(&app.db, async |db| match pause {
        Some(pause) => queries::update_failed(db, id, attempt, &error, now + *pause).await,
        None => queries::update_given_up(db, id, attempt, &error, now).await,
    })
    .await?;
    Ok(true)
}

async fn attempt(app: &App, claim: &Claim, perform: &impl AsyncFn(&App, &Job) -> Result<()>) -> Result<()> {
    let payload = app.vault.open_sealed(claim.id, &claim.payload);
    let job = Job {
        id: claim.id,
        kind: Kind::parse(&claim.kind).ok_or_else(|| Error::internal("its kind is not known"))?,
        payload: payload.map_err(|_| Error::internal("its payload does not open"))?,
    };
    // One that panics fails like others, instead of ending node after node.
    let done = AssertUnwindSafe(perform(app, &job)).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Error::internal("it panicked")))
}

/// What is noted of an error, for administrators.
fn reason(error: &Error) -> String {
    match error {
        Error::Unavailable(reason) | Error::Conflict(reason) => reason.clone(),
        Error::Internal(reason) => reason.to_string(),
        error => error.to_string(),
    }
}

/// Keeps the claim while the job is worked on; returns when it is somebody else's.
async fn prolong(app: &App, claim: &Claim) {
    loop {
        sleep(LEASE / 3).await;
        let until = app.now() + LEASE;
        let kept = within_limit(&app.db, async |db| {
            queries::update_lease(db, claim.id, claim.attempt, until).await
        });
        match kept.await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "the lease of a job could not be prolonged"),
        }
    }
}
