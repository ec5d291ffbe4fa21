//! Who may do what.

use poem::web::{Data, Form, Path};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::model::Role;
use crate::accounts::{Administrator, actions};
use crate::error::FieldErrors;
use crate::web::see_other;
use crate::{App, Error, Result};

/// What a person is to become.
#[derive(Deserialize)]
pub struct Change {
    role: String,
}

/// Makes a person an administrator, or a member again.
#[handler]
pub async fn update(
    app: Data<&App>,
    Administrator(user): Administrator,
    Path(username): Path<String>,
    Form(change): Form<Change>,
) -> Result<Response> {
    let unknown = || Error::Invalid(FieldErrors::one("role", "Choose “admin” or “member”."));
    let role = Role::parse(&change.role).ok_or_else(unknown)?;
    actions::change_role(&app, user.id, &username, role).await?;
    Ok(see_other("/admin/users"))
}
