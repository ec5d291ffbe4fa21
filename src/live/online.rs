//! Keeps the online count in every open room true.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::sleep;

use super::{Feed, views};
use crate::App;

/// Moves within this time become one push.
const GATHER: Duration = Duration::from_millis(300);
/// Somebody whose socket closed counts as online for this long, so that a reload does not blink.
const GRACE: Duration = Duration::from_secs(5);

/// Pushes a room's count whenever it changed.
pub(super) async fn run(app: &App, feed: &Feed) {
    let moves = feed.moves.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut moves) = moves else { return };
    let mut shown: HashMap<crate::ids::RoomId, usize> = HashMap::new();
    while let Some(room) = moves.recv().await {
        let mut moved = HashSet::from([room]);
        sleep(GATHER).await;
        while let Ok(room) = moves.try_recv() {
            moved.insert(room);
        }
        for room in moved {
            let count = app.hub.people(room).len();
            if count == 0 {
                shown.remove(&room);
            } else if shown.insert(room, count) != Some(count) {
                app.hub.push(room, &views::online(count));
            }
        }
    }
}

/// Says, after the grace, that somebody left.
pub(super) fn left_later(app: &App, feed: &std::sync::Arc<Feed>, room: crate::ids::RoomId) {
    let (app, feed) = (app.clone(), feed.clone());
    tokio::spawn(async move {
        sleep(GRACE).await;
        feed.left(&app, room);
    });
}
