//! What the browser's script does, without a browser: it keeps a cursor, comes back when its socket ends, and sends
//! again what was not confirmed, under the same client id. Everything that a reader would have seen is kept and
//! compared at the end.

use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use regex::Regex;
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::{Person, Socket};

/// Messages that a page sends before one of them is confirmed.
const IN_FLIGHT: usize = 8;
/// Pause before a page that found no server tries the next one.
const PAUSE: Duration = Duration::from_millis(150);
/// How long everything may take that happens after a storm.
const PATIENCE: Duration = Duration::from_secs(60);

static SPAN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"data-from="(\d+)" data-to="(\d+)""#).unwrap());
static MESSAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"<li id="m-(\d+)"[^>]*data-change="(\d+)"[^>]*data-client="([^"]*)""#).unwrap());
static CURSOR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"id="room"[^>]*data-change="(\d+)""#).unwrap());

/// A message as it stood in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub seq: i64,
    pub change: i64,
    pub client_id: String,
}

/// One open page of a room.
pub struct Page {
    pub person: Person,
    room: String,
    /// The servers that it tries, in turn.
    nodes: Vec<String>,
    tries: usize,
    socket: Option<Socket>,
    /// The code with which the last socket was closed, if it was.
    pub closed: Option<u16>,
    cursor: i64,
    /// The newest message when the page was loaded, and now.
    pub loaded: i64,
    pub newest: i64,
    /// What was pushed since the page was loaded, in the order of the frames.
    pub pushed: Vec<Seen>,
    pub sent: BTreeSet<String>,
    /// What the server said can never be stored.
    pub refused: BTreeSet<String>,
    pending: VecDeque<(String, String)>,
    retry: Option<Instant>,
    /// Sockets that were opened.
    pub connections: usize,
    /// The codes with which sockets were closed.
    pub codes: BTreeSet<u16>,
    /// The server said to load the page anew.
    stale: bool,
    /// How often that was done.
    pub reloads: usize,
}

impl Page {
    /// The room's page, loaded from the first of the nodes; no socket yet.
    pub async fn load(person: Person, room: &str, nodes: &[&str]) -> Self {
        let mut page = Self {
            person,
            room: room.to_owned(),
            nodes: nodes.iter().map(|&node| node.to_owned()).collect(),
            tries: 0,
            socket: None,
            closed: None,
            cursor: 0,
            loaded: 0,
            newest: 0,
            pushed: Vec::new(),
            sent: BTreeSet::new(),
            refused: BTreeSet::new(),
            pending: VecDeque::new(),
            retry: None,
            connections: 0,
            codes: BTreeSet::new(),
            stale: false,
            reloads: 0,
        };
        page.reload().await;
        page
    }

    /// Loads the page anew, as a person does.
    pub async fn reload(&mut self) {
        (self.socket, self.stale) = (None, false);
        let node = self.nodes[self.tries % self.nodes.len()].clone();
        self.person.address.clone_from(&node);
        let html = self.person.page(&format!("/chat/room/{}", self.room)).await;
        self.cursor = CURSOR.captures(&html).expect("the page has a cursor")[1]
            .parse()
            .unwrap();
        let shown: Vec<i64> = messages(&html).map(|seen| seen.seq).collect();
        assert!(
            shown.windows(2).all(|two| two[0] + 1 == two[1]),
            "a page without gaps: {shown:?}"
        );
        self.loaded = shown.last().copied().unwrap_or(0);
        self.newest = self.loaded;
        self.pushed.clear();
        for seen in messages(&html) {
            self.confirm(&seen.client_id);
        }
    }

    /// Opens a socket where the page left off, and sends again what is not confirmed. False when no server was there.
    pub async fn connect(&mut self) -> bool {
        let node = self.nodes[self.tries % self.nodes.len()].clone();
        self.tries += 1;
        self.person.address.clone_from(&node);
        let place = format!("{}?after={}&seq={}", self.room, self.cursor, self.newest);
        let Ok(Ok(socket)) = timeout(PATIENCE, self.person.try_socket(&place, Some(&node))).await else {
            return false;
        };
        self.socket = Some(socket);
        self.closed = None;
        self.connections += 1;
        self.resend().await;
        true
    }

    /// The server is at another address now.
    pub fn moved_to(&mut self, address: &str) {
        self.nodes = vec![address.to_owned()];
    }

    pub fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// The connection breaks, without a word.
    pub fn drop_socket(&mut self) {
        self.socket = None;
    }

    /// Forgets what was written and not confirmed, as logging out does.
    pub fn forget_pending(&mut self) -> Vec<String> {
        self.pending.drain(..).map(|(id, _)| id).collect()
    }

    pub fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Writes a message, now or as soon as there is a connection.
    pub async fn say(&mut self, body: &str) {
        let id = Uuid::new_v4().to_string();
        self.sent.insert(id.clone());
        self.pending.push_back((id.clone(), body.to_owned()));
        self.transmit(&id, body).await;
    }

    async fn transmit(&mut self, id: &str, body: &str) {
        let Some(socket) = &mut self.socket else { return };
        let text = serde_json::json!({"body": body, "client_id": id}).to_string();
        if socket.0.send(Message::from(text)).await.is_err() {
            self.socket = None;
        }
    }

    async fn resend(&mut self) {
        self.retry = None;
        for (id, body) in self.pending.clone() {
            self.transmit(&id, &body).await;
        }
    }

    /// Takes one frame, if one comes in time.
    pub async fn listen(&mut self, patience: Duration) -> bool {
        if self.retry.is_some_and(|at| at <= Instant::now()) {
            self.resend().await;
        }
        let Some(socket) = &mut self.socket else { return false };
        match timeout(patience, socket.0.next()).await {
            Err(_) => return false,
            Ok(Some(Ok(Message::Text(text)))) => self.take(&text),
            Ok(Some(Ok(Message::Close(frame)))) => {
                self.closed = frame.map(|frame| frame.code.into());
                self.codes.extend(self.closed);
                self.socket = None;
            }
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) => self.socket = None,
        }
        true
    }

    fn take(&mut self, frame: &str) {
        if let Ok(data) = serde_json::from_str::<serde_json::Value>(frame) {
            return self.obey(&data);
        }
        let Some(span) = SPAN.captures(frame) else {
            // An online count, or a message that was sent twice: that one is in its place, or comes there.
            for seen in messages(frame) {
                self.confirm(&seen.client_id);
            }
            return;
        };
        let (from, to): (i64, i64) = (span[1].parse().unwrap(), span[2].parse().unwrap());
        assert_eq!(from, self.cursor, "{}: a gap or a double: {frame}", self.person.name);
        self.cursor = to;
        for seen in messages(frame) {
            assert_eq!(
                seen.seq,
                self.newest + 1,
                "{}: exactly once, in order",
                self.person.name
            );
            assert!(from < seen.change && seen.change <= to);
            self.newest = seen.seq;
            self.confirm(&seen.client_id);
            self.pushed.push(seen);
        }
    }

    fn obey(&mut self, data: &serde_json::Value) {
        let error = &data["error"];
        match error["code"].as_str() {
            None if data["reload"] == true => self.stale = true,
            // What waits, here and in other rooms, says nothing of messages.
            None if ["unread", "active"].iter().any(|name| data[name].is_object()) => {}
            None => assert!(data["last_change"].as_i64().is_some(), "{data}"),
            Some("busy" | "unavailable" | "too_fast") => {
                let wait = error["retry_after"].as_f64().expect("when to try again");
                self.retry = Some(Instant::now() + Duration::from_secs_f64(wait));
            }
            Some("not_a_member") => {
                let id = error["client_id"].as_str().unwrap().to_owned();
                self.confirm(&id);
                self.refused.insert(id);
            }
            Some(code) => panic!("refused as {code}"),
        }
    }

    fn confirm(&mut self, client_id: &str) {
        self.pending.retain(|(id, _)| id != client_id);
    }

    /// Lives as a page does, and writes meanwhile if it has a pace, until the goal is reached.
    async fn live(mut self, pace: Option<Duration>, phase: watch::Receiver<Phase>, settled: mpsc::Sender<()>) -> Self {
        let (mut next, mut drops, mut reported) = (Instant::now(), 0, false);
        loop {
            match *phase.borrow() {
                Phase::Chat { drops: wanted } if wanted > drops => {
                    drops = wanted;
                    self.socket = None;
                }
                Phase::Settle if self.pending.is_empty() && !reported => {
                    reported = true;
                    settled.try_send(()).unwrap();
                }
                Phase::End { goal } if self.newest >= goal => return self,
                Phase::Chat { .. } | Phase::Settle | Phase::End { .. } => {}
            }
            if self.stale {
                self.reloads += 1;
                self.reload().await;
            }
            if self.socket.is_none() {
                assert!(!matches!(self.closed, Some(4401 | 4403)), "{:?}", self.closed);
                if !self.connect().await {
                    sleep(PAUSE).await;
                }
                continue;
            }
            let chatting = matches!(*phase.borrow(), Phase::Chat { .. });
            let mut patience = Duration::from_millis(50);
            if let Some(pace) = pace.filter(|_| chatting && self.pending.len() < IN_FLIGHT) {
                if next <= Instant::now() {
                    next = Instant::now() + pace;
                    let body = format!("{} {}", self.person.name, self.sent.len());
                    self.say(&body).await;
                }
                patience = patience.min(pace);
            }
            self.listen(patience).await;
        }
    }
}

