//! Random joins, leaves, messages, broken connections, returns and restarts, against what the database says came
//! about: every page has shown exactly what it should, once and in order, and nothing of the times when its person
//! was not a member.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use umbrachat::config::{Config, Secret};

use crate::page::{Page, Seen, twin};
use crate::support::{Cast, PATIENCE, Person, Server, config, spawn, spawn_with};

const PEOPLE: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Step {
    Join(usize),
    Leave(usize),
    /// Writes that many messages one after the other, without waiting.
    Say(usize, usize),
    /// The connection breaks.
    Drop(usize),
    /// Opens the page, or the page opens its socket again.
    Return(usize),
    /// The server ends and starts again.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..PEOPLE;
    let step = prop_oneof![
        2 => who.clone().prop_map(Step::Join),
        1 => who.clone().prop_map(Step::Leave),
        6 => (who.clone(), 1_usize..6).prop_map(|(who, count)| Step::Say(who, count)),
        2 => who.clone().prop_map(Step::Drop),
        4 => who.prop_map(Step::Return),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 5..40)
}

/// One person as the model has them.
#[derive(Default)]
struct Member {
    belongs: bool,
    page: Option<Page>,
}

/// One server for all cases; each case has a room of its own.
struct World {
    server: Server,
    admin: Person,
    people: [Person; PEOPLE],
    rooms: usize,
    /// Whether the server runs: a case that failed may have left it ended.
    up: bool,
}

/// What became of a room.
struct Truth {
    messages: Vec<Seen>,
    /// Change, name, and whether they joined (else they left).
    moves: Vec<(i64, String, bool)>,
    members: BTreeSet<String>,
}

impl Truth {
    async fn of(pool: &PgPool, room: &str) -> Self {
        let messages: Vec<(i64, i64, String)> = sqlx::query_as(
            "SELECT m.seq, m.change, m.client_id::text FROM messages m JOIN rooms r ON r.id = m.room_id
             WHERE r.slug = $1 ORDER BY m.seq",
        )
        .bind(room)
        .fetch_all(pool)
        .await
        .unwrap();
        let moves = sqlx::query_as(
            "SELECT e.change, u.username, e.kind = 'joined' FROM room_events e
             JOIN rooms r ON r.id = e.room_id JOIN users u ON u.id = e.actor_id
             WHERE r.slug = $1 AND e.kind IN ('joined', 'left') ORDER BY e.change",
        )
        .bind(room)
        .fetch_all(pool)
        .await
        .unwrap();
        let members: Vec<String> = sqlx::query_scalar(
            "SELECT u.username FROM members m JOIN rooms r ON r.id = m.room_id JOIN users u ON u.id = m.user_id
             WHERE r.slug = $1",
        )
        .bind(room)
        .fetch_all(pool)
        .await
        .unwrap();
        let messages = messages
            .into_iter()
            .map(|(seq, change, client_id)| Seen { seq, change, client_id });
        Self {
            messages: messages.collect(),
            moves,
            members: members.into_iter().collect(),
        }
    }

    /// Whether the person belonged to the room when it came to that change.
    fn belonged(&self, name: &str, change: i64) -> bool {
        let last = self.moves.iter().rfind(|(at, who, _)| *at < change && who == name);
        last.is_some_and(|(_, _, joined)| *joined)
    }
}

impl World {
    async fn new(pool: PgPool) -> Self {
        let server = spawn(pool).await;
        let Cast {
            admin,
            alice,
            bob,
            charlie,
        } = server.cast().await;
        Self {
            server,
            admin,
            people: [alice, bob, charlie],
            rooms: 0,
            up: true,
        }
    }

    async fn restart(&mut self, members: &mut [Member]) {
        self.up = false;
        // Whoever has a socket is told to come back.
        let told = members.iter_mut().filter_map(|member| member.page.as_mut());
        let told = futures_util::future::join_all(told.map(|page| closed(page, 1012)));
        tokio::join!(self.server.stop(), told);
        let config = Config {
            umbra_keys: Some(Secret::new(self.server.keys.clone())),
            ..config()
        };
        self.server = spawn_with(self.server.pool.clone(), config).await;
        let address = &self.server.address;
        for person in self.people.iter_mut().chain([&mut self.admin]) {
            person.address.clone_from(address);
        }
        for page in members.iter_mut().filter_map(|member| member.page.as_mut()) {
            page.moved_to(address);
        }
        self.up = true;
    }

