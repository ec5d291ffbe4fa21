//! The chat home and the room page.

use maud::Markup;
use poem::web::{Data, Form, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use super::Page;
use crate::accounts::CurrentUser;
use crate::chat::views::{Readers, Shown};
use crate::chat::{Open, Shell, views};
use crate::error::FieldErrors;
use crate::ids::{RoomId, Seq, UserId};
use crate::messages::history;
use crate::messages::model::{Cursor, History, Item, MessageView};
use crate::messages::views::{Action, Draft, UnreadLine};
use crate::rooms::actions::{self, enter};
use crate::rooms::model::{Kind, Level, Membership, RoomAddress, message_path, path};
use crate::rooms::queries;
use crate::text::fold;
use crate::web::htmx::changed;
use crate::web::{Ctx, see_other};
use crate::{App, Error, Result};

/// The chat home: the viewer's rooms.
#[handler]
pub async fn index(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Markup> {
    Ok(views::home(&Shell::load(&app, &ctx, &user, Open::Home).await?))
}

/// A room: its newest messages for a member, an invitation to join for others. A page whose room moved asks for it by its
/// id, and is led to where it is by now.
#[handler]
pub async fn show(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response> {
    let address = page.address(&slug);
    let found = match enter(&app, user.id, address).await {
        Err(Error::NotFound) if matches!(address, RoomAddress::Id(_)) => {
            enter(&app, user.id, RoomAddress::Slug(&slug)).await
        }
        found => found,
    };
    let drawn = match found {
        Ok(Membership { room, .. }) if fold(&room.slug) != fold(&slug) => {
            let query = page.query().replacen('?', "&", 1);
            return Ok(see_other(&format!("{}?room={}{query}", path(&room.slug), room.id)));
        }
        Ok(Membership { room, .. }) if let Some(date) = page.date => {
            return Ok(see_other(&format!("{}/messages?date={date}", path(&room.slug))));
        }
        Ok(membership) => {
            let (end, marked) = (page.end(), page.around.map(Seq));
            draw_at(&app, &ctx, &user, &membership, (end, marked), Draft::default()).await
        }
        Err(Error::NotFound) => {
            let room = queries::find_public_room(&app.db, &fold(&slug)).await?;
            let room = room.filter(|room| room.archived_at.is_none()).ok_or(Error::NotFound)?;
            let members = queries::count_members(&app.db, room.id).await?;
            let shell = Shell::load(&app, &ctx, &user, Open::Room(room.id)).await?;
            Ok(views::join(&shell, &room, members))
        }
        Err(error) => Err(error),
    };
    Ok(drawn?.into_response())
}

/// A message in its room: the page around it, where it is marked.
#[handler]
pub async fn show_message(
    app: Data<&App>,
    user: CurrentUser,
    Path((slug, seq)): Path<(String, i64)>,
) -> Result<Response> {
    let Membership { room, begins, .. } = enter(&app, user.id, RoomAddress::Slug(&slug)).await?;
    if seq <= begins.seq.0 || seq > room.last_seq.0 {
        return Err(Error::NotFound);
    }
    Ok(see_other(&message_path(&room.slug, Seq(seq))))
}

/// The room page, with the newest messages or with those before `end`.
pub(super) async fn draw(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    membership: &Membership,
    end: Option<Cursor>,
    draft: Draft<'_>,
) -> Result<Markup> {
    draw_at(app, ctx, user, membership, (end, None), draft).await
}

/// The same, with what the viewer can do with that message, for pages without script.
async fn draw_at(
    app: &App,
    ctx: &Ctx,
    user: &CurrentUser,
    membership: &Membership,
    (end, marked): (Option<Cursor>, Option<Seq>),
    draft: Draft<'_>,
) -> Result<Markup> {
    let shell = Shell::load(app, ctx, user, Open::Room(membership.room.id)).await?;
    let history = history::page(app, membership, end).await?;
    let room = membership.room.id;
    let online = if user.hides_presence {
        app.presence.count(room)
    } else {
        app.presence.count_with(room, user.id)
    };
    let (count, read) = match shell.mine.unread.get(&room) {
        Some(unread) => (unread.count, unread.read),
        None => (0, Seq(0)),
    };
    let line = UnreadLine {
        reader: user.id,
        read,
        count,
    };
    let readers = load_readers(app, membership, newest_of(&history, user.id)).await?;
    let own = shell.mine.rooms.iter().find(|own| own.id == room);
    let last_seen = match own.and_then(|own| own.partner.as_ref()) {
        Some(partner) => queries::find_last_seen(&app.db, user.id, partner.id).await?.flatten(),
        None => None,
    };
    let marked = history.items.iter().find_map(|one| match one {
        Item::Message(message) if Some(message.seq) == marked => {
            Some((message.seq, possible(membership, user, message)))
        }
        _ => None,
    });
    let shown = Shown {
        history,
        marked,
        // Whoever looks back has not come to read on.
        unread: end.is_none().then_some(line),
        read,
        readers,
        online,
        last_seen,
    };
    Ok(views::room(&shell, membership, &shown, draft))
}

/// What the viewer can do with that message.
pub(super) fn possible(membership: &Membership, user: &CurrentUser, message: &MessageView) -> Vec<Action> {
    let author = message.author.id;
    let actions = [
        (Action::Reply, !message.is_deleted && membership.may_write),
        (Action::SeeReactions, !message.reactions.is_empty()),
        (Action::Edit, message.body.is_some() && membership.may_edit(author)),
        (
            Action::Delete,
            !message.is_deleted && membership.may_delete(author, user.viewer.is_admin),
        ),
    ];
    actions
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(action, _)| action)
        .collect()
}

/// Who has read the messages of the viewer, of whom that one is the newest on the page.
async fn load_readers(app: &App, membership: &Membership, newest: Option<Seq>) -> Result<Readers> {
    let Membership { room, user, .. } = membership;
    if room.kind == Kind::Direct {
        let receipt = queries::find_receipt(&app.db, *user, room.id).await?;
        return Ok(receipt.map_or(Readers::Unknown, Readers::Ticked));
    }
    Ok(match queries::find_readership(&app.db, room.id, *user).await? {
        None => Readers::Unknown,
        Some((true, _)) => Readers::Named(queries::list_readers(&app.db, room.id, *user).await?),
        Some((false, own)) => {
            let seq = newest.unwrap_or(Seq(0));
            let count = match newest {
                Some(seq) => queries::count_readers(&app.db, room.id, *user, seq).await?,
                None => 0,
            };
            Readers::Counted { count, seq, own }
        }
    })
}

fn newest_of(history: &History, user: UserId) -> Option<Seq> {
    history.items.iter().rev().find_map(|one| match one {
        Item::Message(message) | Item::Altered(message) if message.author.id == user => Some(message.seq),
        _ => None,
    })
}

/// Of which message it is asked who has read it.
#[derive(Deserialize)]
pub struct Newest {
    seq: Option<i64>,
    /// In which room, whatever the address means by now.
    room: Option<Uuid>,
}

/// Who has read the messages of the viewer: for a page that was not connected for a while.
#[handler]
pub async fn show_readers(
    app: Data<&App>,
    user: CurrentUser,
    Path(slug): Path<String>,
    Query(Newest { seq, room }): Query<Newest>,
) -> Result<Markup> {
    let address = room.map_or(RoomAddress::Slug(&slug), |id| RoomAddress::Id(RoomId(id)));
    let membership = enter(&app, user.id, address).await?;
    Ok(views::readers(&load_readers(&app, &membership, seq.map(Seq)).await?))
}

/// What of a room the viewer is told of.
#[derive(Deserialize)]
pub struct Notify {
    level: String,
}

/// Changes it.
#[handler]
pub async fn set_level(
    app: Data<&App>,
    ctx: Ctx,
    user: CurrentUser,
    Path(slug): Path<String>,
    Form(Notify { level }): Form<Notify>,
) -> Result<Response> {
    let level = Level::parse(&level)
        .ok_or_else(|| Error::Invalid(FieldErrors::one("level", "Choose all, mentions or nothing.")))?;
    actions::set_level(&app, user.id, &slug, level).await?;
    let notice = match level {
        Level::All => "You are told of every message.",
        Level::Mentions => "You are told of mentions only.",
        Level::Nothing => "The room is muted.",
    };
    let fragment = async { Ok(views::levels(&ctx, &slug, level)) };
    changed(&ctx, &path(&slug), notice, fragment).await
}
