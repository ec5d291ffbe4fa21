//! Who comes online and goes: their friends see it at once, so do programs in rooms with them, and when somebody was last online is stored.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::event::Event as PageEvent;
use super::programs::event as programs;
use super::typing::not_for;
use crate::accounts::queries::{list_authors, update_last_seen};
use crate::database::within_limit;
use crate::friends::queries::{list_blocks_between, list_friends_of};
use crate::ids::UserId;
use crate::realtime::{Audience, Listener};
use crate::rooms::queries::{list_members_of, list_small_rooms};
use crate::{App, Error, Result};

/// So many people are looked up at once.
const BATCH: usize = 1_000;
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Who came or went, until it is published: whether they are online, and whether it was on this node.
#[derive(Debug, Default)]
pub(super) struct Comings {
    waiting: Mutex<HashMap<UserId, (bool, bool)>>,
    came: Notify,
}

impl Comings {
    /// Notes who came online or went; those who did so on this node stand in `here`.
    pub(super) fn note(&self, people: HashMap<UserId, bool>, here: &HashSet<UserId>) {
        if !people.is_empty() {
            let people = people.into_iter();
            self.lock()
                .extend(people.map(|(user, is_online)| (user, (is_online, here.contains(&user)))));
            self.came.notify_one();
        }
    }

    fn take(&self) -> HashMap<UserId, (bool, bool)> {
        let mut waiting = self.lock();
        let some: Vec<_> = waiting.keys().take(BATCH).copied().collect();
        some.iter().filter_map(|user| waiting.remove_entry(user)).collect()
    }

    /// What was noted since stays.
    fn put_back(&self, some: HashMap<UserId, (bool, bool)>) {
        let mut waiting = self.lock();
        for (user, coming) in some {
            waiting.entry(user).or_insert(coming);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, (bool, bool)>> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores and publishes what is noted; after a failure once more.
pub(super) async fn run(app: &App, comings: &Comings) {
    loop {
        comings.came.notified().await;
        loop {
            let some = comings.take();
            if some.is_empty() {
                break;
            }
            if let Err(error) = publish(app, &some).await {
                tracing::warn!(%error, "it could not be told who came online or went");
                comings.put_back(some);
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}

async fn publish(app: &App, some: &HashMap<UserId, (bool, bool)>) -> Result<()> {
    let people: Vec<_> = some.keys().copied().collect();
    let here = some.iter().filter(|(_, (_, is_here))| *is_here);
    let here: Vec<_> = here.map(|(user, _)| *user).collect();
    let load = async |db: &mut PgConnection| {
        if !here.is_empty() {
            update_last_seen(&mut *db, &here, app.now()).await?;
        }
        Ok::<_, Error>(list_friends_of(db, &people).await?)
    };
    let mut by_friend: HashMap<UserId, HashMap<UserId, bool>> = HashMap::new();
    for (person, friend) in within_limit(&app.db, load).await? {
        if app.hub.is_connected(friend) {
            by_friend.entry(friend).or_default().insert(person, some[&person].0);
        }
    }
    for (friend, people) in by_friend {
        let frame = PageEvent::PresenceChanged(&people).frame();
        app.hub.publish(Audience::User(friend), &frame).await;
    }
    publish_to_programs(app, some).await
}

/// Names them to the programs in rooms of few members, where the list of members shows who is online.
async fn publish_to_programs(app: &App, some: &HashMap<UserId, (bool, bool)>) -> Result<()> {
    let rooms = app.hub.rooms_with(Listener::Program);
    if rooms.is_empty() {
        return Ok(());
    }
    let people: Vec<_> = some.keys().copied().collect();
    let load = async |db: &mut PgConnection| {
        let mut places = list_members_of(&mut *db, &rooms, &people).await?;
        let theirs: HashSet<_> = places.iter().map(|(room, _)| *room).collect();
        let small = list_small_rooms(&mut *db, &theirs.into_iter().collect::<Vec<_>>()).await?;
        places.retain(|(room, _)| small.contains(room));
        let people: Vec<_> = places.iter().map(|(_, user)| *user).collect();
        let authors = list_authors(&mut *db, &people).await?;
        Ok::<_, Error>((places, authors, list_blocks_between(db, &people).await?))
    };
    let (places, authors, blocks) = within_limit(&app.db, load).await?;
    for author in &authors {
        let except = not_for(author.id, &blocks);
        for (room, _) in places.iter().filter(|(_, user)| *user == author.id) {
            let frame = programs::presence(*room, author, some[&author.id].0);
            app.hub.publish_except(*room, Listener::Program, &frame, &except).await;
        }
    }
    Ok(())
}
