//! Who is online, over several nodes.

use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::Signal;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::sleep;

use crate::cluster::Nodes;
use crate::nodes::{at, two, two_over, up};
use crate::own_rooms::{befriend, open_direct};
use crate::services::Redis;
use crate::support::{Cast, Person, Socket, done, spawn};

/// Waits until the page is told that so many are online; gives how long that took.
async fn told(socket: &mut Socket, count: usize) -> Duration {
    let started = Instant::now();
    socket.until(&format!(">{count} online")).await;
    started.elapsed()
}

/// Makes sure that the page is told of no other count for that long.
async fn stays(socket: &mut Socket, count: usize, time: Duration) {
    let (end, count) = (Instant::now() + time, format!(">{count} online"));
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match socket.next_within(left).await {
            Some(frame) => assert!(!frame.contains(" online") || frame.contains(&count), "{frame}"),
            None => return,
        }
    }
}

/// The numbers of the administration's first page: people online, open sockets.
async fn overview(admin: &Person) -> (u32, u32) {
    let page = admin.page("/admin/").await;
    let number = |name: &str| {
        let card = Regex::new(&format!(r#"{name}</dt><dd class="[^"]*">(\d+)<"#)).unwrap();
        card.captures(&page).unwrap_or_else(|| panic!("no {name}"))[1]
            .parse()
            .unwrap()
    };
    (number("Users online"), number("Open sockets"))
}

#[sqlx::test]
async fn people_on_two_nodes_are_counted_together_and_once(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = first.cast().await;
    let mut alice_here = alice.socket("General").await;
    told(&mut alice_here, 1).await;
    let bob = at(bob, &second);
    let mut at_bob = bob.socket("General").await;
    told(&mut at_bob, 2).await;
    told(&mut alice_here, 2).await;
    assert!(bob.page("/chat/room/General").await.contains(">2 online"));

    // Alice is on both nodes, and goes from one to the other; Charlie does not belong.
    let alice = at(alice, &second);
    let mut alice_there = alice.socket("General").await;
    told(&mut alice_there, 2).await;
    let charlie = at(charlie, &second);
    let (code, frames) = charlie.socket("General").await.closed().await;
    assert_eq!((code, frames.len()), (4403, 0));
    assert!(!charlie.page("/chat/room/General").await.contains(" online"));
    // The nodes tell each other how many sockets they have every five seconds.
    stays(&mut at_bob, 2, Duration::from_secs(6)).await;
    stays(&mut alice_here, 2, Duration::ZERO).await;
    assert_eq!(overview(&admin).await, (2, 3));
    drop(alice_here);
    // Until well after the grace.
    stays(&mut at_bob, 2, Duration::from_secs(7)).await;
    drop(alice_there);
    let gone = told(&mut at_bob, 1).await;
    assert!(gone > Duration::from_secs(4), "a reload would have blinked: {gone:?}");
    assert!(
        at(alice, &first).page("/chat/room/General").await.contains(">2 online"),
        "she and Bob"
    );
}

#[sqlx::test]
async fn the_people_of_a_killed_node_are_gone_soon(_: PgPoolOptions, options: PgConnectOptions) {
    let mut nodes = Nodes::start(2, options).await;
    let people = nodes.people(&["ben"]).await;
    let mut at_ada = people[0].socket("General").await;
    let ben = Person {
        address: nodes.address(1),
        ..people.into_iter().nth(1).unwrap()
    };
    let mut at_ben = ben.socket("General").await;
    told(&mut at_ada, 2).await;
    told(&mut at_ben, 2).await;

    // As if he had come long ago.
    sqlx::query("UPDATE users SET last_seen_at = now() - interval '1 day' WHERE username = 'ben'")
        .execute(&nodes.pool)
        .await
        .unwrap();
    nodes.signal(1, Signal::KILL);
    nodes.running[1].as_mut().unwrap().wait();
    let gone = told(&mut at_ada, 1).await;
    assert!(
        gone > Duration::from_secs(5),
        "whoever comes back soon does not blink: {gone:?}"
    );
    let stored = async {
        let recent = "SELECT last_seen_at > now() - interval '1 minute' FROM users WHERE username = 'ben'";
        while !sqlx::query_scalar::<_, bool>(recent)
            .fetch_one(&nodes.pool)
            .await
            .unwrap()
        {
            sleep(Duration::from_millis(50)).await;
        }
    };
    stored.await;

    // A node that starts is told at once who is online elsewhere.
    nodes.begin(1);
    let mut at_ben = ben.socket("General").await;
    told(&mut at_ben, 2).await;
    told(&mut at_ada, 2).await;
}

#[sqlx::test]
async fn without_redis_each_node_counts_its_own_until_it_is_back(pool: PgPool) {
    let redis = Redis::start();
    let url = redis.url();
    let (first, second) = two_over(pool, [url.clone(), url]).await;
    let Cast { admin, alice, bob, .. } = first.cast().await;
    admin.join("General").await;
    let bob = at(bob, &second);
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    told(&mut at_alice, 2).await;
    told(&mut at_bob, 2).await;

    let redis = redis.stop();
    let mut at_admin = admin.socket("General").await;
    told(&mut at_admin, 3).await;
    assert!(
        alice.page("/chat/room/General").await.contains(">3 online"),
        "heard a moment ago"
    );
    told(&mut at_bob, 1).await;
    told(&mut at_alice, 3).await;
    told(&mut at_alice, 2).await;

    let _redis = redis.start_again();
    for node in [&first, &second] {
        up(node).await;
    }
    for socket in [&mut at_alice, &mut at_bob] {
        told(socket, 3).await;
    }
    sleep(Duration::from_millis(500)).await;
    stays(&mut at_alice, 3, Duration::from_millis(500)).await;
}

#[sqlx::test]
async fn who_hides_is_online_for_nobody_on_any_node(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { admin, alice, bob, .. } = first.cast().await;
    let bob_there = at(bob.clone(), &second);
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob_there.socket("General").await);
    told(&mut at_alice, 2).await;
    told(&mut at_bob, 2).await;

    // On the node where his socket is not.
    let answer = bob.post("/settings/privacy", &[("presence", "off")]).await;
    assert_eq!(answer.headers()["location"], "/settings/data");
    told(&mut at_alice, 1).await;
    told(&mut at_bob, 1).await;
    assert!(alice.page("/chat/room/General").await.contains(">1 online"));
    assert!(bob.page("/chat/room/General").await.contains(">1 online"), "not him");
    assert!(
        bob_there
            .page("/settings/data")
            .await
            .contains(r#"name="presence" value="on""#)
    );
    assert_eq!(overview(&admin).await.0, 1);

    // Nor does another page of his show him, on either node, nor what the nodes report every few seconds.
    let mut another = bob.socket("General").await;
    told(&mut another, 1).await;
    stays(&mut at_alice, 1, Duration::from_secs(6)).await;
    drop(another);

    let answer = bob_there
        .post_fragment("/settings/data", "/settings/privacy", &[("presence", "on")])
        .await;
    assert_eq!(answer.headers()["hx-trigger"], r#"{"toast":"Saved."}"#);
    assert!(answer.text().await.unwrap().contains(r#"name="presence" value="off""#));
    told(&mut at_alice, 2).await;
    told(&mut at_bob, 2).await;
}

#[sqlx::test]
async fn friends_see_on_every_node_who_comes_and_goes(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = first.cast().await;
    befriend(&alice, &bob).await;
    let slug = open_direct(&alice, "bob").await;
    let (mut friend, mut stranger) = (at(alice.clone(), &second).inbox("").await, charlie.inbox("").await);
    let row = "<span class=\"dot hollow\" data-presence=";
    assert!(alice.page("/chat/").await.contains(row));

    let (tab, last) = (bob.inbox("").await, bob.inbox("").await);
    assert!(friend.until("{\"presence\":").await.contains("\":true}"));
    assert!(!alice.page("/chat/").await.contains(row));
    let header = format!("/chat/room/{slug}");
    let shows = async |words: &str| alice.page(&header).await.contains(words);
    assert!(shows("group inline-flex items-center gap-2 online").await);

    // A second tab that closes changes nothing.
    drop(tab);
    friend.hears_nothing_of("{\"presence\":").await;
    drop(last);
    assert!(friend.until("{\"presence\":").await.contains("\":false}"));
    assert!(alice.page("/chat/").await.contains(row));
    assert!(shows("Last seen").await && alice.page("/friends").await.contains("Last seen"));
    stranger.hears_nothing_of("{\"presence\":").await;
}

#[sqlx::test]
async fn who_may_know_when_somebody_was_last_online(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    drop(bob.inbox("").await);
    let shows = async |person: &Person, words: &str| person.page("/@bob").await.contains(words);
    // The grace is over when it is stored.
    while !shows(&alice, "Last seen").await {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        !shows(&charlie, "Last seen").await && !shows(&charlie, "Offline").await,
        "they share no room"
    );
    assert!(!shows(&bob, "Last seen").await, "one's own");
    done(bob.post("/people/alice/block", &[]).await).await;
    assert!(!shows(&alice, "Last seen").await, "a block");
    done(bob.post("/people/alice/unblock", &[]).await).await;
    done(bob.post("/settings/privacy", &[("presence", "off")]).await).await;
    assert!(
        !shows(&alice, "Last seen").await && !shows(&alice, "Offline").await,
        "he hides it"
    );
}

#[sqlx::test]
async fn however_often_people_come_and_go_the_count_moves_once_a_second(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    charlie.join("General").await;
    let mut sees = alice.socket("General").await;
    let _here = (bob.socket("General").await, charlie.socket("General").await);
    let (started, mut counts) = (Instant::now(), 0);
    // As often as they may.
    for presence in ["off", "on"].repeat(5) {
        for person in [&bob, &charlie] {
            done(person.post("/settings/privacy", &[("presence", presence)]).await).await;
            while let Some(frame) = sees.next_within(Duration::from_millis(150)).await {
                counts += u64::from(frame.contains("#online"));
            }
        }
    }
    let seconds = started.elapsed().as_secs();
    assert!((2..=seconds + 3).contains(&counts), "{counts} counts in {seconds} s");
}
