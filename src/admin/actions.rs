//! What administrators do about jobs. Each act is noted in the transaction that does it.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::accounts::model::Act;
use crate::accounts::queries::insert_act;
use crate::ids::UserId;
use crate::jobs::Kind;
use crate::{App, Result, jobs};

/// Has a job that was given up tried once more. Nothing happens when it is not given up any more.
pub async fn retry_job(app: &App, actor: UserId, id: Uuid) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if let Some(kind) = jobs::retry(app, &mut tx, id).await? {
        note(app, &mut tx, actor, Act::RetryJob, &kind).await?;
    }
    tx.commit().await?;
    jobs::wake(app);
    Ok(())
}

/// Deletes a job that was given up. Nothing happens when it is not given up any more.
pub async fn discard_job(app: &App, actor: UserId, id: Uuid) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if let Some(kind) = jobs::discard(&mut tx, id).await? {
        note(app, &mut tx, actor, Act::DiscardJob, &kind).await?;
    }
    Ok(tx.commit().await?)
}

async fn note(app: &App, tx: &mut PgConnection, actor: UserId, act: Act, kind: &str) -> Result<()> {
    Ok(insert_act(tx, actor, act, (None, &name_of(kind)), app.now()).await?)
}

/// What a job of that kind is called: nothing that it is about.
pub fn name_of(kind: &str) -> String {
    match Kind::parse(kind) {
        Some(Kind::Mail) => "Mail".into(),
        Some(Kind::Reset) => "Link to choose a new password".into(),
        Some(Kind::Erase) => "Erase a deleted account".into(),
        Some(Kind::EraseMessages) => "Erase somebody's messages".into(),
        Some(Kind::DeleteRoom) => "Erase a deleted room".into(),
        None => format!("Job “{kind}”"),
    }
}
