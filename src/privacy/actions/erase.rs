//! Deleting what is somebody's: the account with everything in it, or the messages alone. The account is gone and its key
//! destroyed in one transaction; what has to be gone through row by row is left to a job.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::accounts::CurrentUser;
use crate::accounts::passwords::confirm;
use crate::accounts::{self, erasure};
use crate::bus::Event;
use crate::database::within_limit;
use crate::error::FieldErrors;
use crate::files::removing::erase_unsent;
use crate::ids::{RoomId, UserId};
use crate::jobs::{self, Job, Kind};
use crate::messages::erasing::{self, Written};
use crate::privacy::queries;
use crate::rooms::actions::{enter, leave_all};
use crate::rooms::model::RoomAddress;
use crate::text::fold;
use crate::web::forwarded::Client;
use crate::{App, Error, Result, friends, rooms};

/// What a job has to delete.
#[derive(Serialize, Deserialize)]
struct Task {
    user: UserId,
    /// In one room, or everywhere.
    room: Option<RoomId>,
    /// What was written until then; all where the account goes.
    until: Option<DateTime<Utc>>,
}

impl Task {
    async fn store(&self, app: &App, tx: &mut PgConnection, kind: Kind) -> Result<()> {
        let payload = serde_json::to_string(self).map_err(Error::internal)?;
        jobs::store(app, tx, kind, &payload).await
    }

    fn of(job: &Job) -> Result<Self> {
        serde_json::from_str(&job.payload).map_err(Error::internal)
    }

    fn written(&self) -> Written {
        Written {
            author: self.user,
            room: self.room,
            until: self.until,
        }
    }
}

/// What is asked for before an account is deleted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AccountForm {
    /// The password.
    password: String,
    /// The username, typed once more.
    pub username: String,
}

/// Deletes the person's account: nobody can log in to it or read anything of it from then on, on any node.
pub async fn delete_account(app: &App, user: &CurrentUser, form: &AccountForm, client: &Client) -> Result<()> {
    let mut errors = FieldErrors::default();
    if fold(&form.username) != fold(&user.viewer.username) {
        errors.add("username", "This is not your username. Type it to confirm.");
    }
    confirm(app, user, client, ("password", &form.password), &mut errors).await?;
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let mut tx = app.db.begin().await?;
    let ended = erasure::erase(app, &mut tx, user.id).await?;
    let known = friends::queries::delete_ties(&mut tx, user.id).await?;
    rooms::queries::delete_invitations_with(&mut tx, user.id).await?;
    queries::delete_exports(&mut tx, user.id).await?;
    let task = Task {
        user: user.id,
        room: None,
        until: None,
    };
    task.store(app, &mut tx, Kind::Erase).await?;
    accounts::actions::end_sessions(app, tx, &ended).await?;
    jobs::wake(app);
    app.bus.publish(Event::AuthorChanged { user: user.id });
    app.bus.publish(Event::SideBarChanged { people: known });
    Ok(())
}

/// Goes through what the transaction that erased the account left: memberships, then messages, to which none is added once
/// there is no membership; and what a request stored that was on its way meanwhile.
pub async fn erase_account(app: &App, job: &Job) -> Result<()> {
    let task = Task::of(job)?;
    leave_all(app, task.user).await?;
    erasing::erase(app, task.written()).await?;
    erasing::erase_reactions(app, task.user, None).await?;
    erasing::erase_mentions(app, task.user).await?;
    erase_unsent(app, task.user).await?;
    within_limit(&app.db, async |db| {
        accounts::queries::delete_belongings(db, task.user).await?;
        friends::queries::delete_ties(db, task.user).await?;
        Ok::<_, Error>(())
    })
    .await
}

/// What is asked for before somebody's messages are deleted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct MessagesForm {
    /// The password.
    password: String,
    /// The place of a room of theirs, or `all`.
    pub room: String,
}

/// Has what the person wrote until now deleted, in one room or everywhere.
pub async fn delete_messages(app: &App, user: &CurrentUser, form: &MessagesForm, client: &Client) -> Result<()> {
    let mut errors = FieldErrors::default();
    let room = match form.room.as_str() {
        "all" => None,
        slug => match enter(app, user.id, RoomAddress::Slug(slug)).await {
            Ok(membership) => Some(membership.room.id),
            Err(Error::NotFound) => {
                errors.add("room", "Choose one of your rooms, or all.");
                None
            }
            Err(error) => return Err(error),
        },
    };
    confirm(app, user, client, ("password", &form.password), &mut errors).await?;
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let task = Task {
        user: user.id,
        room,
        until: Some(app.now()),
    };
    let mut tx = app.db.begin().await?;
    task.store(app, &mut tx, Kind::EraseMessages).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(())
}

/// Deletes the messages that somebody wanted deleted.
pub async fn erase_messages(app: &App, job: &Job) -> Result<()> {
    let task = Task::of(job)?;
    erasing::erase(app, task.written()).await?;
    if task.room.is_none() {
        erasing::erase_reactions(app, task.user, task.until).await?;
    }
    Ok(())
}
