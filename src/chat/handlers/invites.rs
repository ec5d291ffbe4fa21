//! The page on which owners and moderators let people in, and the links that they make.

use maud::Markup;
use poem::http::header::LOCATION;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Request, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::invitations::After;
use crate::accounts::{CurrentUser, MaybeUser, SignedUpByInvite};
use crate::chat::views::{InvitesForm, InvitesPage};
use crate::chat::{Open, Shell, views};
use crate::error::FieldErrors;
use crate::ids::InviteId;
use crate::middleware::Next;
use crate::rooms::actions;
use crate::rooms::model::{Terms, path};
use crate::rooms::queries::{list_invited, list_invites};
use crate::text::fold;
use crate::web::errors::redraw;
use crate::web::forwarded::Client;
use crate::web::htmx::lead_to;
use crate::web::lists::{limit, page_of};
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// Who is invited to the room, and its links.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Markup> {
    let page = load(&app, &user, &slug, &after).await?;
    let shell = Shell::load(&app, &ctx, &user, Open::Room(page.membership.room.id)).await?;
    Ok(views::invites(
        &shell,
        &page,
        &InvitesForm::default(),
        &FieldErrors::default(),
    ))
}

/// What a new link is to be good for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    expires: String,
    uses: String,
}

/// Makes a link, and shows it this once.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(Typed { expires, uses }): Form<Typed>,
) -> Result<Response> {
    // Before the fields are judged: of a room that is not theirs nothing is said.
    let membership = actions::manage(&app, user.id, &slug).await?;
    let made = match Terms::parse(&expires, &uses) {
        Ok(terms) => actions::create_invite(&app, user.id, &slug, terms).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(link) => {
            let shell = Shell::load(&app, &ctx, &user, Open::Room(membership.room.id)).await?;
            Ok(views::invite_made(&shell, &membership.room, &link).into_response())
        }
        Err(error) => {
            let form = InvitesForm {
                expires,
                uses,
                ..InvitesForm::default()
            };
            answer(&app, &ctx, &user, &slug, Err(error), &form).await
        }
    }
}

/// Ends a link.
#[handler]
pub async fn revoke(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Response> {
    let id = Uuid::parse_str(&id).map_err(|_| Error::NotFound)?;
    actions::revoke_invite(&app, user.id, &slug, InviteId(id)).await?;
    Ok(lead_to(&ctx, &page_of_room(&slug)))
}

/// What a link leads to: the room's name, who made the link, and the way in. Who is in the room is led into it.
#[handler]
pub async fn show(
    app: Data<&App>,
    ctx: Ctx,
    client: Client,
    MaybeUser(user): MaybeUser,
    Path(token): Path<String>,
) -> Result<Response> {
    app.throttle.check_invite(client.address)?;
    let invite = actions::open_invite(&app, &token, user.as_ref().map(|user| user.id)).await?;
    if invite.is_member {
        return Ok(see_other(&path(&invite.slug)));
    }
    let viewer = user.as_ref().map(|user| &user.viewer);
    Ok(views::invite(&ctx, viewer, &invite).into_response())
}

/// Joins the room that a link leads to, and leads into it.
#[handler]
pub async fn join(
    app: Data<&App>,
    ctx: Ctx,
    client: Client,
    user: CurrentUser,
    Path(token): Path<String>,
) -> Result<Response> {
    app.throttle.check_invite(client.address)?;
    let slug = actions::join_by_invite(&app, user.id, &token).await?;
    Ok(lead_to(&ctx, &path(&slug)))
}

/// Who made an account on the way through an invite link is in the room when they arrive. A link that is no good any more
/// leads to what says so.
pub async fn join_invited(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let app = App::of(&request)?.clone();
    let mut response = next.call(request).await?;
    if let Some(SignedUpByInvite { user, token }) = response.extensions_mut().remove() {
        match actions::join_by_invite(&app, user, &token).await {
            Ok(slug) => {
                let place = path(&slug).parse().map_err(Error::internal)?;
                response.headers_mut().insert(LOCATION, place);
            }
            Err(Error::NotFound | Error::TooMany { .. }) => {}
            Err(error) => tracing::warn!(%error, "an invite link was not used"),
        }
    }
    Ok(response)
}

/// After something was done on the page of a room: the page, or the page with what is wrong.
pub(super) async fn answer(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    slug: &str,
    done: Result<()>,
    form: &InvitesForm,
) -> Result<Response> {
    match done {
        Ok(()) => Ok(lead_to(ctx, &page_of_room(slug))),
        Err(error @ (Error::Invalid(_) | Error::TooMany { .. })) => {
            let page = load(app, user, slug, "").await?;
            let shell = Shell::load(app, ctx, user, Open::Room(page.membership.room.id)).await?;
            redraw(error, |errors| views::invites(&shell, &page, form, errors))
        }
        Err(error) => Err(error),
    }
}

/// Where the page of that room is.
pub(super) fn page_of_room(slug: &str) -> String {
    format!("{}/invites", path(slug))
}

async fn load(app: &App, user: &CurrentUser, slug: &str, after: &str) -> Result<InvitesPage> {
    let membership = actions::manage(app, user.id, slug).await?;
    let room = membership.room.id;
    let invited = list_invited(&app.db, room, &fold(after), limit()).await?;
    let (invited, after) = page_of(invited, |invited| invited.person.username.clone());
    let links = list_invites(&app.db, room, app.now()).await?;
    Ok(InvitesPage {
        membership,
        invited,
        after,
        links,
    })
}
