//! Keeps the online count in every open room true.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{Feed, Visits, views};
use crate::App;
use crate::ids::RoomId;

/// Moves within this time become one push.
const GATHER: Duration = Duration::from_millis(300);
/// A smaller count is told this late, so that a reload alone does not blink.
const GRACE: Duration = Duration::from_secs(5);

/// Pushes a room's count whenever it changed.
pub(super) async fn run(app: &App, mut visits: Visits) {
    let mut shown: HashMap<RoomId, usize> = HashMap::new();
    while let Some(room) = visits.0.recv().await {
        let mut visited = HashSet::from([room]);
        sleep(GATHER).await;
        while let Ok(room) = visits.0.try_recv() {
            visited.insert(room);
        }
        for room in visited {
            let count = app.hub.people(room).len();
            if count == 0 {
                shown.remove(&room);
            } else if shown.insert(room, count) != Some(count) {
                app.hub.push(room, &views::online(count)).await;
            }
        }
    }
}

/// Says, after the grace, that somebody left.
pub(super) fn left_later(app: &App, feed: &Arc<Feed>, room: RoomId) {
    let (app, feed) = (app.clone(), feed.clone());
    tokio::spawn(async move {
        sleep(GRACE).await;
        feed.left(&app, room);
    });
}
