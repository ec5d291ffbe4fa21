//! Many things at once, and real processes that stop, freeze and come back: nothing is lost, nothing comes twice.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};
use umbrachat::config::Config;

use crate::cluster::{Nodes, PACE, memory};
use crate::page::{Crowd, Page, twin};
use crate::services::Postgres;
use crate::support::{Cast, config, numbers, spawn_with};

#[sqlx::test]
async fn two_nodes_restarted_one_after_the_other_under_load_lose_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    restart_one_after_the_other(Nodes::start(2, options).await).await;
}

#[sqlx::test]
async fn two_nodes_behind_nginx_restarted_one_after_the_other_lose_nothing(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    restart_one_after_the_other(Nodes::start_behind_nginx(2, options).await).await;
}

async fn restart_one_after_the_other(mut nodes: Nodes) {
    let crowd = nodes.crowd(PACE).await;
    for node in [0, 1] {
        sleep(Duration::from_secs(1)).await;
        nodes.end(node).await;
        sleep(Duration::from_millis(500)).await;
        nodes.begin(node);
    }
    sleep(Duration::from_secs(1)).await;
    for page in nodes.finish(crowd).await {
        // Everybody was on one of the two, and was told.
        assert!(page.connections > 1 && page.reloads == 0, "{}", page.person.name);
        assert!(page.codes.iter().eq(&[1012]), "{:?}", page.codes);
    }
}

#[sqlx::test]
async fn a_node_killed_under_load_loses_nothing_that_was_shown_as_sent(_: PgPoolOptions, options: PgConnectOptions) {
    let mut nodes = Nodes::start(2, options).await;
    let crowd = nodes.crowd(PACE).await;
    sleep(Duration::from_secs(2)).await;
    nodes.signal(0, Signal::KILL);
    nodes.running[0].as_mut().unwrap().wait();
    sleep(Duration::from_secs(2)).await;
    nodes.begin(0);
    sleep(Duration::from_secs(1)).await;
    let pages = nodes.finish(crowd).await;
    assert!(pages.iter().any(|page| page.connections > 1));
    assert!(pages.iter().all(|page| page.reloads == 0));
}

