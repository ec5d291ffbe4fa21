//! What a room that people made is called, what it is for, what new members may read, and its end.

use maud::Markup;
use poem::web::{Data, Form, Path};
use poem::{Response, handler};
use serde::Deserialize;

use crate::accounts::CurrentUser;
use crate::chat::views::{SettingsForm, room_settings};
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::rooms::actions;
use crate::rooms::model::{History, Membership, RoomAddress, RoomTitle, Settings, Topic, path};
use crate::web::Ctx;
use crate::web::errors::redraw;
use crate::web::htmx::lead_to;
use crate::{App, Error, Result};

/// The form.
#[handler]
pub async fn show(app: Data<&App>, ctx: Ctx, user: CurrentUser, Path(slug): Path<String>) -> Result<Markup> {
    let membership = enter(&app, &user, &slug).await?;
    let shell = Shell::load(&app, &ctx, &user, Open::Room(membership.room.id)).await?;
    let (form, none) = (SettingsForm::of(&membership.room), FieldErrors::default());
    Ok(room_settings(&shell, &membership, (&form, &none), ("", &none)))
}

/// Changes them, and leads back into the room.
#[handler]
pub async fn update(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(form): Form<SettingsForm>,
) -> Result<Response> {
    let outcome = match parse(&form) {
        Ok(settings) => actions::update(&app, user.id, &slug, &settings, &[]).await,
        Err(error) => Err(error),
    };
    let Err(error) = outcome else {
        return Ok(lead_to(&ctx, &path(&slug)));
    };
    let membership = enter(&app, &user, &slug).await?;
    let shell = Shell::load(&app, &ctx, &user, Open::Room(membership.room.id)).await?;
    let none = FieldErrors::default();
    redraw(error, |errors| {
        room_settings(&shell, &membership, (&form, errors), ("", &none))
    })
}

/// What was typed to confirm.
#[derive(Deserialize)]
pub struct Confirmation {
    title: String,
}

/// Deletes the room, and leads to the chat home.
#[handler]
pub async fn destroy(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(Confirmation { title }): Form<Confirmation>,
) -> Result<Response> {
    let Err(error) = actions::delete_own(&app, user.id, &slug, &title).await else {
        return Ok(lead_to(&ctx, "/chat/"));
    };
    let membership = enter(&app, &user, &slug).await?;
    let shell = Shell::load(&app, &ctx, &user, Open::Room(membership.room.id)).await?;
    let (form, none) = (SettingsForm::of(&membership.room), FieldErrors::default());
    redraw(error, |errors| {
        room_settings(&shell, &membership, (&form, &none), (&title, errors))
    })
}

/// The room, for one of those who may change it.
async fn enter(app: &App, user: &CurrentUser, slug: &str) -> Result<Membership> {
    let membership = actions::enter(app, user.id, RoomAddress::Slug(slug)).await?;
    if membership.room.kind.is_own() && membership.role.may_manage() {
        Ok(membership)
    } else {
        Err(Error::NotFound)
    }
}

fn parse(form: &SettingsForm) -> Result<Settings> {
    let mut errors = FieldErrors::default();
    let title = errors.take("title", RoomTitle::parse(&form.title));
    let topic = errors.take("topic", Topic::parse(&form.topic));
    let history = History::parse(&form.history);
    if history.is_none() && !form.history.is_empty() {
        errors.add("history", "Choose one of these.");
    }
    if errors.is_empty() {
        Ok(Settings { title, topic, history })
    } else {
        Err(Error::Invalid(errors))
    }
}
