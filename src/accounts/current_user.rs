//! Who makes a request: found by the session cookie, through a cache of two seconds, once per request.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::http::{HeaderMap, Method, header};
use poem::{FromRequest, Request, RequestBody, Response};
use tower_sessions::Session;

use super::model::{Author, CONSENT_VERSION, Role};
use super::{actions, queries, setup};
use crate::ids::{KeyId, SessionId, UserId};
use crate::middleware::Next;
use crate::state::{Credential, Login, LookUp};
use crate::web::errors::{way_back, with_next};
use crate::web::htmx::lead_to;
use crate::web::session::{Lifetime, login_of, session_cookie, session_of, set_session};
use crate::web::{Ctx, Viewer, see_other};
use crate::{App, Error, Result};

/// Where people are asked for their consent again.
pub(super) const CONSENT: &str = "/consent";

/// Where one gets without it: to what one is to agree to, and to one's data.
const WITHOUT_CONSENT: [&str; 4] = [CONSENT, "/privacy", "/about", "/settings/data"];

/// The use of a log-in is noted at most this often, so that reading pages writes nothing.
const NOTED_EVERY: chrono::TimeDelta = chrono::TimeDelta::hours(1);

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
    /// Whether they hide that they are online.
    pub hides_presence: bool,
    /// Whether they have agreed to the privacy page as it is now, or were never asked.
    pub has_consented: bool,
    /// When the log-in was looked up.
    pub look_up: LookUp,
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
            picture: self.viewer.picture,
        }
    }

    /// Who makes the request, as [`recognise_user`] found out.
    pub fn of(request: &Request) -> Option<Self> {
        request.data::<MaybeUser>().and_then(|user| user.0.clone())
    }
}

/// Leads to the setup while nobody has an account.
pub async fn lead_to_setup(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let app = App::of(&request)?;
    if !matches!(request.uri().path(), "/setup" | "/appearance") && setup::is_needed(app).await? {
        return Ok(see_other("/setup"));
    }
    next.call(request).await
}

/// Refuses everything while nobody has an account: a program cannot set up the server.
pub async fn refuse_before_setup(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let app = App::of(&request)?;
    if setup::is_needed(app).await? {
        return Err(Error::NotSetUp.into());
    }
    next.call(request).await
}

/// Finds out who makes the request, and renews the cookie of somebody who stays logged in when their log-in was
/// prolonged.
pub async fn recognise_user(next: Next, mut request: Box<Request>) -> poem::Result<Response> {
    let app = App::of(&request)?.clone();
    let session = session_of(request.headers(), &app);
    let found = recognise(&app, session.as_ref()).await?;
    let renewed = matches!(found, Some((_, Cookie::Renewed)))
        .then(|| session?.id())
        .flatten();
    request.set_data(MaybeUser(found.map(|(user, _)| user)));

    let mut response = next.call(request).await?;
    if let Some(id) = renewed
        && !sets_session(&response, &session_cookie(&app))
    {
        set_session(&mut response, &app, id, Lifetime::Device);
    }
    Ok(response)
}

/// Finds out by its access token whose program makes the request. Cookies are not looked at. A token that is no good counts
/// only where somebody has to be logged in: whoever gets a new one may still send the old one along.
pub async fn recognise_program(next: Next, mut request: Box<Request>) -> poem::Result<Response> {
    let app = App::of(&request)?.clone();
    let mut user = None;
    if let Some(token) = bearer(request.headers())? {
        user = find_bearer(&app, token).await?;
        if user.is_none() {
            request.set_data(BadToken);
        }
    }
    request.set_data(MaybeUser(user));
    next.call(request).await
}

/// Finds out who makes a request that pages and programs make alike: by its access token where it has one, by its cookie
/// where it has none.
pub async fn recognise_anybody(next: Next, request: Box<Request>) -> poem::Result<Response> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        recognise_program(next, request).await
    } else {
        recognise_user(next, request).await
    }
}

/// Stands in a request whose access token is no good.
#[derive(Clone)]
struct BadToken;

/// The token of `Authorization: Bearer`; of another scheme an empty one, which is no good.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Malformed("Send one Authorization header.".into()));
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .unwrap_or_default();
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    Ok(Some(if is_bearer { token.trim() } else { "" }))
}

/// Whose program sends that access token, if it is good.
pub async fn find_bearer(app: &App, token: &str) -> Result<Option<CurrentUser>> {
    let Some(token) = app.access_tokens.read(token, app.now()) else {
        return Ok(None);
    };
    let key = Credential::Token(token.session);
    if let Some(login) = app.logins.get(&key) {
        return Ok(Some(CurrentUser::from(&*login)));
    }
    // In a box, so that a log-in that is remembered needs no memory for the look-up.
    let found = Box::pin(find_login(app, key, token.session)).await?;
    Ok(found.map(|(user, _)| user))
}

