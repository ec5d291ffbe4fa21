//! Public rooms: make, list, change, archive, delete.

use maud::Markup;
use poem::http::StatusCode;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use super::{limit, page_of};
use crate::accounts::model::fold;
use crate::accounts::{Administrator, CurrentUser};
use crate::admin::queries;
use crate::admin::views::{self, RoomForm, RoomsPage};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::rooms::model::{RoomName, Show, Topic};
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result, rooms};

const LIST: &str = "/admin/rooms";

/// Which rooms, and from where on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    show: String,
    after: String,
}

/// The rooms, under the form to make one.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Query(filter): Query<Filter>,
) -> Result<Markup> {
    list(&app, &ctx, &user, &filter, RoomForm::default(), FieldErrors::default()).await
}

/// Makes a room.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Form(form): Form<RoomForm>,
) -> Result<Response> {
    let outcome = match parse(&form) {
        Ok((name, topic)) => rooms::actions::create(&app, name, topic).await.map(drop),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(see_other(LIST)),
        Err(Error::Invalid(errors)) => {
            let page = list(&app, &ctx, &user, &Filter::default(), form, errors).await?;
            Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The form to change a room.
#[handler]
pub async fn edit(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Path(slug): Path<String>,
) -> Result<Markup> {
    let room = queries::find_room(&app.db, &fold(&slug))
        .await?
        .ok_or(Error::NotFound)?;
    let form = RoomForm {
        name: room.title,
        topic: room.topic,
    };
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::room_edit(&shell, &room.slug, &form, &FieldErrors::default()))
}

/// Changes a room's name and topic.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Path(slug): Path<String>,
    Form(form): Form<RoomForm>,
) -> Result<Response> {
    let outcome = match parse(&form) {
        Ok((name, topic)) => rooms::actions::edit(&app, user.id, &slug, name, topic).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(see_other(LIST)),
        Err(Error::Invalid(errors)) => {
            let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
            let page = views::room_edit(&shell, &slug, &form, &errors);
            Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Makes a room read-only.
#[handler]
pub async fn archive(
    app: Data<&App>,
    Administrator(user): Administrator,
    Path(slug): Path<String>,
) -> Result<Response> {
    rooms::actions::archive(&app, user.id, &slug).await?;
    Ok(see_other(LIST))
}

/// Opens an archived room again.
#[handler]
pub async fn restore(
    app: Data<&App>,
    Administrator(user): Administrator,
    Path(slug): Path<String>,
) -> Result<Response> {
    rooms::actions::restore(&app, user.id, &slug).await?;
    Ok(see_other(LIST))
}

/// Asks before a room is deleted.
#[handler]
pub async fn ask(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    Path(slug): Path<String>,
) -> Result<Markup> {
    let room = queries::find_room(&app.db, &fold(&slug))
        .await?
        .ok_or(Error::NotFound)?;
    let shell = Shell::load(&app, &ctx, &user, Open::Admin).await?;
    Ok(views::room_delete(&shell, &room))
}

/// Deletes a room with everything in it.
#[handler]
pub async fn destroy(app: Data<&App>, _: Administrator, Path(slug): Path<String>) -> Result<Response> {
    rooms::actions::delete(&app, &slug).await?;
    Ok(see_other(LIST))
}

async fn list(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    filter: &Filter,
    form: RoomForm,
    errors: FieldErrors,
) -> Result<Markup> {
    let show = Show::parse(&filter.show);
    let found = rooms::queries::list_for_admin(&app.db, show, &fold(&filter.after), limit()).await?;
    let (rows, after) = page_of(found, |room| room.slug.clone());
    let total = rooms::queries::count_public_rooms(&app.db, show).await?;
    let shell = Shell::load(app, ctx, user, Open::Admin).await?;
    let page = RoomsPage {
        form,
        errors,
        show,
        total,
        rows,
        after,
        now: app.now(),
    };
    Ok(views::rooms(&shell, &page))
}

fn parse(form: &RoomForm) -> Result<(RoomName, Topic)> {
    let mut errors = FieldErrors::default();
    let name = errors.take("name", RoomName::parse(&form.name));
    let topic = errors.take("topic", Topic::parse(&form.topic));
    name.zip(topic).ok_or(Error::Invalid(errors))
}