#[sqlx::test]
async fn a_node_frozen_for_half_a_minute_goes_on_where_it_stood(_: PgPoolOptions, options: PgConnectOptions) {
    let nodes = Nodes::start(2, options).await;
    // Slowly enough that nobody misses 500 changes: every message has to be shown, not only the newest.
    let crowd = nodes.crowd(Duration::from_millis(200)).await;
    sleep(Duration::from_secs(1)).await;
    nodes.signal(0, Signal::STOP);
    sleep(Duration::from_secs(30)).await;
    nodes.signal(0, Signal::CONT);
    sleep(Duration::from_secs(1)).await;
    let pages = nodes.finish(crowd).await;
    assert!(pages.iter().all(|page| page.reloads == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stopped_for_ten_seconds_under_load_loses_nothing_and_closes_nothing() {
    let postgres = Postgres::start();
    let nodes = Nodes::start(2, postgres.options()).await;
    let crowd = nodes.crowd(PACE).await;
    sleep(Duration::from_secs(1)).await;
    block_in_place(|| postgres.end());
    sleep(Duration::from_secs(10)).await;
    block_in_place(|| postgres.begin());
    sleep(Duration::from_secs(1)).await;
    for page in nodes.finish(crowd).await {
        assert_eq!(page.connections, 1, "{} kept the socket", page.person.name);
        assert_eq!(page.reloads, 0);
    }
    nodes.pool.close().await;
}

/// A page in a background tab of a sleeping laptop: connected, and reading nothing.
#[sqlx::test]
async fn a_page_that_stops_reading_for_a_minute_is_cut_off_and_comes_back(_: PgPoolOptions, options: PgConnectOptions) {
    let nodes = Nodes::start(1, options).await;
    let mut people = nodes.people(&["ben", "cem"]).await.into_iter();
    let mut page = async || Page::load(people.next().unwrap(), "General", &[&nodes.address(0)]).await;
    let (mut writer, mut asleep, reader) = (page().await, page().await, page().await);
    assert!(writer.connect().await && asleep.connect().await);
    let mut crowd = Crowd::new("General");
    crowd.add(reader, Some(PACE));
    // More than the system's own buffers hold for one connection.
    let body = "🌙".repeat(3900);
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        writer.say(&body).await;
        while !writer.is_settled() {
            assert!(
                writer.listen(Duration::from_secs(20)).await,
                "nobody waits for the sleeper"
            );
        }
        sleep(Duration::from_millis(25)).await;
    }
    nodes.assert_small();
    // The server has let go of the sleeper by itself, not only once it reads again.
    assert!(writer.person.page("/chat/room/General").await.contains("2 online"));
    crowd.add(writer, None);
    crowd.add(asleep, None);
    let pages = nodes.finish(crowd).await;
    for page in pages {
        let slept = page.person.name == "ben";
        assert_eq!(page.connections > 1, slept, "{} {}", page.person.name, page.connections);
        // Far behind, it was told to show the newest.
        assert_eq!(page.reloads, usize::from(slept));
    }
}

#[sqlx::test]
async fn readers_that_stop_reading_cost_little_and_hold_nobody_up(_: PgPoolOptions, options: PgConnectOptions) {
    const READERS: usize = 16;
    const MESSAGES: usize = 1500;
    let nodes = Nodes::start(1, options).await;
    let pid = nodes.pid(0);
    let people = nodes.people(&["ben"]).await;
    let (ada, ben) = (&people[0], &people[1]);
    // Their receive buffers are small, so that the server feels it soon.
    let host = nodes.address(0).strip_prefix("http://").unwrap().to_owned();
    let mut stuck = Vec::new();
    for _ in 0..READERS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(host.parse().unwrap()).await.unwrap();
        let request = format!(
            "GET /ws/chatroom/General HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            nodes.address(0),
            ben.cookies()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        stuck.push(stream);
    }
    let (mut writer, mut reader) = (ada.socket("General").await, ben.socket("General").await);
    writer.until("online").await;
    reader.until("online").await;
    let before = memory(pid, "VmRSS:");
    let body = "🌙".repeat(3000);
    let mut seen = Vec::new();
    // A few in flight: as fast as it is answered.
    for sent in 0..MESSAGES {
        writer.say(&body).await;
        while seen.len() + 8 < sent {
            seen.extend(numbers(&reader.next().await));
            while let Some(frame) = writer.next_within(Duration::ZERO).await {
                assert!(!frame.contains("\"error\""), "{frame}");
            }
        }
    }
    while seen.len() < MESSAGES {
        seen.extend(numbers(&reader.next().await));
    }
    assert!(
        seen.iter().copied().eq(1..=i64::try_from(MESSAGES).unwrap()),
        "once, in order"
    );
    // 16 readers missed 18 MB each. What may wait for one of them is a megabyte.
    let grown = memory(pid, "VmRSS:").saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB for {READERS} stuck readers", grown >> 20);
    // And they are cut off: reading what the system still holds leads to the end.
    for mut stream in stuck {
        let rest = async {
            let mut buffer = vec![0; 64 << 10];
            while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
        };
        timeout(Duration::from_secs(30), rest).await.expect("cut off");
    }
}

#[sqlx::test]
async fn two_hundred_pages_come_back_at_once(pool: PgPool) {
    let server = spawn_with(
        pool.clone(),
        Config {
            sockets_per_user: 200.try_into().unwrap(),
            ..config()
        },
    )
    .await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut crowd = Crowd::new("General");
    for number in 0..200 {
        let person = twin(if number % 2 == 0 { &alice } else { &bob });
        let pace = (number < 2).then_some(Duration::from_millis(200));
        crowd.add(Page::load(person, "General", &[&server.address]).await, pace);
    }
    for _ in 0..2 {
        sleep(Duration::from_secs(1)).await;
        crowd.drop_all();
    }
    sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    let (pages, messages) = crowd.finish(&pool).await;
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(messages > 5 && pages.len() == 200);
    assert!(pages.iter().all(|page| page.connections >= 2), "each came back");
}
