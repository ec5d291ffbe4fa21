//! The clock of a node is set back and forward again: it dates what is stored, and decides nothing else.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use tokio::time::sleep;
use umbrachat::config::Config;

use crate::nodes::{at, two};
use crate::page::{Crowd, Page};
use crate::support::{Cast, config, numbers, spawn_with};

#[sqlx::test]
async fn a_clock_set_back_and_forward_in_a_conversation_changes_no_order(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let reader = crate::page::twin(&bob);
    let mut crowd = Crowd::new("General");
    for (person, node) in [(alice, &first), (bob, &second)] {
        let page = Page::load(person, "General", &[&node.address]).await;
        crowd.add(page, Some(Duration::from_millis(40)));
    }
    // Back on one node, then on both, then apart; each time everybody comes back while it is so.
    for hours in [(0, 0), (-1, 0), (-1, -1), (0, 1), (1, -1), (0, 0)] {
        first.clock.set_ahead(TimeDelta::hours(hours.0));
        second.clock.set_ahead(TimeDelta::hours(hours.1));
        sleep(Duration::from_millis(400)).await;
        crowd.drop_all();
        sleep(Duration::from_millis(400)).await;
    }
    let (pages, messages) = crowd.finish(&pool).await;
    assert!(messages > 20, "{messages}");
    assert!(pages.iter().all(|page| page.connections > 5 && page.reloads == 0));
    let (earliest, latest): (DateTime<Utc>, DateTime<Utc>) =
        sqlx::query_as("SELECT min(created_at), max(created_at) FROM messages")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(latest - earliest > TimeDelta::minutes(115), "{earliest} {latest}");
    // The same order in history, page by page to the first message.
    let mut before = i64::try_from(messages).unwrap() + 1;
    while before > 1 {
        let shown = numbers(&reader.page(&format!("/chat/room/General?before={before}")).await);
        assert!(
            shown
                .iter()
                .copied()
                .eq(before - i64::try_from(shown.len()).unwrap()..before),
            "{shown:?}"
        );
        before = *shown.first().expect("a page shows something");
    }
}

#[sqlx::test]
async fn log_ins_outlive_a_clock_that_is_set_and_end_on_both_nodes(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, .. } = first.cast().await;
    for (here, there) in [(-1, 0), (0, -1), (1, 0), (0, 1)] {
        first.clock.set_ahead(TimeDelta::hours(here));
        second.clock.set_ahead(TimeDelta::hours(there));
        // Begun on one node, seen on the other, where it began in the past or in the future.
        let name = format!("dora{}", here * 10 + there + 50);
        let dora = at(first.person(&name).await, &second);
        dora.join("General").await;
        let mut socket = dora.socket("General").await;
        socket.until("online").await;
        assert!(dora.is_logged_in().await && alice.is_logged_in().await);
        // Later than what a log-in may be remembered for without looking.
        sleep(Duration::from_millis(2100)).await;
        assert!(dora.is_logged_in().await && alice.is_logged_in().await);
        at(dora, &first).post("/accounts/logout", &[]).await;
        assert_eq!(socket.closed().await.0, 4401);
    }
}

#[sqlx::test]
async fn whoever_was_too_fast_is_so_for_the_same_time_whatever_the_clock_says(pool: PgPool) {
    let slow = Config {
        message_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, slow).await;
    let Cast { alice, .. } = server.cast().await;
    let mut socket = alice.socket("General").await;
    let (started, mut taken) = (Instant::now(), 0);
    for hours in [0, 1, -1] {
        server.clock.set_ahead(TimeDelta::hours(hours));
        let mut open = Vec::new();
        for n in 0..8 {
            open.push(socket.say(&format!("quick {n}")).await);
        }
        while !open.is_empty() {
            let (frame, asked) = (socket.next().await, open.len());
            open.retain(|id| !frame.contains(id));
            if !frame.contains("\"too_fast\"") {
                taken += asked - open.len();
            }
        }
    }
    // Four at once, and one each second: an hour more or less on the clock has not filled the bucket.
    let most = 5 + usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!((4..=most).contains(&taken), "{taken} of 24, {most} at most");
    sleep(Duration::from_secs(1)).await;
    let id = socket.say("slowly now").await;
    let frame = socket.until("slowly now").await;
    assert!(frame.contains(&id));
}