/// The same browser once more, for another page.
pub fn twin(person: &Person) -> Person {
    Person {
        client: person.client.clone(),
        jar: person.jar.clone(),
        address: person.address.clone(),
        name: person.name.clone(),
    }
}

fn messages(html: &str) -> impl Iterator<Item = Seen> {
    MESSAGE.captures_iter(html).map(|found| Seen {
        seq: found[1].parse().unwrap(),
        change: found[2].parse().unwrap(),
        client_id: found[3].to_owned(),
    })
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Writing; every time `drops` grows, all connections break at once.
    Chat { drops: u32 },
    /// Nobody writes any more.
    Settle,
    /// This is the last message.
    End { goal: i64 },
}

/// Pages of one room that live by themselves.
pub struct Crowd {
    pages: JoinSet<Page>,
    phase: watch::Sender<Phase>,
    settled: (mpsc::Sender<()>, mpsc::Receiver<()>),
    room: String,
}

impl Crowd {
    pub fn new(room: &str) -> Self {
        Self {
            pages: JoinSet::new(),
            phase: watch::channel(Phase::Chat { drops: 0 }).0,
            settled: mpsc::channel(1000),
            room: room.to_owned(),
        }
    }

    /// Adds a page, which writes once in `every` so often.
    pub fn add(&mut self, page: Page, every: Option<Duration>) {
        let live = page.live(every, self.phase.subscribe(), self.settled.0.clone());
        self.pages.spawn(live);
    }

