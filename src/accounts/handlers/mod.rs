//! The pages of accounts: one file per resource.

pub(super) mod appearance;
pub(super) mod pictures;
pub(super) mod sessions;
pub(super) mod setup;
pub(super) mod users;

use maud::Markup;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};

use super::actions::{self, LoggedIn};
use super::current_user::MaybeUser;
use super::device_cookie::DeviceCookie;
use crate::error::FieldErrors;
use crate::web::errors::{set_retry_after, too_many};
use crate::web::session::{set_session, set_theme};
use crate::web::{Theme, see_other};
use crate::{App, Error, Result};

/// Leads somebody who has just logged in on, with their cookies; the log-in that their browser had before ends.
/// Without one, the form is drawn again with what was typed and what is wrong.
async fn answer(
    app: &App,
    before: MaybeUser,
    device: DeviceCookie,
    outcome: Result<LoggedIn>,
    next: &str,
    form: impl FnOnce(&FieldErrors) -> Markup,
) -> Result<Response> {
    match outcome {
        Ok(logged_in) => {
            if let Some(user) = before.0 {
                actions::log_out(app, user.session_id).await?;
            }
            let mut response = see_other(next);
            set_session(&mut response, app, logged_in.cookie, logged_in.lifetime);
            device.add(&mut response, app, logged_in.user);
            // Who never chose a theme keeps the one that the browser shows.
            if logged_in.theme != Theme::System {
                set_theme(&mut response, &app.config, logged_in.theme);
            }
            Ok(response)
        }
        Err(Error::Invalid(errors)) => Ok(form(&errors)
            .with_status(StatusCode::UNPROCESSABLE_ENTITY)
            .into_response()),
        Err(Error::TooMany { retry_after }) => {
            let errors = FieldErrors::one("form", too_many(retry_after));
            let mut response = form(&errors).with_status(StatusCode::TOO_MANY_REQUESTS).into_response();
            set_retry_after(&mut response, retry_after);
            Ok(response)
        }
        Err(error) => Err(error),
    }
}
