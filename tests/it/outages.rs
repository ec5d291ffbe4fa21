//! The database away for a while, and everything killed at once: what was acknowledged is there, once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rustix::process::{Signal, kill_process};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use umbrachat::database;

use crate::program::{Folder, Server as Program};
use crate::support::{Cast, Person, Socket, account, attributes, config, numbers, spawn_with};

/// The way to the database, which can be cut.
pub struct Line {
    pub address: SocketAddr,
    /// Ends every connection; None while the line is cut.
    live: Arc<Mutex<Option<CancellationToken>>>,
    /// While it holds, nothing gets through, and nobody is told.
    frozen: watch::Sender<bool>,
    /// Connections that were open when it was raised last, or came since, carry nothing any more, and nobody is told.
    vanished: watch::Sender<u32>,
}

impl Line {
    pub async fn to(host: String, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let live = Arc::new(Mutex::new(Some(CancellationToken::new())));
        let shared = live.clone();
        let (frozen, freezing) = watch::channel(false);
        let (vanished, vanishing) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                // A connection through a cut line is closed at once.
                let Some(cut) = shared.lock().unwrap().clone() else {
                    continue;
                };
                let (host, mut freezing, mut vanishing) = (host.clone(), freezing.clone(), vanishing.clone());
                let born = *vanishing.borrow();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect((host, port)).await.unwrap();
                    loop {
                        let is_gone = tokio::select! {
                            biased;
                            () = cut.cancelled() => return,
                            _ = vanishing.wait_for(|vanished| *vanished > born || *vanished % 2 == 1) => true,
                            _ = freezing.wait_for(|frozen| *frozen) => false,
                            _ = copy_bidirectional(&mut near, &mut far) => return,
                        };
                        if is_gone {
                            // Held open, and silent, until the test is over.
                            std::future::pending::<()>().await;
                        }
                        tokio::select! {
                            () = cut.cancelled() => return,
                            _ = freezing.wait_for(|frozen| !*frozen) => {}
                        }
                    }
                });
            }
        });
        Self {
            address,
            live,
            frozen,
            vanished,
        }
    }

    pub fn cut(&self) {
        self.live.lock().unwrap().take().expect("the line is up").cancel();
    }

    pub fn mend(&self) {
        *self.live.lock().unwrap() = Some(CancellationToken::new());
    }

    /// From now on nothing gets through, and nobody is told, until it thaws.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// From now on nothing gets through, and nobody is told, as when packets are dropped.
    fn vanish(&self) {
        self.vanished.send_modify(|vanished| *vanished += 1);
    }

    /// New connections get through again. Those that were open stay silent for ever: the other side knows nothing of them.
    fn come_back(&self) {
        self.vanished.send_modify(|vanished| *vanished += 1);
    }
}

#[sqlx::test]
async fn while_the_database_is_away_pages_say_so_and_sockets_stay(_: PgPoolOptions, options: PgConnectOptions) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let server = spawn_with(pool, config()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    at_alice.say("before").await;
    at_alice.until("before").await;
    at_bob.until("before").await;

    line.cut();
    let id = at_alice.say("during").await;
    let (page, health, ready) = tokio::join!(
        timed(alice.get("/chat/room/General")),
        timed(alice.get("/healthz")),
        timed(alice.get("/readyz"))
    );
    assert_eq!(page.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.1 < Duration::from_secs(5), "{:?}", page.1);
    assert_eq!(health.0, StatusCode::OK);
    assert!(health.1 < Duration::from_secs(1), "{:?}", health.1);
    assert_eq!(ready.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.1 < Duration::from_secs(5), "{:?}", ready.1);
    // Not confirmed is not lost: the page keeps it and sends it again.
    let refusal = at_alice.refusal().await;
    assert_eq!(refusal["code"], "unavailable");
    assert_eq!(refusal["client_id"], id);
    assert!(refusal["retry_after"].as_f64().unwrap() > 0.0);

    line.mend();
    at_alice.say_as("during", &id).await;
    for socket in [&mut at_alice, &mut at_bob] {
        assert_eq!(numbers(&socket.until("during").await), [2], "the same sockets, once");
    }
    assert_eq!(numbers(&bob.page("/chat/room/General").await), [1, 2]);
}

