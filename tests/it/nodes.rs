//! Two nodes on one database and one Redis.

use std::time::Duration;

use sqlx::PgPool;
use umbrachat::config::{Config, Secret};

use crate::support::{Cast, Person, Server, config, numbers, spawn_with};

/// Two nodes that know each other over the tests' Redis.
async fn two(pool: PgPool) -> (Server, Server) {
    let url = std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis: `make test` starts one");
    let config = Config {
        redis_url: Some(Secret::new(url)),
        ..config()
    };
    let mut first = spawn_with(pool.clone(), config.clone()).await;
    let mut second = spawn_with(pool, config).await;
    // The code that was printed last is the one that counts.
    first.setup_code = second.setup_code.take();
    for node in [&first, &second] {
        let up = async {
            while node.visitor().get("/readyz").await.status() != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), up)
            .await
            .expect("the bus is up");
    }
    (first, second)
}

/// The same browser at another node: cookies count for the host, whatever the port.
fn at(person: Person, node: &Server) -> Person {
    Person {
        address: node.address.clone(),
        ..person
    }
}

#[sqlx::test]
async fn people_on_two_nodes_chat_at_once(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    let started = std::time::Instant::now();
    at_alice.say("over to you").await;
    assert_eq!(numbers(&at_bob.until("over to you").await), [1]);
    // The look of every five seconds would bring it too: the bus is quicker.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    for n in 0..50 {
        at_alice.say(&format!("alice {n}")).await;
        at_bob.say(&format!("bob {n}")).await;
    }
    let mut orders = Vec::new();
    for socket in [&mut at_alice, &mut at_bob] {
        let mut html = String::new();
        while !numbers(&html).contains(&101) {
            html.push_str(&socket.next().await);
        }
        orders.push(numbers(&html).into_iter().filter(|seq| *seq > 1).collect::<Vec<_>>());
    }
    assert_eq!(orders[0], (2..=101).collect::<Vec<_>>());
    assert_eq!(orders[0], orders[1]);
}

#[sqlx::test]
async fn logging_out_on_one_node_closes_sockets_on_the_other(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, .. } = first.cast().await;
    let there = at(first.person("dora").await, &second);
    there.join("General").await;
    let mut socket = there.socket("General").await;
    socket.until("online").await;
    let here = at(there, &first);
    let started = std::time::Instant::now();
    here.post("/accounts/logout", &[]).await;
    assert_eq!(socket.closed().await.0, 4401);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    // The other node has forgotten the log-in as well.
    assert!(!at(here, &second).is_logged_in().await);
    assert!(alice.is_logged_in().await);
}

#[sqlx::test]
async fn leaving_on_one_node_closes_sockets_on_the_other(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let there = at(bob, &second);
    let mut socket = there.socket("General").await;
    socket.until("online").await;
    at(there, &first).post("/chat/room/General/leave", &[]).await;
    alice.write("General", "he is gone").await;
    let (code, frames) = socket.closed().await;
    assert_eq!(code, 4403);
    assert!(!frames.concat().contains("he is gone"));
}

#[sqlx::test]
async fn without_redis_changes_still_arrive(pool: PgPool) {
    // Nothing listens on port 1.
    let config = Config {
        redis_url: Some(Secret::new("redis://127.0.0.1:1")),
        ..config()
    };
    let mut first = spawn_with(pool.clone(), config.clone()).await;
    let mut second = spawn_with(pool, config).await;
    // The code that was printed last is the one that counts.
    first.setup_code = second.setup_code.take();
    assert_eq!(first.visitor().get("/readyz").await.status(), 503);
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    at_alice.say("slowly").await;
    at_alice.until("slowly").await;
    let frame = tokio::time::timeout(Duration::from_secs(8), async {
        loop {
            let frame = at_bob.next_within(Duration::from_secs(8)).await.expect("a frame comes");
            if frame.contains("slowly") {
                return frame;
            }
        }
    });
    assert_eq!(
        numbers(&frame.await.expect("the look of every five seconds finds it")),
        [1]
    );
}
