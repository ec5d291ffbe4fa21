//! Many things at once, and real processes that stop, freeze and come back: nothing is lost, nothing comes twice.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rustix::process::{Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};
use umbrachat::config::Config;

use crate::page::{Crowd, Page, twin};
use crate::program::{Folder, Server as Program, command};
use crate::support::{Cast, Person, account, attributes, config, numbers, spawn, spawn_with};

/// How often one page writes: in a debug build, two nodes keep up with a few of these.
const PACE: Duration = Duration::from_millis(60);

/// The program on the test's database, once or several times.
pub struct Nodes {
    folder: Folder,
    pool: PgPool,
    database: String,
    keys: String,
    ports: Vec<u16>,
    pub running: Vec<Option<Program>>,
}

impl Nodes {
    pub async fn start(count: usize, options: PgConnectOptions) -> Self {
        let free = |_| TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners: Vec<_> = (0..count).map(free).collect();
        let mut nodes = Self {
            folder: Folder::new(),
            database: options.to_url_lossy().into(),
            pool: PgPoolOptions::new()
                .max_connections(2)
                .connect_with(options)
                .await
                .unwrap(),
            keys: umbrachat::config::master_keys::generate(),
            ports: listeners.iter().map(|one| one.local_addr().unwrap().port()).collect(),
            running: (0..count).map(|_| None).collect(),
        };
        drop(listeners);
        for node in 0..count {
            nodes.begin(node);
        }
        nodes
    }

    /// Starts a node, at the same address as before.
    pub fn begin(&mut self, node: usize) {
        let mut program = command(&self.folder, &[]);
        program
            .env("DATABASE_URL", &self.database)
            .env("UMBRA_KEYS", &self.keys)
            .env("LISTEN", format!("127.0.0.1:{}", self.ports[node]))
            .env("MESSAGE_RATE", "10000")
            .env("SOCKETS_PER_USER", "1000")
            .env("AUTH_RATE", "10000")
            .env("RUST_LOG", "error");
        if self.ports.len() > 1 {
            let redis = std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis: `make test` starts one");
            program.env("REDIS_URL", redis);
        }
        self.running[node] = Some(Program::spawn(&mut program, &self.folder.path("data")));
    }

    pub fn signal(&self, node: usize, signal: Signal) {
        kill_process(self.running[node].as_ref().unwrap().pid(), signal).unwrap();
    }

    /// Asks a node to end, and waits for it.
    async fn end(&mut self, node: usize) {
        let program = self.running[node].take().unwrap();
        // Its pages live in this process too: they must be able to say goodbye meanwhile.
        tokio::task::spawn_blocking(move || program.stop()).await.unwrap();
    }

    pub fn address(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[node])
    }

    /// The administrator and others, all in the room General.
    pub async fn people(&self, names: &[&'static str]) -> Vec<Person> {
        let code = self.running.last().unwrap().as_ref().unwrap().line();
        let code = code.rsplit_once("code=").expect("the setup address").1.to_owned();
        let address = self.address(0);
        let mut ada = Person::new(&address);
        let answer = ada.post("/setup", &account("ada", &[("code", &code)])).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        ada.name = "ada".into();
        ada.make_room("General").await;
        ada.join("General").await;
        let mut people = vec![ada];
        for &name in names {
            let mut person = Person::new(&address);
            let answer = person.post("/accounts/signup", &account(name, &[])).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            person.name = name.into();
            person.join("General").await;
            people.push(person);
        }
        people
    }

    /// People who write, each beginning on another node and then trying all of them.
    async fn crowd(&self) -> Crowd {
        let mut crowd = Crowd::new("General");
        for (number, person) in self.people(&["ben", "cem", "dee"]).await.into_iter().enumerate() {
            let mut nodes: Vec<_> = (0..self.ports.len()).map(|node| self.address(node)).collect();
            nodes.rotate_left(number % self.ports.len());
            let nodes: Vec<_> = nodes.iter().map(String::as_str).collect();
            crowd.add(Page::load(person, "General", &nodes).await, Some(PACE));
        }
        crowd
    }
}

#[sqlx::test]
async fn two_nodes_restarted_one_after_the_other_under_load_lose_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let mut nodes = Nodes::start(2, options).await;
    let crowd = nodes.crowd().await;
    for node in [0, 1] {
        sleep(Duration::from_secs(1)).await;
        nodes.end(node).await;
        sleep(Duration::from_millis(500)).await;
        nodes.begin(node);
    }
    sleep(Duration::from_secs(1)).await;
    let (pages, messages) = crowd.finish(&nodes.pool).await;
    assert!(messages > 50, "{messages}");
    // Everybody was on one of the two.
    assert!(pages.iter().all(|page| page.connections > 1));
}

