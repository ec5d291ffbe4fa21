//! Rooms that people make, and direct chats.

use maud::Markup;
use poem::web::{Data, Form, Path};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use crate::accounts::CurrentUser;
use crate::chat::views::RoomForm;
use crate::chat::{Open, Shell, views};
use crate::error::FieldErrors;
use crate::friends::model::{Contact, Contacts};
use crate::friends::queries::list_contacts;
use crate::rooms::actions;
use crate::rooms::model::{Entry, Kind, NewRoom, Reachable, RoomTitle, Topic, path};
use crate::web::components::profile_path;
use crate::web::errors::redraw;
use crate::web::htmx::lead_to;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// Friends to choose from.
const SHOWN_FRIENDS: i64 = 500;

/// The form of a new room.
#[handler]
pub async fn new(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    let friends = friends(&app, &user).await?;
    let shell = Shell::load(&app, &ctx, &user, Open::Home).await?;
    Ok(views::new_room(
        &shell,
        &RoomForm::default(),
        &friends,
        &FieldErrors::default(),
    ))
}

/// Makes a room, and leads into it.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let form = typed(fields);
    let made = match parse(&form) {
        Ok(checked) => actions::create_own(&app, user.id, checked).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(room) => Ok(lead_to(&ctx, &path(&room.slug))),
        Err(error) => {
            let friends = friends(&app, &user).await?;
            let shell = Shell::load(&app, &ctx, &user, Open::Home).await?;
            redraw(error, |errors| views::new_room(&shell, &form, &friends, errors))
        }
    }
}

/// What somebody wants to open by its name.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Named {
    name: String,
}

/// Leads to the room or the invitation of that name; where there is none, to the form of a room so named.
#[handler]
pub async fn open(app: Data<&App>, ctx: Ctx, user: CurrentUser, Form(Named { name }): Form<Named>) -> Result<Response> {
    match actions::find_by_name(&app, user.id, &name).await? {
        Some(Reachable::Room(slug)) => Ok(lead_to(&ctx, &path(&slug))),
        Some(Reachable::Invitation(slug)) => Ok(lead_to(&ctx, &format!("/invitations#invitation-{slug}"))),
        None => {
            let form = RoomForm {
                title: name,
                ..RoomForm::default()
            };
            let friends = friends(&app, &user).await?;
            let shell = Shell::load(&app, &ctx, &user, Open::Home).await?;
            let draw = |errors: &FieldErrors| views::new_room(&shell, &form, &friends, errors);
            match parse(&form) {
                Ok(_) => Ok(draw(&FieldErrors::default()).into_response()),
                Err(error) => redraw(error, draw),
            }
        }
    }
}

/// The direct chat with a person: their profile while there is none.
#[handler]
pub async fn show_direct(app: Data<&App>, user: CurrentUser, Path(name): Path<String>) -> Result<Response> {
    let found = actions::find_direct(&app, user.id, &name).await?;
    Ok(see_other(
        &found.map_or_else(|| profile_path(&name), |slug| path(&slug)),
    ))
}

/// Opens the direct chat with a friend.
#[handler]
pub async fn create_direct(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(name): Path<String>) -> Result<Response> {
    let slug = actions::open_direct(&app, user.id, &name).await?;
    Ok(lead_to(&ctx, &path(&slug)))
}

async fn friends(app: &App, user: &CurrentUser) -> Result<Vec<Contact>> {
    Ok(list_contacts(&app.db, user.id, Contacts::Friends, "", SHOWN_FRIENDS).await?)
}

/// The fields by their names; `members` may come many times.
fn typed(fields: Vec<(String, String)>) -> RoomForm {
    let mut form = RoomForm::default();
    for (name, value) in fields {
        match name.as_str() {
            "title" => form.title = value,
            "topic" => form.topic = value,
            "kind" => form.kind = value,
            "members" => form.members.push(value),
            _ => {}
        }
    }
    form
}

fn parse(form: &RoomForm) -> Result<NewRoom> {
    let mut errors = FieldErrors::default();
    let title = errors.take("title", RoomTitle::parse(&form.title));
    let topic = errors.take("topic", Topic::parse(&form.topic));
    let kind = match form.kind.as_str() {
        "" | "private" => Kind::Private,
        "group" => Kind::Group,
        _ => return Err(Error::Invalid(FieldErrors::one("kind", "Choose one of these."))),
    };
    match (title, topic) {
        (Some(title), Some(topic)) => Ok(NewRoom {
            kind,
            title,
            topic,
            chosen: form.members.clone(),
            entry: if kind == Kind::Group {
                Entry::Added
            } else {
                Entry::Invited
            },
        }),
        _ => Err(Error::Invalid(errors)),
    }
}
