//! Reactions to messages: giving them, choosing one, and who gave which.

use maud::Markup;
use poem::http::header;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Request, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::editing::find;
use super::invitations::After;
use crate::accounts::CurrentUser;
use crate::accounts::model::Author;
use crate::chat::views::about_message;
use crate::chat::{Open, Shell};
use crate::error::FieldErrors;
use crate::ids::{Seq, UserId};
use crate::messages::model::Emoji;
use crate::messages::queries::list_reacting;
use crate::messages::reacting::toggle;
use crate::messages::views::reactions::{self, Reacting};
use crate::rooms::actions::enter;
use crate::rooms::model::{Membership, RoomAddress, message_path};
use crate::web::assets::accepts;
use crate::web::lists::{limit, page_of};
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// Reacts with an emoji, or takes that back.
#[handler]
pub async fn create(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
    Form(form): Form<Chosen>,
) -> Result<Response> {
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    react(&app, &ctx, &membership, Seq(seq), &form.emoji).await
}

/// What is chosen of a message's menu, or among all emoji.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    emoji: String,
}

/// The same for a reaction that stands under a message.
#[handler]
pub async fn create_in_room(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(form): Form<Pressed>,
) -> Result<Response> {
    let membership = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    let (seq, emoji) = form.reaction.split_once(' ').unwrap_or_default();
    let seq = seq.parse().map_err(|_| Error::NotFound)?;
    react(&app, &ctx, &membership, Seq(seq), emoji).await
}

/// What stands under a message: its number, and the emoji.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Pressed {
    reaction: String,
}

async fn react(app: &App, ctx: &Ctx, membership: &Membership, seq: Seq, emoji: &str) -> Result<Response> {
    let unknown = || Error::Invalid(FieldErrors::one("emoji", "Choose one of the emoji."));
    toggle(app, membership, seq, Emoji::parse(emoji).ok_or_else(unknown)?).await?;
    if ctx.htmx {
        return Ok(Markup::default().into_response());
    }
    Ok(see_other(&message_path(&membership.room.slug, seq)))
}

/// All emoji to choose from: for htmx alone, for everybody else on a page.
#[handler]
pub async fn new(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
) -> Result<Markup> {
    let (membership, message) = find(&app, &user, &slug, seq).await?;
    if message.is_deleted || !membership.may_write {
        return Err(Error::NotFound);
    }
    let picker = reactions::picker(&ctx, &membership.room.slug, message.seq);
    on_page(&app, &ctx, &user, &membership, "React to a message", picker).await
}

/// Who reacts to a message.
#[handler]
pub async fn index(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
    Query(After { after }): Query<After>,
) -> Result<Markup> {
    let (membership, message) = find(&app, &user, &slug, seq).await?;
    let (emoji, person) = after.split_once(' ').unwrap_or_default();
    let after = (emoji, UserId(Uuid::parse_str(person).unwrap_or_default()));
    let room = &membership.room;
    let rows = list_reacting(&app.db, (room.id, message.seq), after, limit()).await?;
    let (rows, after) = page_of(rows, |row| format!("{} {}", row.emoji, row.user));
    let people = rows.into_iter().map(|row| Reacting {
        emoji: row.emoji,
        author: Author {
            id: row.user,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
    });
    let people: Vec<_> = people.collect();
    let list = reactions::reacting_people(&room.slug, message.seq, &people, after.as_deref());
    on_page(&app, &ctx, &user, &membership, "Reactions", list).await
}

async fn on_page(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    membership: &Membership,
    title: &str,
    content: Markup,
) -> Result<Markup> {
    if ctx.htmx {
        return Ok(content);
    }
    let shell = Shell::load(app, ctx, user, Open::Room(membership.room.id)).await?;
    Ok(about_message(&shell, title, &content))
}

/// All emoji to choose one for the text in the composer.
#[handler]
pub fn choose(_: CurrentUser) -> Markup {
    reactions::picker_for_text()
}

/// Which of them are asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Version {
    v: String,
}

/// All emoji, as they stand in the form to choose one. They are the same for everybody, and as long as the address is.
#[handler]
pub fn show_all(request: &Request, _: CurrentUser, Query(Version { v }): Query<Version>) -> Response {
    // Another one's is asked of this node while both run.
    let kept = if v == *reactions::VERSION {
        "private, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let response = Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, kept)
        .header(header::VARY, "Accept-Encoding");
    match &*reactions::ALL_PACKED {
        Some(packed) if accepts(request, "gzip") => response
            .header(header::CONTENT_ENCODING, "gzip")
            .body(packed.as_slice()),
        _ => response.body(reactions::ALL.0.as_str()),
    }
}
