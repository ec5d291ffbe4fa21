//! Logging in and out.

use poem::web::{Data, Form, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use super::answer;
use crate::accounts::current_user::{CONSENT, MaybeUser};
use crate::accounts::device_cookie::DeviceCookie;
use crate::accounts::model::LogInForm;
use crate::accounts::{actions, views};
use crate::error::FieldErrors;
use crate::web::forwarded::Client;
use crate::web::normalise::is_local;
use crate::web::session::clear_session;
use crate::web::{Ctx, TypedForm, see_other, send_again};
use crate::{App, Result};

/// Where to go after logging in.
#[derive(Deserialize)]
pub struct Destination {
    #[serde(default)]
    pub(super) next: String,
}

/// The empty form; whoever is logged in is led on.
#[handler]
pub fn new(
    Data(ctx): Data<&Ctx>,
    MaybeUser(user): MaybeUser,
    Query(Destination { next }): Query<Destination>,
) -> Response {
    if user.is_some() {
        return see_other(page_after(&next));
    }
    let form = LogInForm {
        next,
        ..LogInForm::default()
    };
    views::log_in(ctx, &form, &FieldErrors::default()).into_response()
}

/// Logs in, and leads to the page that was asked for before, or to the form that was refused: it comes there with a token
/// from before the log-in, so that it is shown and not carried out.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    before: MaybeUser,
    client: Client,
    device: DeviceCookie,
    Form(form): Form<LogInForm>,
) -> Result<Response> {
    let outcome = actions::log_in(&app, &form, &client, &device).await;
    answer(&app, before, device, outcome, after(&form), |errors| {
        views::log_in(&ctx, &form, errors)
    })
    .await
}

/// Logs out, and leads to the start page. Who is logged out already gets there too.
#[handler]
pub async fn destroy(app: Data<&App>, user: MaybeUser) -> Result<Response> {
    if let Some(user) = user.0 {
        actions::log_out(&app, user.session_id).await?;
    }
    let mut response = see_other("/");
    clear_session(&mut response, &app);
    Ok(response)
}

/// Where a log-in leads.
pub(super) fn after(form: &LogInForm) -> Response {
    let refused = TypedForm::from_field(&form.again);
    match refused.as_ref().map(TypedForm::action).filter(|action| is_ours(action)) {
        Some(action) => send_again(action),
        None => see_other(page_after(&form.next)),
    }
}

/// The page asked for, if it is one of ours and leads neither to the log-in nor to the consent again; else the chats.
pub fn page_after(next: &str) -> &str {
    if is_ours(next) { next } else { "/chat/" }
}

fn is_ours(next: &str) -> bool {
    is_local(next) && !next.starts_with("/accounts/") && !next.starts_with(CONSENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_to_pages_of_this_site_only() {
        assert_eq!(page_after("/chat/room/general"), "/chat/room/general");
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/accounts/login",
            "/consent?next=/chat/",
        ] {
            assert_eq!(page_after(next), "/chat/", "{next}");
        }
    }
}
