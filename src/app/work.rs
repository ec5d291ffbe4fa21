//! Who does which kind of job.

use crate::accounts::passwords;
use crate::jobs::{Job, Kind};
use crate::{App, Result, mail, privacy, rooms};

/// Does a job, whatever it is.
pub(super) async fn perform(app: &App, job: &Job) -> Result<()> {
    match job.kind {
        Kind::Mail => mail::send(app, job).await,
        Kind::Reset => passwords::send_reset(app, job).await,
        Kind::Erase => privacy::actions::erase_account(app, job).await,
        Kind::EraseMessages => privacy::actions::erase_messages(app, job).await,
        Kind::DeleteRoom => rooms::actions::finish_deletion(app, job).await,
    }
}
