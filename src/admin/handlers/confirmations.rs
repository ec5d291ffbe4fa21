//! Asks administrators for their password again, now and then, before they change something.

use bytes::Bytes;
use poem::http::StatusCode;
use poem::{FromRequest, IntoResponse, Request, Response};
use url::form_urlencoded;

use crate::accounts::{CurrentUser, passwords};
use crate::admin::views;
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::middleware::Next;
use crate::web::errors::redraw;
use crate::web::forwarded::Client;
use crate::web::limits::changes_something;
use crate::web::{Ctx, TypedForm};
use crate::{App, Error, Result};

/// Carries out what an administrator does only when they gave their password a short while ago, or give it now. Else it
/// asks for it, in a form that holds everything that was sent, so that with the password it is done.
pub async fn confirm_administrator(next: Next, mut request: Box<Request>) -> poem::Result<Response> {
    let is_act = request.uri().path().starts_with("/admin/") && changes_something(request.method());
    if let Some(user) = CurrentUser::of(&request).filter(|user| is_act && user.viewer.is_admin) {
        let body = request.take_body().into_bytes().await?;
        if let Some(question) = question(&request, &user, &body).await? {
            return Ok(question);
        }
        request.set_body(body);
    }
    next.call(request).await
}

/// The question for the password; None when it needs not be asked.
async fn question(request: &Request, user: &CurrentUser, body: &Bytes) -> poem::Result<Option<Response>> {
    let app = App::of(request)?;
    if passwords::is_confirmed(app, user).await? {
        return Ok(None);
    }
    let ctx = Ctx::from_request_without_body(request).await?;
    let form = TypedForm::sent(request, body).ok_or(Error::Forbidden("Confirm your password first."))?;
    let password = form_urlencoded::parse(body).find(|(name, _)| name == "password");
    let target = request.header("hx-target").and_then(id_of);
    let ask = |error| ask(app, &ctx, user, (&form, target.as_deref()), error);
    let Some((_, password)) = password else {
        let asked = ask(Error::Invalid(FieldErrors::default())).await?;
        return Ok(Some(if ctx.htmx {
            let to_dialog = asked.with_status(StatusCode::OK);
            to_dialog
                .with_header("HX-Retarget", "#dialog")
                .with_header("HX-Reswap", "innerHTML")
                .into_response()
        } else {
            asked.with_status(StatusCode::FORBIDDEN).into_response()
        }));
    };
    let client = Client::from_request_without_body(request).await?;
    let mut errors = FieldErrors::default();
    match passwords::confirm(app, user, &client, ("password", &password), &mut errors).await {
        Ok(_) if errors.is_empty() => Ok(None),
        Ok(_) => Ok(Some(ask(Error::Invalid(errors)).await?)),
        Err(error) => Ok(Some(ask(error).await?)),
    }
}

/// The selector of the element that htmx names, like `section#jobs`.
fn id_of(element: &str) -> Option<String> {
    let (_, id) = element.split_once('#')?;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| format!("#{id}"))
}

/// The form for the password: alone for htmx, which puts it into the dialog, else as a page.
async fn ask(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    (form, target): (&TypedForm, Option<&str>),
    error: Error,
) -> Result<Response> {
    if ctx.htmx {
        return redraw(error, |errors| views::confirmation(ctx, form, target, errors));
    }
    let shell = Shell::load(app, ctx, user, Open::Admin).await?;
    redraw(error, |errors| views::confirmation_page(&shell, form, errors))
}