    /// Goes through one case, and compares.
    async fn play(&mut self, steps: &[Step]) {
        if !self.up {
            self.restart(&mut []).await;
        }
        self.rooms += 1;
        let room = format!("room{}", self.rooms);
        self.admin.make_room(&room).await;
        let mut members: [Member; PEOPLE] = Default::default();
        // Pages of people who left.
        let mut gone: Vec<Page> = Vec::new();
        // What may be stored or not: its sender went away before it was confirmed.
        let mut open: BTreeSet<String> = BTreeSet::new();
        for step in steps {
            match *step {
                Step::Join(who) => {
                    self.people[who].join(&room).await;
                    members[who].belongs = true;
                }
                Step::Leave(who) if members[who].belongs => {
                    let left = self.people[who].post(&format!("/chat/room/{room}/leave"), &[]).await;
                    assert_eq!(left.status(), 303);
                    members[who].belongs = false;
                    if let Some(mut page) = members[who].page.take() {
                        closed(&mut page, 4403).await;
                        open.extend(page.forget_pending());
                        gone.push(page);
                    }
                }
                Step::Say(who, count) => {
                    if let Some(page) = &mut members[who].page {
                        for _ in 0..count {
                            page.say("what the model says").await;
                        }
                    }
                }
                Step::Drop(who) => {
                    if let Some(page) = &mut members[who].page {
                        page.drop_socket();
                    }
                }
                Step::Return(who) if members[who].belongs => self.come(&mut members[who], who, &room).await,
                Step::Leave(_) | Step::Return(_) => {}
                Step::Restart => self.restart(&mut members).await,
            }
        }
        // In the end every member is there, everything is confirmed, and everybody has shown the last message.
        for (who, member) in members.iter_mut().enumerate().filter(|(_, member)| member.belongs) {
            self.come(member, who, &room).await;
        }
        for page in members.iter_mut().filter_map(|member| member.page.as_mut()) {
            while !page.is_settled() {
                assert!(page.listen(PATIENCE).await, "{}: not confirmed", page.person.name);
            }
        }
        let truth = Truth::of(&self.server.pool, &room).await;
        for page in members.iter_mut().filter_map(|member| member.page.as_mut()) {
            while page.newest < truth.messages.last().map_or(0, |last| last.seq) {
                assert!(page.listen(PATIENCE).await, "{}: not shown", page.person.name);
            }
        }
        compare(&truth, &members, &self.people, &gone, &open);
    }

    async fn come(&self, member: &mut Member, who: usize, room: &str) {
        if member.page.is_none() {
            let page = Page::load(twin(&self.people[who]), room, &[&self.server.address]).await;
            member.page = Some(page);
        }
        let page = member.page.as_mut().unwrap();
        if !page.is_open() {
            assert!(page.connect().await);
        }
    }
}

fn compare(truth: &Truth, members: &[Member], people: &[Person], gone: &[Page], open: &BTreeSet<String>) {
    let last = i64::try_from(truth.messages.len()).unwrap();
    assert!(
        truth.messages.iter().map(|seen| seen.seq).eq(1..=last),
        "numbers without gaps"
    );
    let stored: BTreeSet<&String> = truth.messages.iter().map(|seen| &seen.client_id).collect();
    assert_eq!(stored.len(), truth.messages.len(), "each is stored once");
    let here: Vec<&Page> = members.iter().filter_map(|member| member.page.as_ref()).collect();
    let mut sent = BTreeSet::new();
    for page in here.iter().copied().chain(gone) {
        let name = &page.person.name;
        for id in &page.sent {
            sent.insert(id);
            let may_miss = open.contains(id) || page.refused.contains(id);
            assert!(may_miss || stored.contains(id), "{name}: confirmed and lost");
            assert!(
                !page.refused.contains(id) || !stored.contains(id),
                "{name}: refused and stored"
            );
        }
        // In order, and without a gap as far as it goes.
        let since = usize::try_from(page.loaded).unwrap();
        let until = since + page.pushed.len();
        assert_eq!(page.pushed, truth.messages[since..until], "{name}");
        for seen in &page.pushed {
            assert!(truth.belonged(name, seen.change), "{name} was not there: {seen:?}");
        }
    }
    assert!(stored.is_subset(&sent), "nothing comes from nowhere");
    for page in here {
        assert_eq!(page.newest, last, "{}: all of it", page.person.name);
    }
    for (member, person) in members.iter().zip(people) {
        assert_eq!(truth.members.contains(&person.name), member.belongs, "{}", person.name);
    }
}

/// Takes what comes until the socket, if there is one, is closed with that code.
async fn closed(page: &mut Page, code: u16) {
    if !page.is_open() {
        return;
    }
    while page.is_open() {
        assert!(
            page.listen(PATIENCE).await,
            "{}: not closed with {code}",
            page.person.name
        );
    }
    assert_eq!(page.closed, Some(code), "{}", page.person.name);
}

#[sqlx::test]
async fn every_page_shows_what_the_model_says(pool: PgPool) {
    let world = Mutex::new(World::new(pool).await);
    let runtime = Handle::current();
    let cases = move || {
        let mut runner = TestRunner::new(Cases {
            cases: 32,
            max_shrink_iters: 100,
            failure_persistence: None,
            ..Cases::default()
        });
        runner.run(&steps(), |steps| {
            runtime.block_on(async { world.lock().await.play(&steps).await });
            Ok(())
        })
    };
    // The runner waits; the server goes on in this thread meanwhile.
    let outcome = tokio::task::spawn_blocking(cases).await.unwrap();
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
