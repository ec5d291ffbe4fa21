//! Shows who types to the others in the room: neither to whom there is a block between them, nor to who does not belong to
//! the room any more. Nothing of it is stored.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::event::Event as PageEvent;
use super::programs::event as programs;
use crate::accounts::queries::list_authors;
use crate::bus::{BusEvent, Event};
use crate::database::within_limit;
use crate::friends::queries::list_blocks_between;
use crate::ids::{RoomId, UserId};
use crate::realtime::Listener;
use crate::rooms::queries::list_members_of;
use crate::{App, Error, Result};

/// A person is shown as typing once in this time; pages show it for five seconds.
pub(super) const TYPING_INTERVAL: Duration = Duration::from_secs(3);
/// So many people are shown in a room within that time: a page names two, and counts the others.
const SHOWN: usize = 4;
/// What comes within this time is looked up together.
const GATHER_INTERVAL: Duration = Duration::from_millis(200);

/// Receives who types, and publishes.
pub(super) async fn run(app: &App) {
    let mut bus = app.bus.subscribe();
    let mut gather = interval(GATHER_INTERVAL);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown: HashMap<RoomId, Vec<(UserId, Instant)>> = HashMap::new();
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            _ = gather.tick(), if !waiting.is_empty() => {
                if let Err(error) = publish(app, std::mem::take(&mut waiting)).await {
                    tracing::debug!(%error, "it could not be shown who types");
                }
            }
            received = bus.next() => match received {
                Some(BusEvent::Event(Event::Typing { room, user })) if app.hub.is_open(room) => {
                    let now = Instant::now();
                    shown.retain(|_, people| {
                        people.retain(|(_, at)| now - *at < TYPING_INTERVAL);
                        !people.is_empty()
                    });
                    let people = shown.entry(room).or_default();
                    if people.len() < SHOWN && people.iter().all(|(other, _)| *other != user) {
                        people.push((user, now));
                        waiting.push((room, user));
                    }
                }
                Some(_) => {}
                None => return,
            },
        }
    }
}

async fn publish(app: &App, typing: Vec<(RoomId, UserId)>) -> Result<()> {
    let (rooms, people): (Vec<_>, Vec<_>) = typing.iter().copied().unzip();
    let load = async |db: &mut PgConnection| {
        let members = list_members_of(&mut *db, &rooms, &people).await?;
        let authors = list_authors(&mut *db, &people).await?;
        Ok::<_, Error>((members, authors, list_blocks_between(db, &people).await?))
    };
    let (members, authors, blocks) = within_limit(&app.db, load).await?;
    for place in typing {
        let Some(author) = authors.iter().find(|author| author.id == place.1) else {
            continue;
        };
        if !members.contains(&place) {
            continue;
        }
        let except = not_for(author.id, &blocks);
        for (listener, frame) in [
            (Listener::Page, PageEvent::Typing(author).frame()),
            (Listener::Program, programs::typing(place.0, author)),
        ] {
            app.hub.publish_except(place.0, listener, &frame, &except).await;
        }
    }
    Ok(())
}

/// Who is not told what somebody does: that person, and whoever there is a block with.
pub(super) fn not_for(user: UserId, blocks: &[(UserId, UserId)]) -> HashSet<UserId> {
    let blocked = blocks.iter().filter(|(one, _)| *one == user).map(|(_, other)| *other);
    blocked.chain([user]).collect()
}