    /// Breaks every connection at once.
    pub fn drop_all(&self) {
        self.phase.send_modify(|phase| {
            if let Phase::Chat { drops } = phase {
                *drops += 1;
            }
        });
    }

    /// Ends the writing, waits until everything is confirmed and shown everywhere, and compares what every page has
    /// shown with what is stored: each message once, in order. Gives the pages and the number of messages.
    pub async fn finish(mut self, pool: &PgPool) -> (Vec<Page>, usize) {
        self.phase.send_replace(Phase::Settle);
        let all = async {
            for _ in 0..self.pages.len() {
                tokio::select! {
                    _ = self.settled.1.recv() => {}
                    // Pages end with the goal only: this one has seen something wrong.
                    Some(broken) = self.pages.join_next() => drop(broken.unwrap()),
                }
            }
        };
        timeout(PATIENCE, all)
            .await
            .expect("every message is confirmed in time");
        let stored: Vec<(i64, String)> = sqlx::query_as(
            "SELECT m.seq, m.client_id::text FROM messages m JOIN rooms r ON r.id = m.room_id
             WHERE r.slug = $1 ORDER BY m.seq",
        )
        .bind(&self.room)
        .fetch_all(pool)
        .await
        .unwrap();
        let goal = i64::try_from(stored.len()).unwrap();
        assert!(stored.iter().map(|(seq, _)| *seq).eq(1..=goal), "numbers without gaps");
        self.phase.send_replace(Phase::End { goal });
        let ended = timeout(PATIENCE, self.pages.join_all()).await;
        let pages = ended.expect("every page shows the last message in time");

        let sent: BTreeSet<&String> = pages.iter().flat_map(|page| &page.sent).collect();
        let ids: BTreeSet<&String> = stored.iter().map(|(_, id)| id).collect();
        assert_eq!(ids.len(), stored.len(), "each is stored once");
        assert_eq!(ids, sent, "what was written is stored, and nothing else");
        for page in &pages {
            let since = usize::try_from(page.loaded).unwrap();
            let shown: Vec<_> = page
                .pushed
                .iter()
                .map(|seen| (seen.seq, seen.client_id.clone()))
                .collect();
            assert_eq!(shown, stored[since..], "{} saw all of it", page.person.name);
        }
        (pages, stored.len())
    }
}
