//! Publishes how a person is shown from now on, to those who may have their name on the screen: the person, and whoever
//! is in a room with them. Programs are told by the rooms that they are subscribed to. A page that is away at that time shows the new name when it is loaded again.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};

use super::event::Event as PageEvent;
use super::programs::event as programs;
use crate::accounts::queries::list_authors;
use crate::bus::{BusEvent, Event};
use crate::database::within_limit;
use crate::ids::UserId;
use crate::realtime::{Audience, Listener};
use crate::rooms::queries::{list_members_of, list_roommates};
use crate::{App, Error, Result};

/// Changes within this time become one, so that whoever changes their name all the time costs little.
const GATHER_INTERVAL: Duration = Duration::from_millis(300);

/// Receives who changed, and publishes.
pub(super) async fn run(app: &App) {
    let mut bus = app.bus.subscribe();
    let mut gather = interval(GATHER_INTERVAL);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changed = HashSet::new();
    loop {
        let outcome = tokio::select! {
            _ = gather.tick(), if !changed.is_empty() => publish(app, changed.drain().collect()).await,
            received = bus.next() => match received {
                Some(BusEvent::Event(Event::AuthorChanged { user })) => {
                    app.logins.clear();
                    changed.insert(user);
                    continue;
                }
                Some(_) => continue,
                None => return,
            },
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "a changed name could not be published");
        }
    }
}

async fn publish(app: &App, changed: Vec<UserId>) -> Result<()> {
    let (connected, rooms) = (app.hub.connected_people(), app.hub.rooms_with(Listener::Program));
    let load = async |db: &mut PgConnection| {
        let authors = list_authors(&mut *db, &changed).await?;
        let roommates = list_roommates(&mut *db, &changed, &connected).await?;
        let places = if rooms.is_empty() {
            Vec::new()
        } else {
            list_members_of(db, &rooms, &changed).await?
        };
        Ok::<_, Error>((authors, roommates, places))
    };
    let (authors, roommates, places) = within_limit(&app.db, load).await?;
    for author in &authors {
        let frame = PageEvent::AuthorChanged(author).frame();
        let others = roommates.iter().filter(|(changed, _)| *changed == author.id);
        let mut audience: HashSet<_> = others.map(|(_, other)| *other).collect();
        audience.insert(author.id);
        app.hub
            .publish_to_people(|user| audience.contains(&user).then_some(&frame))
            .await;
        for (room, _) in places.iter().filter(|(_, user)| *user == author.id) {
            let frame = programs::author_changed(*room, author);
            app.hub
                .publish_to(Audience::Room(*room), Listener::Program, &frame)
                .await;
        }
    }
    Ok(())
}
