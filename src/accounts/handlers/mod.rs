//! The pages of accounts: one file per resource.

pub(super) mod appearance;
pub(super) mod consent;
pub(super) mod emails;
mod refused;
pub(super) mod reset;
pub(super) mod pictures;
pub(super) mod sessions;
pub(super) mod setup;
pub(super) mod users;

pub use refused::ask_to_log_in;

use maud::Markup;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};

use super::actions::{self, LoggedIn};
use super::current_user::MaybeUser;
use super::device_cookie::DeviceCookie;
use super::model::SignUpForm;
use crate::error::FieldErrors;
use crate::web::Theme;
use crate::web::errors::redraw;
use crate::web::session::{set_session, set_theme};
use crate::{App, Error, Result};

/// Behind a link that is used, too old, or none: a page that says so and leads on.
fn unless_over(outcome: Result<Response>, page: impl FnOnce() -> Markup) -> Result<Response> {
    match outcome {
        Err(Error::NotFound) => Ok(page().with_status(StatusCode::NOT_FOUND).into_response()),
        outcome => outcome,
    }
}

/// What came of a form that makes an account; where it was refused because it has been sent before, the log-in of that.
async fn unless_sent_before(app: &App, form: &SignUpForm, outcome: Result<LoggedIn>) -> Result<LoggedIn> {
    match outcome {
        Err(refusal @ (Error::Invalid(_) | Error::Conflict(_) | Error::NotFound)) => {
            actions::log_in_again(app, form).await?.ok_or(refusal)
        }
        outcome => outcome,
    }
}

/// Leads somebody who has just logged in on to `next`, with their cookies; the log-in that their browser had before ends.
/// Without one, the form is drawn again with what was typed and what is wrong.
async fn answer(
    app: &App,
    before: MaybeUser,
    device: DeviceCookie,
    outcome: Result<LoggedIn>,
    next: Response,
    form: impl FnOnce(&FieldErrors) -> Markup,
) -> Result<Response> {
    match outcome {
        Ok(logged_in) => {
            if let Some(user) = before.0
                && user.session_id != logged_in.session
            {
                actions::log_out(app, user.session_id).await?;
            }
            let mut response = next;
            set_session(&mut response, app, logged_in.cookie, logged_in.lifetime);
            device.add(&mut response, app, logged_in.user);
            // Who never chose a theme keeps the one that the browser shows.
            if logged_in.theme != Theme::System {
                set_theme(&mut response, &app.config, logged_in.theme);
            }
            Ok(response)
        }
        Err(error) => redraw(error, form),
    }
}