/// The connections stand, but nothing comes back: a frozen host, a network that swallows.
#[sqlx::test]
async fn while_the_database_is_frozen_pages_say_so_and_what_was_written_is_not_lost(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let server = spawn_with(pool, config()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    at_alice.until("online").await;

    line.freeze();
    let id = at_alice.say("into the ice").await;
    let page = timed(alice.get("/chat/room/General")).await;
    assert_eq!(page.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.1 < Duration::from_secs(5), "{:?}", page.1);
    let refusal = at_alice.refusal().await;
    assert_eq!(refusal["code"], "unavailable");
    assert_eq!(refusal["client_id"], id);

    line.thaw();
    at_alice.say_as("into the ice", &id).await;
    for socket in [&mut at_alice, &mut at_bob] {
        assert_eq!(numbers(&socket.until("into the ice").await), [1]);
    }
    let up = async {
        while alice.get("/chat/room/General").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, up)
        .await
        .expect("pages come back");
}

/// The database vanishes in the middle of everything, without a word, and another one stands in its place later: what was
/// asked of the first is never answered, and must hold nobody up.
#[sqlx::test]
async fn a_database_that_vanished_without_a_word_is_missed_no_longer_than_it_is_gone(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let direct = database::pool(options.clone());
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let server = spawn_with(pool, config()).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("General").await);
    // As many connections as the pool has are in use, or were a moment ago.
    let pages = |count: usize| {
        let pages = (0..count).map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move { timed(alice.get("/chat/room/General")).await })
        });
        pages.collect::<Vec<_>>()
    };
    for page in pages(20) {
        assert_eq!(page.await.unwrap().0, StatusCode::OK);
    }
    line.vanish();
    // More than there are connections: each is asked something that it will never answer.
    for page in pages(30) {
        let (status, time) = page.await.unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(time < Duration::from_secs(6), "{time:?}");
    }
    let id = at_alice.say("into nothing").await;
    assert_eq!(at_alice.refusal().await["code"], "unavailable");
    // Ended on a node that reaches the database all the time.
    sqlx::query("WITH ended AS (UPDATE user_sessions SET ended_at = now() WHERE user_id = (SELECT id FROM users WHERE
                 username = 'bob') RETURNING id) INSERT INTO revocations (kind, subject) SELECT 'session', id FROM ended")
        .execute(&direct)
        .await
        .unwrap();

    line.come_back();
    let back = Instant::now();
    let (code, _) = at_bob.closed().await;
    assert_eq!(code, 4401);
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    at_alice.say_as("into nothing", &id).await;
    assert_eq!(numbers(&at_alice.until("into nothing").await), [1]);
    let (status, time) = timed(alice.get("/chat/room/General")).await;
    assert_eq!(status, StatusCode::OK, "after {time:?}");
    assert!(back.elapsed() < Duration::from_secs(15), "{:?}", back.elapsed());
}

/// Messages that wait in the queue, behind those that the writer tries to store, are late with them.
#[sqlx::test]
async fn all_who_wait_for_a_frozen_database_are_answered_together(_: PgPoolOptions, options: PgConnectOptions) {
    const SOCKETS: usize = 8;
    const MESSAGES: usize = 200;
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let server = spawn_with(pool, config()).await;
    let Cast { alice, .. } = server.cast().await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(alice.socket("General").await);
    }
    line.freeze();
    for socket in &mut sockets {
        for _ in 0..MESSAGES {
            socket.say("into the ice").await;
        }
    }
    let answered = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let mut times = Vec::new();
            for _ in 0..MESSAGES {
                assert_eq!(socket.refusal().await["code"], "unavailable");
                times.push(Instant::now());
            }
            times
        })
    });
    let mut times = Vec::new();
    for answers in answered.collect::<Vec<_>>() {
        times.extend(answers.await.unwrap());
    }
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    // One more try of the writer alone takes three seconds.
    assert!(*last - *first < Duration::from_secs(2), "{:?}", *last - *first);
}

/// Who is logged in is known for two seconds without a question to the database.
#[sqlx::test]
async fn a_request_of_somebody_who_was_just_here_asks_the_database_nothing(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let line = Line::to(options.get_host().to_owned(), options.get_port()).await;
    let pool = database::pool(options.host("127.0.0.1").port(line.address.port()));
    let server = spawn_with(pool, config()).await;
    let Cast { alice, .. } = server.cast().await;
    // Where the machine is slow, the two seconds may be over before the second request comes.
    for _ in 0..5 {
        assert!(alice.page("/about").await.contains("Open the chats"));
        line.freeze();
        let (status, _) = timed(alice.get("/about")).await;
        line.thaw();
        if status == StatusCode::OK {
            return;
        }
    }
    panic!("every request asked the database");
}

