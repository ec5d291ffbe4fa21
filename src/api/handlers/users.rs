//! People.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Response, handler};

use super::parse_id;
use crate::accounts::model::{Author, SignUpForm};
use crate::accounts::queries::{find_account, list_authors};
use crate::accounts::{CurrentUser, actions};
use crate::api::body::{Typed, answer, created, page};
use crate::api::model::{OwnUser, Registration, User};
use crate::api::query::{Query, cut};
use crate::friends;
use crate::friends::model::MIN_SEARCH;
use crate::ids::UserId;
use crate::rooms::queries::list_acquaintances;
use crate::text::fold;
use crate::web::forwarded::Client;
use crate::{App, Error, Result};

/// Makes an account. Names and address are optional; an address is confirmed by mail, whoever has given it before.
#[utoipa::path(post, path = "/api/register/", tag = "Tokens", request_body = Registration,
    responses((status = 201, description = "The account is made.", body = OwnUser,
        headers(("Location" = String, description = "Where the person is.")))))]
#[handler]
pub async fn create(app: Data<&App>, client: Client, Typed(sent): Typed<Registration>) -> Result<Response> {
    let form = SignUpForm {
        username: sent.username,
        email: sent.email,
        first_name: sent.first_name,
        last_name: sent.last_name,
        password: sent.password,
        consent: if sent.consent { "yes".into() } else { String::new() },
        ..SignUpForm::default()
    };
    let user = actions::register(&app, &form, &client).await?;
    created(&format!("/api/users/{user}/"), &own(&app, user).await?)
}

/// The person whose program asks.
#[utoipa::path(get, path = "/api/users/me/", tag = "People", security(("token" = [])),
    responses((status = 200, description = "Oneself.", body = OwnUser)))]
#[handler]
pub async fn me(app: Data<&App>, user: CurrentUser) -> Result<Response> {
    answer(StatusCode::OK, &own(&app, user.id).await?)
}

/// The people with whom one shares a room or a friendship; with `search` whoever has a name that begins so.
#[utoipa::path(get, path = "/api/users/", tag = "People", security(("token" = [])),
    params(("search" = Option<String>, Query, description = "What a username or name begins with, two letters or more."),
           ("cursor" = Option<String>, Query, description = "Where the next page begins, from the `Link` of the last one."),
           ("limit" = Option<i64>, Query, description = "People on one page.", minimum = 1, maximum = 100, example = 50)),
    responses((status = 200, description = "A page of people.", body = [User],
        headers(("Link" = Option<String>, description = "The next page, if there is one: `rel=\"next\"`.")))))]
#[handler]
pub async fn index(app: Data<&App>, user: CurrentUser, query: Query) -> Result<Response> {
    let query = query.only(&["search", "cursor", "limit"])?;
    let limit = query.limit()?;
    let search = fold(query.text("search").trim().trim_start_matches('@'));
    let (people, next) = if search.is_empty() {
        let after = UserId(query.cursor()?);
        let found = list_acquaintances(&app.db, user.id, after, limit + 1).await?;
        let (people, has_more) = cut(found, limit);
        let next = people
            .last()
            .filter(|_| has_more)
            .map(|person| vec![("cursor", person.id.to_string())]);
        (people, next)
    } else if search.chars().count() < MIN_SEARCH {
        (Vec::new(), None)
    } else {
        app.throttle.check_search(user.id)?;
        let found = friends::queries::search(&app.db, user.id, &search, &fold(query.text("cursor")), limit + 1).await?;
        let (found, has_more) = cut(found, limit);
        let people: Vec<Author> = found.into_iter().map(|contact| contact.person).collect();
        let next = people.last().filter(|_| has_more).map(|person| {
            let search = query.text("search").to_owned();
            vec![("search", search), ("cursor", person.username.clone())]
        });
        (people, next)
    };
    let next = next.map(|mut pairs| {
        pairs.push(("limit", limit.to_string()));
        serde_urlencoded::to_string(pairs).unwrap_or_default()
    });
    let people: Vec<_> = people.iter().map(User::of).collect();
    page("/api/users/", next.as_deref(), &people)
}

/// A person.
#[utoipa::path(get, path = "/api/users/{id}/", tag = "People", security(("token" = [])),
    params(("id" = Uuid, Path, description = "Which person.")),
    responses((status = 200, description = "The person.", body = User)))]
#[handler]
pub async fn show(app: Data<&App>, _user: CurrentUser, Path(id): Path<String>) -> Result<Response> {
    let found = list_authors(&app.db, &[UserId(parse_id(&id)?)]).await?;
    let person = found.iter().find(|person| !person.username.is_empty());
    answer(StatusCode::OK, &User::of(person.ok_or(Error::NotFound)?))
}

async fn own(app: &App, user: UserId) -> Result<OwnUser> {
    let account = find_account(&app.db, user).await?;
    Ok(account.ok_or(Error::NotFound)?.into())
}
