//! What becomes of a form that is refused before its handler because of who sent it.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse, Request, Response};

use crate::Error;
use crate::accounts::current_user::CurrentUser;
use crate::accounts::model::LogInForm;
use crate::accounts::views;
use crate::error::FieldErrors;
use crate::web::Ctx;
use crate::web::csrf::OUT_OF_DATE;

/// Shows the log-in where a form was refused and nobody is logged in: what was typed goes along, and is in its place again
/// afterwards. Whether what the form is for exists makes no difference. Of somebody who is logged in, the page that shows
/// the form again says who they are.
pub async fn ask_to_log_in<E: Endpoint>(inner: Arc<E>, request: Request) -> poem::Result<Response> {
    let user = CurrentUser::of(&request);
    let ctx = request.data::<Ctx>().cloned().unwrap_or_default();
    let mut error = match inner.call(request).await {
        Ok(response) => return Ok(response.into_response()),
        Err(error) => error,
    };
    if let Some(user) = user {
        error.set_data(user.viewer);
        return Err(error);
    }
    let status = match error.downcast_ref::<Error>() {
        Some(Error::Unauthenticated) => StatusCode::UNAUTHORIZED,
        Some(Error::Forbidden(OUT_OF_DATE)) => StatusCode::FORBIDDEN,
        _ if error.status() == StatusCode::NOT_FOUND => StatusCode::NOT_FOUND,
        _ => return Err(error),
    };
    match ctx.typed.get() {
        Some(typed) if needs_log_in(&ctx.path) => {
            let form = LogInForm {
                again: typed.to_field(),
                ..LogInForm::default()
            };
            let page = views::log_in(&ctx, &form, &FieldErrors::default());
            Ok(page.with_status(status).into_response())
        }
        _ => Err(error),
    }
}

/// Whether the form at this address may need a log-in: all but those of this feature.
fn needs_log_in(path: &str) -> bool {
    !path.starts_with("/accounts/") && !matches!(path, "/setup" | "/appearance")
}