/// Somebody else holds one room's row: the others go on, and the room when it is free.
#[sqlx::test]
async fn a_locked_room_does_not_hold_up_the_others(_: PgPoolOptions, options: PgConnectOptions) {
    // With the limits that the program itself sets.
    let pool = database::pool(options);
    let server = spawn_with(pool.clone(), config()).await;
    let Cast { admin, alice, bob, .. } = server.cast().await;
    admin.make_room("Random").await;
    bob.join("Random").await;
    let (mut at_alice, mut at_bob) = (alice.socket("General").await, bob.socket("Random").await);
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM rooms WHERE slug = 'General' FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    at_alice.say("one").await;
    at_alice.say("two").await;
    for n in 0..5 {
        at_bob.say(&format!("free {n}")).await;
        at_bob.until(&format!("free {n}")).await;
    }
    at_alice.hears_nothing_of("one").await;
    transaction.rollback().await.unwrap();
    let mut html = String::new();
    while numbers(&html) != [1, 2] {
        html.push_str(&at_alice.next().await);
    }
    assert!(html.find(">one<") < html.find(">two<"));
}

async fn timed(request: impl Future<Output = reqwest::Response>) -> (StatusCode, Duration) {
    let started = Instant::now();
    (request.await.status(), started.elapsed())
}

/// Writes as fast as it is answered until the server is gone; gives the client ids that came back as stored.
async fn write_until_gone(mut socket: Socket, name: &'static str) -> (BTreeSet<String>, BTreeSet<String>) {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let id = uuid::Uuid::new_v4().to_string();
        let message = serde_json::json!({"body": format!("{name} writes"), "client_id": id}).to_string();
        if socket.0.send(Message::from(message)).await.is_err() {
            return (sent, acknowledged);
        }
        sent.insert(id.clone());
        while !acknowledged.contains(&id) {
            match socket.0.next().await {
                Some(Ok(Message::Text(frame))) => acknowledged.extend(attributes(&frame, "data-client")),
                Some(Ok(_)) => {}
                _ => return (sent, acknowledged),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_people_saw_as_sent_survives_kill_9_of_everything_once() {
    let folder = Folder::new();
    let mut program = Program::start(&folder);
    let code = program
        .line()
        .rsplit_once("code=")
        .expect("the setup address")
        .1
        .to_owned();
    let ada = Person::new(&program.address);
    assert_eq!(
        ada.post("/setup", &account("ada", &[("code", &code)])).await.status(),
        StatusCode::SEE_OTHER
    );
    ada.make_room("General").await;
    ada.join("General").await;
    let ben = Person::new(&program.address);
    assert_eq!(
        ben.post("/accounts/signup", &account("ben", &[])).await.status(),
        StatusCode::SEE_OTHER
    );
    ben.join("General").await;

    let writing = [
        tokio::spawn(write_until_gone(ada.socket("General").await, "ada")),
        tokio::spawn(write_until_gone(ben.socket("General").await, "ben")),
    ];
    tokio::time::sleep(Duration::from_secs(2)).await;
    kill_process(program.postmaster().unwrap(), Signal::KILL).unwrap();
    program.signal(Signal::KILL);
    program.wait();
    let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
    for writer in writing {
        let (said, heard) = writer.await.unwrap();
        sent.extend(said);
        acknowledged.extend(heard);
    }
    assert!(acknowledged.len() > 20, "both wrote: {}", acknowledged.len());

    program = Program::start(&folder);
    let database: PgPool = program.database().await;
    let stored: Vec<(i64, String)> = sqlx::query_as("SELECT seq, client_id::text FROM messages ORDER BY seq")
        .fetch_all(&database)
        .await
        .unwrap();
    let ids: BTreeSet<String> = stored.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(ids.len(), stored.len(), "each once");
    assert!(
        acknowledged.is_subset(&ids),
        "every message that was shown as sent is there"
    );
    assert!(ids.is_subset(&sent), "and nothing else");
    let last = i64::try_from(stored.len()).unwrap();
    assert_eq!(
        stored.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
        (1..=last).collect::<Vec<_>>()
    );
    program.stop();
}
