//! Connections on which nothing comes any more: a network that is gone tells nobody.

use std::time::Duration;

use sqlx::PgPool;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use super::{FIN, PING, PONG, Raw, TEXT, member};
use crate::support::{PATIENCE, spawn};

/// Two pings and what else comes in 45 seconds.
const LONG: Duration = Duration::from_secs(60);

#[sqlx::test]
async fn who_answers_no_ping_for_45_seconds_is_cut_off_and_nobody_else(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let (mut silent, mut alive) = (Raw::of(&person).await, Raw::of(&person).await);
    let began = Instant::now();
    let cut_off = async {
        let mut heard = Vec::new();
        // The server says nothing to whom it cannot reach, so it may be a reset.
        silent.0.read_to_end(&mut heard).await.ok();
        began.elapsed()
    };
    let stays = async {
        let mut pings = 0;
        while pings < 3 {
            let (opcode, payload) = alive.read().await.expect("the socket is open");
            if opcode == PING {
                pings += 1;
                alive.frame(FIN | PONG, &payload).await;
            }
        }
        alive.frame(FIN | TEXT, br#"{"body": "still here"}"#).await;
        alive.until("still here").await;
        began.elapsed()
    };
    let (cut_off, stays) = tokio::join!(timeout(LONG, cut_off), timeout(LONG + PATIENCE, stays));
    let (cut_off, stays) = (cut_off.expect("it is cut off"), stays.expect("three pings come"));
    assert!((44..50).contains(&cut_off.as_secs()), "{cut_off:?}");
    assert!(stays > cut_off, "{stays:?}");
}