/// The same, and until when the token is good.
pub async fn find_token(app: &App, token: &str) -> Result<Option<(CurrentUser, DateTime<Utc>)>> {
    let Some(read) = app.access_tokens.read(token, app.now()) else {
        return Ok(None);
    };
    let user = find_bearer(app, token).await?;
    Ok(user.map(|user| (user, read.expires_at)))
}

/// Asks whoever has not agreed to the privacy page as it is now, before they see another page. What is sent from a page that
/// is open goes through, and so do its sockets and styles.
pub async fn ask_for_consent(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let is_asked = CurrentUser::of(&request).is_some_and(|user| !user.has_consented);
    let ctx = request.data::<Ctx>().cloned().unwrap_or_default();
    let accept = request.header(header::ACCEPT).unwrap_or_default();
    let is_page = *request.method() == Method::GET && (ctx.htmx || accept.contains("text/html"));
    if is_asked && is_page && !WITHOUT_CONSENT.contains(&request.uri().path()) {
        return Ok(lead_to(&ctx, &with_next(CONSENT, &way_back(&ctx, &request))));
    }
    next.call(request).await
}

/// Whether the browser has to be given its cookie anew, because the log-in was prolonged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cookie {
    Kept,
    Renewed,
}

/// Whose the session is.
async fn recognise(app: &App, session: Option<&Session>) -> Result<Option<(CurrentUser, Cookie)>> {
    let Some((session, id)) = session.and_then(|session| Some((session, session.id()?))) else {
        return Ok(None);
    };
    let key = Credential::Cookie(app.session_store.stored_id(id));
    // Whoever has not consented may have done so a moment ago, on any node.
    if let Some(login) = app.logins.get(&key).filter(|login| login.has_consented) {
        return Ok(Some((CurrentUser::from(&*login), Cookie::Kept)));
    }
    let Some(login) = login_of(session).await? else {
        return Ok(None);
    };
    let found = find_login(app, key, login).await?;
    Ok(found.map(|(user, found)| {
        let is_renewed = found.is_prolonged && found.lifetime == Lifetime::Device;
        (user, if is_renewed { Cookie::Renewed } else { Cookie::Kept })
    }))
}

/// How a log-in was found.
struct FoundLogin {
    lifetime: Lifetime,
    is_prolonged: bool,
}

/// Looks a log-in up, notes that it is in use, and remembers it under `key`. One that began in another way than by such a
/// credential is none.
async fn find_login(app: &App, key: Credential, login: SessionId) -> Result<Option<(CurrentUser, FoundLogin)>> {
    let look_up = app.logins.begin_look_up();
    let now = app.now();
    let Some(found) = queries::find_session(&app.db, login, now).await? else {
        return Ok(None);
    };
    if matches!(key, Credential::Token(_)) != (found.lifetime == Lifetime::Program) {
        return Ok(None);
    }
    let is_prolonged = now - found.last_used_at >= NOTED_EVERY;
    if is_prolonged {
        queries::update_session_use(&app.db, found.id, now, actions::expiry(found.lifetime, now)).await?;
    }
    let login = Arc::new(Login {
        session: found.id,
        user: found.user,
        name: found.name,
        username: found.username,
        picture: found.picture,
        is_admin: Role::parse(&found.role) == Some(Role::Admin),
        key: found.key,
        hides_presence: found.hides_presence,
        has_consented: found.consent_version.is_none_or(|version| version == CONSENT_VERSION),
        look_up,
    });
    let user = CurrentUser::from(&*login);
    app.logins.insert(key, login);
    let lifetime = found.lifetime;
    Ok(Some((user, FoundLogin { lifetime, is_prolonged })))
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
            picture: login.picture,
            is_admin: login.is_admin,
        };
        Self {
            id: login.user,
            session_id: login.session,
            viewer,
            key: login.key,
            hides_presence: login.hides_presence,
            has_consented: login.has_consented,
            look_up: login.look_up,
        }
    }
}

impl<'a> FromRequest<'a> for MaybeUser {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(CurrentUser::of(request)))
    }
}

impl<'a> FromRequest<'a> for CurrentUser {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let MaybeUser(user) = MaybeUser::from_request(request, body).await?;
        let is_bad = request.data::<BadToken>().is_some();
        Ok(user.ok_or(if is_bad {
            Error::BadToken
        } else {
            Error::Unauthenticated
        })?)
    }
}

impl<'a> FromRequest<'a> for Administrator {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let MaybeUser(user) = MaybeUser::from_request(request, body).await?;
        Ok(Self(user.filter(|user| user.viewer.is_admin).ok_or(Error::NotFound)?))
    }
}
