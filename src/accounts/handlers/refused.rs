//! What becomes of a form that is refused before its handler because of who sent it.

use poem::http::StatusCode;
use poem::{IntoResponse, Request, Response};

use super::sessions::{after, page_after};
use crate::Error;
use crate::accounts::current_user::CurrentUser;
use crate::accounts::model::{LogInForm, first_log_in};
use crate::accounts::views;
use crate::error::FieldErrors;
use crate::middleware::Next;
use crate::text::fold;
use crate::web::csrf::OUT_OF_DATE;
use crate::web::{Ctx, TypedForm, see_other};

/// Shows the log-in where a form was refused and nobody is logged in: what was typed goes along, and is in its place again
/// afterwards. Whether what the form is for exists makes no difference. Of somebody who is logged in, the page that shows
/// the form again says who they are.
pub async fn ask_to_log_in(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let user = CurrentUser::of(&request);
    let ctx = request.data::<Ctx>().cloned().unwrap_or_default();
    let mut error = match next.call(request).await {
        Ok(response) => return Ok(response.into_response()),
        Err(error) => error,
    };
    let is_stale = matches!(error.downcast_ref(), Some(Error::Forbidden(OUT_OF_DATE)));
    if let Some(user) = user {
        if let Some(typed) = ctx.typed.get().filter(|_| is_stale)
            && let Some(next) = sent_before(&ctx.path, typed, &user)
        {
            return Ok(next);
        }
        error.set_data(user.viewer);
        return Err(error);
    }
    let status = match error.downcast_ref::<Error>() {
        Some(Error::Unauthenticated) => StatusCode::UNAUTHORIZED,
        _ if is_stale => StatusCode::FORBIDDEN,
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

/// Where a form leads that was sent twice, if it logged its browser in the first time: the second has a token from before.
fn sent_before(path: &str, typed: &TypedForm, user: &CurrentUser) -> Option<Response> {
    let is_first = || first_log_in(typed.value("form_id"), typed.value("username")) == user.session_id;
    match path {
        "/accounts/signup" if is_first() => Some(see_other(page_after(typed.value("next")))),
        "/setup" if is_first() => Some(see_other("/admin/rooms")),
        "/accounts/login" if fold(typed.value("login")) == fold(&user.viewer.username) => Some(after(&LogInForm {
            next: typed.value("next").to_owned(),
            again: typed.value("again").to_owned(),
            ..LogInForm::default()
        })),
        _ => None,
    }
}

/// Whether the form at this address may need a log-in: all but those of this feature.
fn needs_log_in(path: &str) -> bool {
    !path.starts_with("/accounts/") && !matches!(path, "/setup" | "/appearance")
}
