//! What changes how people are shown.

use super::model::ProfileForm;
use super::queries;
use crate::bus::Event;
use crate::ids::UserId;
use crate::{App, Result};

/// Changes what a person says of themselves, and makes it known to whoever shows their name.
pub async fn update(app: &App, user: UserId, form: &ProfileForm) -> Result<()> {
    queries::update_profile(&app.db, user, &form.parse()?).await?;
    forget_logins(app, user).await?;
    app.bus.publish(Event::AuthorChanged { user });
    Ok(())
}

/// Removes a person's log-ins, which carry their name, from the cache of this node.
pub async fn forget_logins(app: &App, user: UserId) -> Result<()> {
    let ids = queries::list_store_ids(&app.db, user).await?;
    app.logins.remove(ids.iter().filter_map(|id| id.parse().ok()));
    Ok(())
}
