//! Who belongs to a room.

use maud::Markup;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Request, Response, handler};
use serde::Deserialize;

use super::invitations;
use crate::accounts::CurrentUser;
use crate::accounts::model::Username;
use crate::chat::views::{MembersPage, members, members_page, suggestions};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::rooms::model::{Kind, MemberRole, RoomAddress, path};
use crate::rooms::{actions, queries};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::errors::redraw;
use crate::web::htmx::changed;
use crate::web::lists::{limit, page_of};
use crate::{App, Error, Result};

/// So many people are offered to be named.
const SUGGESTED: i64 = 8;

/// Whom to show, and from where on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Listed {
    q: String,
    after: String,
}

/// The members, or those who fit the search; for htmx without the page around them.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    request: &Request,
    Path(slug): Path<String>,
    Query(listed): Query<Listed>,
) -> Result<Markup> {
    let mut shown = load(&app, &user, &slug, listed).await?;
    if let Some(path) = request.uri().path_and_query() {
        path.as_str().clone_into(&mut shown.path);
    }
    if ctx.htmx {
        return Ok(members(&ctx, &shown));
    }
    let shell = Shell::load(&app, &ctx, &user, Open::Room(shown.membership.room.id)).await?;
    Ok(members_page(&shell, &shown))
}

/// Others in the room whose names begin like what is typed, to be named in a message; and everybody, for those who may call
/// them.
#[handler]
pub async fn suggest(
    app: Data<&App>,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(listed): Query<Listed>,
) -> Result<Markup> {
    let membership = actions::enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    let typed = fold(&listed.q);
    let mut found = queries::list_members(&app.db, membership.room.id, &typed, "", SUGGESTED).await?;
    let keeps_order = membership.keeps_order(user.viewer.is_admin);
    let is_shadowed = |username: &str| keeps_order && fold(username) == Username::EVERYBODY;
    found.retain(|member| member.person.id != user.id && !is_shadowed(&member.person.username));
    let may_call = keeps_order && Username::EVERYBODY.starts_with(&typed);
    Ok(suggestions(&found, may_call, typed == Username::EVERYBODY))
}

/// Whom to take in.
#[derive(Deserialize)]
pub struct Added {
    username: String,
}

/// Takes a friend into a group; into a private room people are invited.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(Added { username }): Form<Added>,
) -> Result<Response> {
    let room = actions::enter(&app, user.id, RoomAddress::Slug(&slug)).await?.room;
    if room.kind == Kind::Private {
        return invitations::invite(&app, &ctx, &user, &slug, username).await;
    }
    let Err(error) = actions::add(&app, user.id, &slug, username.trim().trim_start_matches('@')).await else {
        return answer(&app, &ctx, &user, &slug, "They are in the room now.").await;
    };
    let mut shown = load(&app, &user, &slug, Listed::default()).await?;
    shown.typed = username;
    let shell = Shell::load(&app, &ctx, &user, Open::Room(shown.membership.room.id)).await?;
    redraw(error, |errors| {
        shown.errors = errors.clone();
        if ctx.htmx {
            members(&ctx, &shown)
        } else {
            members_page(&shell, &shown)
        }
    })
}

/// Puts a member out.
#[handler]
pub async fn remove(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, username)): Path<(String, String)>,
) -> Result<Response> {
    actions::remove(&app, user.id, &slug, &username).await?;
    answer(&app, &ctx, &user, &slug, "They are not in the room any more.").await
}

/// Which role.
#[derive(Deserialize)]
pub struct Role {
    role: String,
}

/// Gives a member another role.
#[handler]
pub async fn set_role(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, username)): Path<(String, String)>,
    Form(Role { role }): Form<Role>,
) -> Result<Response> {
    let role = MemberRole::parse(&role)
        .ok_or_else(|| Error::Invalid(FieldErrors::one("role", "Choose owner, moderator or member.")))?;
    actions::set_role(&app, user.id, &slug, &username, role).await?;
    answer(&app, &ctx, &user, &slug, "The role is changed.").await
}

/// After a change: the members as they are now.
async fn answer(app: &App, ctx: &Ctx, user: &CurrentUser, slug: &str, notice: &str) -> Result<Response> {
    let fragment = async {
        let shown = load(app, user, slug, Listed::default()).await?;
        Ok(members(ctx, &shown))
    };
    let list = format!("{}/members", path(slug));
    Ok(changed(ctx, &list, notice, fragment).await?.into_response())
}

async fn load(app: &App, user: &CurrentUser, slug: &str, Listed { q, after }: Listed) -> Result<MembersPage> {
    let membership = actions::enter(app, user.id, RoomAddress::Slug(slug)).await?;
    if membership.room.kind == Kind::Direct {
        return Err(Error::NotFound);
    }
    let room = membership.room.id;
    let wanted = fold(q.trim().trim_start_matches('@'));
    if !wanted.is_empty() {
        app.throttle.check_search(user.id)?;
    }
    let found = queries::list_members(&app.db, room, &wanted, &fold(&after), limit()).await?;
    let (members, after) = page_of(found, |member| member.person.username.clone());
    Ok(MembersPage {
        total: queries::count_members(&app.db, room).await?,
        path: format!("{}/members", path(&membership.room.slug)),
        q,
        online: app.presence.online_among(members.iter().map(|member| member.person.id)),
        members,
        after,
        typed: String::new(),
        errors: FieldErrors::default(),
        membership,
    })
}
