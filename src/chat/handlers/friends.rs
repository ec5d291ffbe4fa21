//! The people I know, and how I find others.

use std::collections::HashSet;

use maud::Markup;
use poem::web::{Data, Form, Path, Query};
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response, handler};
use serde::Deserialize;

use crate::accounts::CurrentUser;
use crate::accounts::model::Author;
use crate::chat::views::{self, Found, Section};
use crate::chat::{Open, Shell};
use crate::friends::model::{Contacts, MIN_SEARCH, Relation};
use crate::friends::views::actions as relation;
use crate::friends::{actions, queries};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::components::profile_path;
use crate::web::errors::page_before;
use crate::web::htmx::changed;
use crate::web::lists::{limit, page_of};
use crate::{App, Result};

/// Which page of which list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Listed {
    list: String,
    after: String,
}

/// Who waits for me, whom I asked, and my friends; of a longer list a page by itself.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    request: &Request,
    Query(listed): Query<Listed>,
) -> Result<Markup> {
    let all = [Contacts::Asking, Contacts::Requested, Contacts::Friends];
    let one = all.into_iter().find(|list| list.as_str() == listed.list);
    let mut sections = Vec::with_capacity(all.len());
    for list in all.into_iter().filter(|list| one.is_none_or(|one| one == *list)) {
        sections.push(section(&app, &user, list, &listed.after).await?);
    }
    let path = request.uri().path_and_query().map_or("/friends", |path| path.as_str());
    let shell = Shell::load(&app, &ctx, &user, Open::Friends).await?;
    Ok(views::friends(&shell, &sections, path))
}

/// A page of one list of my people.
pub async fn section(app: &App, user: &CurrentUser, list: Contacts, after: &str) -> Result<Section> {
    let found = queries::list_contacts(&app.db, user.id, list, &fold(after), limit()).await?;
    let (contacts, after) = page_of(found, |contact| contact.person.username.clone());
    let online = match list {
        Contacts::Friends => app
            .presence
            .online_among(contacts.iter().map(|contact| contact.person.id)),
        Contacts::Asking | Contacts::Requested | Contacts::Blocked => HashSet::new(),
    };
    Ok(Section {
        list,
        contacts,
        online,
        after,
    })
}

/// Whom to look for, and from where on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    after: String,
}

/// Who fits the search; the list alone while somebody types.
#[handler]
pub async fn search(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Query(Search { q, after }): Query<Search>,
) -> Result<Markup> {
    let wanted = fold(q.trim().trim_start_matches('@'));
    let found = if wanted.chars().count() < MIN_SEARCH {
        Found { q, ..Found::default() }
    } else {
        app.throttle.check_search(user.id)?;
        let found = queries::search(&app.db, user.id, &wanted, &fold(&after), limit()).await?;
        let (contacts, after) = page_of(found, |contact| contact.person.username.clone());
        Found {
            q,
            contacts: Some(contacts),
            after,
        }
    };
    if ctx.htmx {
        return Ok(views::found(&ctx, &found));
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Friends).await?;
    Ok(views::search(&shell, &found))
}

/// Whom to ask.
#[derive(Deserialize)]
pub struct Asked {
    username: String,
}

/// Somebody who does something about another person.
pub struct Acting<'a> {
    app: &'a App,
    ctx: Ctx,
    user: CurrentUser,
    /// Where it was asked for.
    page: Option<String>,
}

impl<'a> FromRequest<'a> for Acting<'a> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self {
            app: Data::<&App>::from_request(request, body).await?.0,
            ctx: Ctx::from_request(request, body).await?,
            user: CurrentUser::from_request(request, body).await?,
            page: page_before(request),
        })
    }
}

impl Acting<'_> {
    /// What can be done now about the person, in its place; without script the page where it was asked for.
    async fn answer(self, person: Result<Author>, notice: &str) -> Result<Response> {
        let Self { app, ctx, user, page } = self;
        let person = person?;
        let fragment = async {
            let (person, standing) = actions::find(app, user.id, &person.username).await?;
            Ok(relation(&ctx, &person, standing))
        };
        let page = page.unwrap_or_else(|| profile_path(&person.username));
        Ok(changed(&ctx, &page, notice, fragment).await?.into_response())
    }
}

/// Asks somebody.
#[handler]
pub async fn create(by: Acting<'_>, Form(Asked { username }): Form<Asked>) -> Result<Response> {
    let person = actions::request(by.app, by.user.id, &username).await;
    by.answer(person, "Your request is sent.").await
}

/// Agrees.
#[handler]
pub async fn accept(by: Acting<'_>, Path(name): Path<String>) -> Result<Response> {
    let person = actions::accept(by.app, by.user.id, &name).await;
    by.answer(person, "You are friends now.").await
}

/// Does not agree.
#[handler]
pub async fn decline(by: Acting<'_>, Path(name): Path<String>) -> Result<Response> {
    let person = actions::end(by.app, by.user.id, &name, Relation::Asking).await;
    by.answer(person, "The request is declined.").await
}

/// Takes a request back.
#[handler]
pub async fn cancel(by: Acting<'_>, Path(name): Path<String>) -> Result<Response> {
    let person = actions::end(by.app, by.user.id, &name, Relation::Requested).await;
    by.answer(person, "Your request is taken back.").await
}

/// Ends a friendship.
#[handler]
pub async fn remove(by: Acting<'_>, Path(name): Path<String>) -> Result<Response> {
    let person = actions::end(by.app, by.user.id, &name, Relation::Friend).await;
    by.answer(person, "You are not friends any more.").await
}

/// Blocks somebody.
#[handler]
pub async fn block(by: Acting<'_>, Path(name): Path<String>) -> Result<Response> {
    let person = actions::block(by.app, by.user.id, &name).await;
    by.answer(person, "Blocked. They are not told.").await
}

/// Ends a block.
#[handler]
pub async fn unblock(by: Acting<'_>, Path(name): Path<String>) -> Result<Response> {
    let person = actions::unblock(by.app, by.user.id, &name).await;
    by.answer(person, "Not blocked any more.").await
}
