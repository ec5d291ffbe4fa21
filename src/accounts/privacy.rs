//! What a person decides about what others learn of them, and their consent.

use super::model::{CONSENT_VERSION, ConsentForm};
use super::queries;
use crate::bus::Event;
use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::{App, Error, Result};

/// Hides from now on that the person is online, or shows it again: on every node, for the sockets that are open too.
pub async fn hide_presence(app: &App, user: UserId, hides: bool) -> Result<()> {
    app.throttle.check_membership(user)?;
    let mut tx = app.db.begin().await?;
    let is_changed = queries::update_presence_hidden(&mut tx, user, hides).await?;
    if is_changed {
        queries::insert_presence_change(&mut tx, user).await?;
    }
    tx.commit().await?;
    if is_changed {
        app.logins.clear();
        app.bus.publish(Event::Revoked);
    }
    Ok(())
}

/// Notes that the person agrees to the privacy page as it is now.
pub async fn agree(app: &App, user: UserId, form: &ConsentForm) -> Result<()> {
    if !form.has_consent() {
        let sentence = "Read the privacy page and tick the box to go on.";
        return Err(Error::Invalid(FieldErrors::one("consent", sentence)));
    }
    Ok(queries::update_consent(&app.db, user, CONSENT_VERSION, app.now()).await?)
}

/// Hides from now on what the person has read, or shows it again.
pub async fn hide_receipts(app: &App, user: UserId, hides: bool) -> Result<()> {
    Ok(queries::update_receipts_hidden(&app.db, user, hides).await?)
}
