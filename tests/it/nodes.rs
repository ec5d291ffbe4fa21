//! Two nodes on one database and one Redis.

use std::time::Duration;

use futures_util::StreamExt;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use umbrachat::config::{Config, Secret};

use crate::page::{Crowd, Page};
use crate::services::{Redis, shared_redis};
use crate::support::{Cast, Person, Server, config, numbers, spawn_with};

/// Two nodes that know each other over the tests' Redis.
pub async fn two(pool: PgPool) -> (Server, Server) {
    let url = shared_redis();
    two_over(pool, [url.clone(), url]).await
}

/// Two nodes, each with its way to Redis.
pub async fn two_over(pool: PgPool, redis: [String; 2]) -> (Server, Server) {
    two_with(pool, redis, config()).await
}

/// Two nodes, each with its way to Redis, configured alike.
pub async fn two_with(pool: PgPool, [first, second]: [String; 2], config: Config) -> (Server, Server) {
    let over = |url| Config {
        redis_url: Some(Secret::new(url)),
        ..config.clone()
    };
    let mut first = spawn_with(pool.clone(), over(first)).await;
    let mut second = spawn_with(pool, over(second)).await;
    // The code that was printed last is the one that counts.
    first.setup_code = second.setup_code.take();
    for node in [&first, &second] {
        up(node).await;
    }
    (first, second)
}

/// Waits until the node hears the others.
pub async fn up(node: &Server) {
    let up = async {
        while node.visitor().get("/readyz").await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, up)
        .await
        .expect("the bus is up");
}

