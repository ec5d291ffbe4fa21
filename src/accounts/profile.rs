//! What changes how people are shown.

use bytes::Bytes;
use uuid::Uuid;

use super::model::{Crop, ProfileForm};
use super::{picture, queries};
use crate::bus::Event;
use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::{App, Error, Result};

/// Changes what a person says of themselves, and makes it known to whoever shows their name.
pub async fn update(app: &App, user: UserId, form: &ProfileForm) -> Result<()> {
    app.throttle.check_membership(user)?;
    queries::update_profile(&app.db, user, &form.parse()?).await?;
    publish(app, user);
    Ok(())
}

/// Gives a person the picture in this file, or its part that the crop says.
pub async fn update_picture(app: &App, user: UserId, file: Bytes, crop: Option<Crop>) -> Result<()> {
    app.throttle.check_membership(user)?;
    let made = picture::squares(file, crop).await?;
    let squares = made.map_err(|sentence| Error::Invalid(FieldErrors::one("picture", sentence)))?;
    queries::upsert_picture(&app.db, user, Uuid::new_v4(), squares.content_type, &squares.files).await?;
    publish(app, user);
    Ok(())
}

/// Takes a person's picture away.
pub async fn delete_picture(app: &App, user: UserId) -> Result<()> {
    app.throttle.check_membership(user)?;
    queries::delete_picture(&app.db, user).await?;
    publish(app, user);
    Ok(())
}

/// Makes it known to every node, after the commit, that a person is shown in another way.
fn publish(app: &App, user: UserId) {
    app.logins.clear();
    app.bus.publish(Event::AuthorChanged { user });
}
