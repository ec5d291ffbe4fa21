//! What changes how people are shown.

use super::model::ProfileForm;
use super::queries;
use crate::bus::Event;
use crate::ids::UserId;
use crate::{App, Result};

/// Changes what a person says of themselves, and makes it known to whoever shows their name.
pub async fn update(app: &App, user: UserId, form: &ProfileForm) -> Result<()> {
    queries::update_profile(&app.db, user, &form.parse()?).await?;
    app.logins.clear();
    app.bus.publish(Event::AuthorChanged { user });
    Ok(())
}