/// The same browser at another node: cookies count for the host, whatever the port.
pub fn at(person: Person, node: &Server) -> Person {
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

/// How often the changes of a room were asked for, as PostgreSQL counts: by everybody, for whatever reason.
async fn lookups(pool: &PgPool) -> i64 {
    // A connection tells of its work when it rests, ten seconds later at the latest.
    tokio::time::sleep(Duration::from_secs(11)).await;
    sqlx::query_scalar("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'messages_change'")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test]
async fn a_node_asks_once_for_each_batch_however_many_listen(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let mut at_alice = alice.socket("General").await;
    let mut crowd = Vec::new();
    for _ in 0..10 {
        crowd.push(bob.socket("General").await);
    }
    // The first message is asked for more thoroughly.
    at_alice.say("begin").await;
    for socket in &mut crowd {
        socket.until("begin").await;
    }
    let before = lookups(&pool).await;
    for burst in 1..=5 {
        for n in 1..=20 {
            at_alice.say(&format!("burst {burst}, message {n}.")).await;
        }
        for socket in &mut crowd {
            socket.until(&format!("burst {burst}, message 20.")).await;
        }
    }
    let asked = lookups(&pool).await - before;
    let batches: i64 = sqlx::query_scalar("SELECT count(DISTINCT xmin::text) - 1 FROM messages")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!((5..100).contains(&batches), "{batches} batches of 100 messages");
    // The node that stored them asks for nothing, unless the look of every few seconds comes right after a commit.
    assert!(
        (5..=batches + 1).contains(&asked),
        "{asked} look-ups for {batches} batches"
    );
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

/// What a node missed may be a message for somebody, their leaving, and a message that is not for them any more: here
/// it learns of all that at once, by the look of every few seconds.
#[sqlx::test]
async fn whoever_left_meanwhile_hears_nothing_later_of_what_a_node_missed(pool: PgPool) {
    let redis = shared_redis();
    let astray = losing_doorbells(&redis).await;
    let (first, second) = two_over(pool, [redis, astray]).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let carol = first.person("carol").await;
    carol.join("General").await;
    let (bob, carol) = (at(bob, &second), at(carol, &second));
    for round in 1..=3 {
        let (mut at_bob, mut at_carol) = (bob.socket("General").await, carol.socket("General").await);
        alice.write("General", &format!("begin {round}")).await;
        // Right after a look, so that all of what follows is found by the next one.
        at_carol.until(&format!("begin {round}")).await;
        alice.write("General", &format!("for both {round}")).await;
        let there = at(bob.clone(), &first);
        there.post("/chat/room/General/leave", &[]).await;
        alice.write("General", &format!("for carol {round}")).await;
        at_carol.until(&format!("for carol {round}")).await;
        let (code, frames) = at_bob.closed().await;
        assert_eq!(code, 4403);
        assert!(!frames.concat().contains("for carol"), "{frames:?}");
        there.join("General").await;
    }
}

/// Nothing that a server confirmed is lost, but another one may take its place that had not heard of it.
#[sqlx::test]
async fn when_the_database_has_lost_changes_pages_load_again(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let (mut at_alice, mut at_bob) = (
        alice.socket("General").await,
        at(bob.clone(), &second).socket("General").await,
    );
    for n in 1..=3 {
        at_alice.say(&format!("message {n}")).await;
        at_bob.until(&format!("message {n}")).await;
    }
    for lost in [
        "DELETE FROM messages WHERE seq > 1",
        "UPDATE rooms SET last_change = last_change - 2, last_seq = 1",
    ] {
        sqlx::query(lost).execute(&pool).await.unwrap();
    }
    // The numbers are used again meanwhile.
    alice.write("General", "message 2 of the other server").await;
    for mut socket in [at_alice, at_bob] {
        let mut frames = Vec::new();
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(Duration::from_secs(8), socket.0.next()).await {
            frames.push(frame);
        }
        let Some(Message::Close(Some(close))) = frames.last() else {
            panic!("not closed: {frames:?}")
        };
        assert_eq!(u16::from(close.code), 1013);
    }
    let mut back = alice.socket("General?after=5&seq=3").await;
    back.until("\"reload\":true").await;
    let mut fresh = at(bob, &second).socket("General").await;
    alice.write("General", "message 3 of the other server").await;
    assert_eq!(numbers(&fresh.until("message 3 of the other server").await), [3]);
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
    // The look of every five seconds finds it.
    assert_eq!(numbers(&at_bob.until("slowly").await), [1]);
}

#[sqlx::test]
async fn ten_seconds_without_redis_under_load_lose_nothing(pool: PgPool) {
    let redis = Redis::start();
    let url = redis.url();
    let (first, second) = two_over(pool.clone(), [url.clone(), url]).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let mut crowd = Crowd::new("General");
    for (person, node) in [(alice, &first), (bob, &second)] {
        let page = Page::load(person, "General", &[&node.address]).await;
        crowd.add(page, Some(Duration::from_millis(60)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let redis = redis.stop();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(first.visitor().get("/readyz").await.status(), 503);
    let _redis = redis.start_again();
    for node in [&first, &second] {
        up(node).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut pages, messages) = crowd.finish(&pool).await;
    assert!(messages > 50, "{messages}");
    for page in &mut pages {
        assert_eq!(page.connections, 1, "{} kept the socket", page.person.name);
        page.reload().await;
        assert!(page.connect().await);
    }
    // And quickly again, not only by the look of every five seconds.
    let [one, other] = &mut pages[..] else {
        panic!("two pages")
    };
    let started = std::time::Instant::now();
    one.say("quick").await;
    while other.pushed.is_empty() {
        assert!(other.listen(Duration::from_secs(2)).await, "the doorbell rings");
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

/// Several times, because the look of every five seconds may come at the right moment by chance.
#[sqlx::test]
async fn what_was_missed_without_redis_comes_when_it_is_back(pool: PgPool) {
    let mut redis = Redis::start();
    let (first, second) = two_over(pool, [redis.url(), redis.url()]).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    for n in 0..5 {
        let stopped = redis.stop();
        while second.visitor().get("/readyz").await.status() == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        at_alice.say(&format!("missed {n}")).await;
        at_alice.until(&format!("missed {n}")).await;
        redis = stopped.start_again();
        up(&second).await;
        let back = std::time::Instant::now();
        at_bob.until(&format!("missed {n}")).await;
        assert!(back.elapsed() < Duration::from_millis(1500), "{:?}", back.elapsed());
    }
}

/// A way to Redis on which doorbells of rooms go astray, both ways: the channels of whoever comes this way have
/// another name. Redis itself answers as always.
async fn losing_doorbells(redis: &str) -> String {
    const RIGHT: &[u8] = b":rooms:";
    const WRONG: &[u8] = b":stray:";
    let redis: std::net::SocketAddr = redis.trim_start_matches("redis://").parse().expect("host and port");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(redis).await.unwrap();
            let ((mut from, mut back), (mut answers, mut to)) = (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while from.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                    for at in 0..bytes.len().saturating_sub(RIGHT.len() - 1) {
                        if bytes[at..].starts_with(RIGHT) {
                            bytes[at..at + RIGHT.len()].copy_from_slice(WRONG);
                        }
                    }
                    to.write_all(&bytes).await.unwrap();
                    bytes.clear();
                }
            });
        }
    });
    url
}

#[sqlx::test]
async fn doorbells_that_go_astray_make_it_slower_and_nothing_else(pool: PgPool) {
    let redis = shared_redis();
    let astray = losing_doorbells(&redis).await;
    let (first, second) = two_over(pool.clone(), [redis, astray]).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let bob = at(bob, &second);
    let mut crowd = Crowd::new("General");
    for (person, node) in [(alice, &first), (bob, &second)] {
        let page = Page::load(person, "General", &[&node.address]).await;
        crowd.add(page, Some(Duration::from_millis(60)));
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (pages, messages) = crowd.finish(&pool).await;
    assert!(messages > 50, "{messages}");
    assert!(pages.iter().all(|page| page.connections == 1));
}

#[sqlx::test]
async fn one_client_id_on_two_nodes_at_once_is_stored_once(pool: PgPool) {
    let (first, second) = two(pool.clone()).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let (mut here, mut there) = (
        alice.socket("General").await,
        at(alice, &second).socket("General").await,
    );
    let mut page = Page::load(bob, "General", &[&second.address]).await;
    assert!(page.connect().await);
    let mut ids = Vec::new();
    for n in 1..=40 {
        let id = uuid::Uuid::new_v4().to_string();
        tokio::join!(here.say_as("twice", &id), there.say_as("twice", &id));
        // Both are shown it, whichever was first.
        tokio::join!(here.until(&id), there.until(&id));
        ids.push(id);
        while page.newest < n {
            assert!(page.listen(Duration::from_secs(8)).await);
        }
    }
    let seen: Vec<_> = page.pushed.iter().map(|seen| seen.client_id.clone()).collect();
    assert_eq!(seen, ids);
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(stored, 40);
}
