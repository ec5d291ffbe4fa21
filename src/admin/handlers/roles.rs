//! Who may do what.

use poem::web::{Data, Form, Path};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::users::{self, Search};
use crate::accounts::model::Role;
use crate::accounts::{Administrator, actions};
use crate::admin::views;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::htmx::{changed, query_of_page};
use crate::{App, Error, Result};

/// What a person is to become, and what was searched for on the page.
#[derive(Deserialize)]
pub struct Change {
    role: String,
    #[serde(default)]
    q: String,
}

/// Makes a person an administrator, or a member again.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(username): Path<String>,
    Form(change): Form<Change>,
) -> Result<Response> {
    let unknown = || Error::Invalid(FieldErrors::one("role", "Choose “admin” or “member”."));
    let role = Role::parse(&change.role).ok_or_else(unknown)?;
    actions::change_role(&app, user.id, &username, role).await?;
    let notice = match role {
        Role::Admin => "They are an administrator now.",
        Role::Member => "They are a member again.",
    };
    let people = async {
        let search = Search {
            q: change.q,
            ..query_of_page(request)
        };
        Ok(views::people(&ctx, &user.viewer, &users::find(&app, search).await?))
    };
    changed(&ctx, "/admin/users", notice, people).await
}