#[sqlx::test]
async fn a_node_killed_under_load_loses_nothing_that_was_shown_as_sent(_: PgPoolOptions, options: PgConnectOptions) {
    let mut nodes = Nodes::start(2, options).await;
    let crowd = nodes.crowd().await;
    sleep(Duration::from_secs(2)).await;
    nodes.signal(0, Signal::KILL);
    nodes.running[0].as_mut().unwrap().wait();
    sleep(Duration::from_secs(2)).await;
    nodes.begin(0);
    sleep(Duration::from_secs(1)).await;
    let (pages, messages) = crowd.finish(&nodes.pool).await;
    assert!(messages > 50, "{messages}");
    assert!(pages.iter().any(|page| page.connections > 1));
}

#[sqlx::test]
async fn a_frozen_node_goes_on_where_it_stood(_: PgPoolOptions, options: PgConnectOptions) {
    let nodes = Nodes::start(2, options).await;
    let crowd = nodes.crowd().await;
    sleep(Duration::from_secs(1)).await;
    nodes.signal(0, Signal::STOP);
    sleep(Duration::from_secs(6)).await;
    nodes.signal(0, Signal::CONT);
    let (_, messages) = crowd.finish(&nodes.pool).await;
    assert!(messages > 50, "{messages}");
}

#[sqlx::test]
async fn readers_that_stop_reading_cost_little_and_hold_nobody_up(_: PgPoolOptions, options: PgConnectOptions) {
    const READERS: usize = 16;
    const MESSAGES: usize = 1500;
    let nodes = Nodes::start(1, options).await;
    let pid = nodes.running[0].as_ref().unwrap().pid();
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
    let before = resident(pid);
    let body = "🌙".repeat(3000);
    let mut seen = Vec::new();
    // A few in flight: as fast as it is answered.
    for sent in 0..MESSAGES {
        writer.say(&body).await;
        while seen.len() + 8 < sent {
            seen.extend(numbers(
                &reader.next_within(Duration::from_secs(20)).await.expect("nobody waits"),
            ));
            while let Some(frame) = writer.next_within(Duration::ZERO).await {
                assert!(!frame.contains("\"error\""), "{frame}");
            }
        }
    }
    while seen.len() < MESSAGES {
        seen.extend(numbers(
            &reader.next_within(Duration::from_secs(20)).await.expect("the rest"),
        ));
    }
    assert!(
        seen.iter().copied().eq(1..=i64::try_from(MESSAGES).unwrap()),
        "once, in order"
    );
    // 16 readers missed 18 MB each. What may wait for one of them is a megabyte.
    let grown = resident(pid).saturating_sub(before);
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

/// Bytes of memory that a process has.
fn resident(pid: rustix::process::Pid) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
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

/// A clock that is set back leaves behind what was written in its future.
#[sqlx::test]
async fn what_was_stored_an_hour_from_now_changes_no_order(pool: PgPool) {
    let mut server = spawn(pool.clone()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    alice.write("General", "before the clock").await;
    for shift in [
        "UPDATE messages SET created_at = created_at + interval '1 hour'",
        "UPDATE room_events SET at = at + interval '1 hour'",
        "UPDATE members SET joined_at = joined_at + interval '1 hour'",
        "UPDATE rooms SET created_at = created_at + interval '1 hour'",
        "UPDATE users SET created_at = created_at + interval '1 hour'",
        "UPDATE user_sessions SET created_at = created_at + interval '1 hour',
             last_used_at = last_used_at + interval '1 hour', expires_at = expires_at + interval '1 hour'",
    ] {
        sqlx::query(shift).execute(&pool).await.unwrap();
    }
    // Nothing is remembered from before.
    server.stop().await;
    let config = Config {
        umbra_keys: Some(umbrachat::config::Secret::new(server.keys.clone())),
        ..config()
    };
    let server = spawn_with(pool, config).await;
    let [alice, bob] = [alice, bob].map(|person| Person {
        address: server.address.clone(),
        ..person
    });
    assert!(alice.is_logged_in().await && bob.is_logged_in().await);
    let mut at_bob = bob.socket("General").await;
    let mut at_alice = alice.socket("General").await;
    let id = at_alice.say("after the clock").await;
    let frame = at_bob.until("after the clock").await;
    assert_eq!(
        (numbers(&frame), attributes(&frame, "data-client")),
        (vec![2], vec![id])
    );
    assert_eq!(numbers(&alice.page("/chat/room/General").await), [1, 2]);
}
