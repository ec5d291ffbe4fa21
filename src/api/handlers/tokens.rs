//! How a program gets in and stays in.

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use crate::accounts::model::LogInForm;
use crate::accounts::programs::{self, Tokens};
use crate::api::body::{Typed, answer};
use crate::api::model::{Credentials, RefreshToken, TokenPair};
use crate::web::forwarded::Client;
use crate::{App, Error, Result};

/// Logs in. Too many tries are slowed down, for the account and for the address.
#[utoipa::path(post, path = "/api/token/", tag = "Tokens", request_body = Credentials,
    responses((status = 200, description = "Logged in.", body = TokenPair)))]
#[handler]
pub async fn create(app: Data<&App>, client: Client, Typed(sent): Typed<Credentials>) -> Result<Response> {
    let form = LogInForm {
        login: sent.username,
        password: sent.password,
        ..LogInForm::default()
    };
    let logged_in = programs::log_in(&app, &form, &client).await;
    pair(logged_in.map_err(|error| match error {
        Error::Invalid(errors) => Error::Invalid(errors.renamed(&[("form", "password")])),
        error => error,
    })?)
}

/// Uses a refresh token: the answer holds the next one. Whoever lost the answer may send the same one again for ten seconds;
/// later that ends the log-in, because the token was copied.
#[utoipa::path(post, path = "/api/token/refresh/", tag = "Tokens", request_body = RefreshToken,
    responses((status = 200, description = "The next pair.", body = TokenPair)))]
#[handler]
pub async fn refresh(app: Data<&App>, Typed(sent): Typed<RefreshToken>) -> Result<Response> {
    let tokens = programs::refresh(&app, &sent.refresh).await?;
    pair(tokens.ok_or(Error::BadToken)?)
}

/// Ends the log-in that a refresh token belongs to. One that belongs to none is no error.
#[utoipa::path(post, path = "/api/token/revoke/", tag = "Tokens", request_body = RefreshToken,
    responses((status = 204, description = "It has ended.")))]
#[handler]
pub async fn revoke(app: Data<&App>, Typed(sent): Typed<RefreshToken>) -> Result<StatusCode> {
    programs::revoke(&app, &sent.refresh).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn pair(tokens: Tokens) -> Result<Response> {
    let pair = TokenPair {
        access: tokens.access,
        refresh: tokens.refresh,
    };
    answer(StatusCode::OK, &pair)
}
