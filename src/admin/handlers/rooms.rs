//! Public rooms: make, list, change, archive, delete.

use maud::Markup;
use poem::http::StatusCode;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Request, Response, handler};
use serde::Deserialize;

use crate::accounts::{Administrator, CurrentUser};
use crate::admin::queries;
use crate::admin::views::{self, RoomForm, RoomsPage};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::rooms::model::{RoomName, Show, Topic};
use crate::text::fold;
use crate::web::Ctx;
use crate::web::htmx::{changed, query_of_page};
use crate::web::lists::{limit, page_of};
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
        Ok((name, topic)) => rooms::actions::create(&app, user.id, name, topic).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            let content = async {
                let page = find(&app, &Filter::default(), RoomForm::default(), FieldErrors::default()).await?;
                Ok(views::room_made(&ctx, &page))
            };
            changed(&ctx, LIST, "The room is made.", content).await
        }
        Err(Error::Invalid(errors)) => {
            let answer = if ctx.htmx {
                views::new_room(&ctx, &form, &errors)
            } else {
                list(&app, &ctx, &user, &Filter::default(), form, errors).await?
            };
            Ok(answer.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The form to change a room: for htmx alone, to stand in a dialog.
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
    let question = views::room_edit(&ctx, &room.slug, &form, &FieldErrors::default());
    alone_or_in_page(&app, &ctx, &user, question).await
}

/// Changes a room's name and topic.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(slug): Path<String>,
    Form(form): Form<RoomForm>,
) -> Result<Response> {
    let outcome = match parse(&form) {
        Ok((name, topic)) => rooms::actions::edit(&app, user.id, &slug, name, topic).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => listed(&app, &ctx, request, "The room is changed.").await,
        Err(Error::Invalid(errors)) => {
            let question = views::room_edit(&ctx, &slug, &form, &errors);
            let page = alone_or_in_page(&app, &ctx, &user, question).await?;
            Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Makes a room read-only.
#[handler]
pub async fn archive(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(slug): Path<String>,
) -> Result<Response> {
    rooms::actions::archive(&app, user.id, &slug).await?;
    listed(&app, &ctx, request, "The room is archived.").await
}

/// Opens an archived room again.
#[handler]
pub async fn restore(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(slug): Path<String>,
) -> Result<Response> {
    rooms::actions::restore(&app, user.id, &slug).await?;
    listed(&app, &ctx, request, "The room is open again.").await
}

/// Asks before a room is deleted: for htmx the question alone, to stand in a dialog.
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
    alone_or_in_page(&app, &ctx, &user, views::room_delete(&ctx, &room)).await
}

/// Deletes a room with everything in it.
#[handler]
pub async fn destroy(
    app: Data<&App>,
    ctx: Ctx,
    Administrator(user): Administrator,
    request: &Request,
    Path(slug): Path<String>,
) -> Result<Response> {
    rooms::actions::delete(&app, user.id, &slug).await?;
    listed(&app, &ctx, request, "The room is deleted.").await
}

/// A question: alone for htmx, which puts it into the dialog, else as a page.
async fn alone_or_in_page(app: &App, ctx: &Ctx, user: &CurrentUser, question: Markup) -> Result<Markup> {
    if ctx.htmx {
        return Ok(question);
    }
    let shell = Shell::load(app, ctx, user, Open::Admin).await?;
    Ok(views::rooms_page(&shell, &question))
}

/// After a change of one room: the list as it is on the page that it was made from, with a notice.
async fn listed(app: &App, ctx: &Ctx, request: &Request, notice: &str) -> Result<Response> {
    let rows = async {
        let filter: Filter = query_of_page(request);
        let page = find(app, &filter, RoomForm::default(), FieldErrors::default()).await?;
        Ok(views::room_list(ctx, &page))
    };
    changed(ctx, LIST, notice, rows).await
}

async fn list(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    filter: &Filter,
    form: RoomForm,
    errors: FieldErrors,
) -> Result<Markup> {
    let page = find(app, filter, form, errors).await?;
    let shell = Shell::load(app, ctx, user, Open::Admin).await?;
    Ok(views::rooms_page(&shell, &views::rooms_content(ctx, &page)))
}

/// The rooms that the filter shows.
async fn find(app: &App, filter: &Filter, form: RoomForm, errors: FieldErrors) -> Result<RoomsPage> {
    let show = Show::parse(&filter.show);
    let found = rooms::queries::list_for_admin(&app.db, show, &fold(&filter.after), limit()).await?;
    let (rows, after) = page_of(found, |room| room.slug.clone());
    let total = rooms::queries::count_public_rooms(&app.db, show).await?;
    Ok(RoomsPage {
        form,
        errors,
        show,
        total,
        rows,
        after,
        now: app.now(),
    })
}

fn parse(form: &RoomForm) -> Result<(RoomName, Topic)> {
    let mut errors = FieldErrors::default();
    let name = errors.take("name", RoomName::parse(&form.name));
    let topic = errors.take("topic", Topic::parse(&form.topic));
    name.zip(topic).ok_or(Error::Invalid(errors))
}
