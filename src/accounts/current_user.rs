//! Who makes a request: found by the session cookie, through a cache of two seconds, once per request.

use std::sync::Arc;

use poem::http::HeaderMap;
use poem::web::Data;
use poem::{Endpoint, FromRequest, IntoResponse, Request, RequestBody, Response};

use super::model::{Author, Role, full_name};
use super::{actions, queries, setup};
use crate::ids::{KeyId, SessionId, UserId};
use crate::state::Login;
use crate::web::session::{Token, session_cookie, set_session};
use crate::web::{Viewer, see_other};
use crate::{App, Error, Result};

/// The use of a log-in is noted at most this often, so that reading pages writes nothing.
const NOTED_EVERY: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// What is served before anybody has an account, and needs to know nobody.
const OPEN_PATHS: [&str; 3] = ["/assets/", "/healthz", "/readyz"];

/// The person who makes the request. As a parameter of a handler it is a demand: whoever is not logged in is led to
/// the log-in.
#[derive(Debug, Clone)]
pub struct CurrentUser {
    /// Who.
    pub id: UserId,
    /// By which log-in.
    pub session_id: SessionId,
    /// For the layout.
    pub viewer: Viewer,
    /// Their data key.
    pub key: KeyId,
}

/// The person who makes the request, or nobody.
#[derive(Debug, Clone)]
pub struct MaybeUser(pub Option<CurrentUser>);

/// An administrator who makes the request. For everybody else the page does not exist.
#[derive(Debug, Clone)]
pub struct Administrator(pub CurrentUser);

impl CurrentUser {
    /// As others see them.
    pub fn author(&self) -> Author {
        Author {
            id: self.id,
            username: self.viewer.username.clone(),
            name: self.viewer.name.clone(),
        }
    }

    /// Who makes the request, if they are logged in.
    pub async fn find(app: &App, request: &Request) -> Result<Option<Self>> {
        match request.data::<MaybeUser>() {
            Some(known) => Ok(known.0.clone()),
            None => Ok(recognise(app, request.headers()).await?.map(|(user, _)| user)),
        }
    }
}

/// Around every route: leads to the setup while nobody has an account, finds out who makes the request, and renews
/// the cookie of somebody who stays logged in when their log-in was prolonged.
pub async fn around<E: Endpoint>(inner: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let Data(app) = Data::<&App>::from_request_without_body(&request).await?;
    let app = app.clone();
    let path = request.uri().path();
    if OPEN_PATHS.iter().any(|open| path.starts_with(open)) {
        return inner.call(request).await.map(IntoResponse::into_response);
    }
    if !matches!(path, "/setup" | "/appearance") && setup::is_needed(&app).await? {
        return Ok(see_other("/setup"));
    }
    let found = recognise(&app, request.headers()).await?;
    let renewed = matches!(found, Some((_, true)))
        .then(|| Token::of(request.headers(), &app.config))
        .flatten();
    request.set_data(MaybeUser(found.map(|(user, _)| user)));

    let mut response = inner.call(request).await?.into_response();
    if let Some(token) = renewed
        && !sets_session(&response, session_cookie(&app.config))
    {
        set_session(&mut response, &app.config, &token, true);
    }
    Ok(response)
}

/// Whose the session cookie is, and whether the browser should be given it anew.
async fn recognise(app: &App, headers: &HeaderMap) -> Result<Option<(CurrentUser, bool)>> {
    let Some(token) = Token::of(headers, &app.config).map(|token| token.hash()) else {
        return Ok(None);
    };
    if let Some(login) = app.sessions.get(&token) {
        return Ok(Some((CurrentUser::from(&*login), false)));
    }
    let now = app.now();
    let Some(found) = queries::find_session(&app.db, &token, now).await? else {
        return Ok(None);
    };
    let prolong = now - found.last_used_at >= NOTED_EVERY;
    if prolong {
        queries::update_session_use(&app.db, found.id, now, actions::expiry(found.remember, now)).await?;
    }
    let login = Arc::new(Login {
        session: found.id,
        user: found.user,
        name: full_name(&found.first_name, &found.last_name, &found.username),
        username: found.username,
        is_admin: Role::parse(&found.role) == Some(Role::Admin),
        key: found.key,
    });
    let user = CurrentUser::from(&*login);
    app.sessions.insert(token, login);
    Ok(Some((user, prolong && found.remember)))
}

fn sets_session(response: &Response, name: &str) -> bool {
    let cookies = response.headers().get_all("set-cookie");
    cookies
        .iter()
        .any(|cookie| cookie.as_bytes().starts_with(name.as_bytes()))
}

impl From<&Login> for CurrentUser {
    fn from(login: &Login) -> Self {
        let viewer = Viewer {
            id: login.user,
            name: login.name.clone(),
            username: login.username.clone(),
            is_admin: login.is_admin,
        };
        Self {
            id: login.user,
            session_id: login.session,
            viewer,
            key: login.key,
        }
    }
}

impl<'a> FromRequest<'a> for MaybeUser {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let app = Data::<&App>::from_request(request, body).await?;
        Ok(Self(CurrentUser::find(&app, request).await?))
    }
}

impl<'a> FromRequest<'a> for CurrentUser {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let MaybeUser(user) = MaybeUser::from_request(request, body).await?;
        Ok(user.ok_or(Error::Unauthenticated)?)
    }
}

impl<'a> FromRequest<'a> for Administrator {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let MaybeUser(user) = MaybeUser::from_request(request, body).await?;
        Ok(Self(user.filter(|user| user.viewer.is_admin).ok_or(Error::NotFound)?))
    }
}
