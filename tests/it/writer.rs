//! The writer by itself: what becomes of each message of one batch.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{SubsecRound, Utc};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use umbrachat::bus::Bus;
use umbrachat::database;
use umbrachat::ids::{Change, ClientId, FileId, KeyId, MessageId, Position, RoomId, Seq, UserId};
use umbrachat::messages::model::{Body, MessageView, NewMessage, SendError, Stored, StoredBatch};
use umbrachat::messages::{Publisher, Writer, WriterTask};
use uuid::Uuid;

use crate::support::PATIENCE;

/// A database with Alice, who belongs to every room but Closed, and a writer that has not begun.
struct Desk {
    pool: PgPool,
    alice: UserId,
    key: KeyId,
    rooms: BTreeMap<&'static str, RoomId>,
    writer: Writer,
    task: Option<WriterTask>,
    stop: CancellationToken,
}

impl Desk {
    async fn new(pool: PgPool) -> Self {
        let (alice, key) = (UserId::new(), KeyId::new());
        sqlx::query("INSERT INTO data_keys (id, wrapped) VALUES ($1, '')")
            .bind(key)
            .execute(&pool)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash,
                                role, data_key_id)
             VALUES ($1, 'alice', 'alice', '', '', '', '', '', 'member', $2)",
        )
        .bind(alice)
        .bind(key)
        .execute(&pool)
        .await
        .unwrap();
        let mut rooms = BTreeMap::new();
        for name in ["General", "Random", "Archived", "Closed"] {
            let room = RoomId::new();
            sqlx::query(
                "INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id, archived_at)
                 VALUES ($1, $2, $2, $2, '', 'public', $3, CASE $2 WHEN 'Archived' THEN now() END)",
            )
            .bind(room)
            .bind(name)
            .bind(key)
            .execute(&pool)
            .await
            .unwrap();
            if name != "Closed" {
                sqlx::query("INSERT INTO members (room_id, user_id, role) VALUES ($1, $2, 'member')")
                    .bind(room)
                    .bind(alice)
                    .execute(&pool)
                    .await
                    .unwrap();
            }
            rooms.insert(name, room);
        }
        let (writer, task) = Writer::new();
        Self {
            pool,
            alice,
            key,
            rooms,
            writer,
            task: Some(task),
            stop: CancellationToken::new(),
        }
    }

    fn message(&self, room: &str, text: &str) -> NewMessage {
        NewMessage {
            id: MessageId::new(),
            room: self.rooms.get(room).copied().unwrap_or_else(RoomId::new),
            author: self.alice,
            author_key: self.key,
            client_id: ClientId(Uuid::new_v4()),
            body: Body::parse(text).unwrap(),
            sealed: text.into(),
            reply_to: None,
            files: Vec::new(),
            names: Vec::new(),
            created_at: Utc::now().trunc_subsecs(3),
        }
    }

    fn submit(&self, messages: Vec<NewMessage>) -> Vec<Receipt> {
        let submit = |message| {
            let (tell, told) = oneshot::channel();
            let answer = move |outcome| {
                tell.send(outcome).ok();
            };
            self.writer.submit(message, Box::new(answer)).unwrap();
            told
        };
        messages.into_iter().map(submit).collect()
    }

    /// Has the messages stored as one batch.
    async fn batch(&mut self, messages: Vec<NewMessage>) -> Vec<Told> {
        let receipts = self.submit(messages);
        self.begin();
        told(receipts).await
    }

    /// Begins to store; returns what is published.
    fn begin(&mut self) -> Option<mpsc::Receiver<StoredBatch>> {
        let (delivery_sender, batches) = mpsc::channel(16);
        let publisher = Publisher {
            bus: Bus::local(),
            delivery_senders: vec![delivery_sender],
        };
        let task = self.task.take()?;
        tokio::spawn(task.run(self.pool.clone(), publisher, self.stop.clone()));
        Some(batches)
    }

    /// What is stored in a room: number, change and text of each message.
    async fn stored(&self, room: &str) -> Vec<String> {
        sqlx::query_scalar("SELECT concat_ws(' ', seq, change, body) FROM messages WHERE room_id = $1 ORDER BY seq")
            .bind(self.rooms[room])
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    async fn counters(&self, room: &str) -> (i64, i64) {
        sqlx::query_as("SELECT last_seq, last_change FROM rooms WHERE id = $1")
            .bind(self.rooms[room])
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Locks the room, as another node does, and lets go of it after a while, with what `meanwhile` says done.
    async fn hold(&self, room: &str, time: Duration, meanwhile: &'static [&str]) -> JoinHandle<()> {
        let mut transaction = self.pool.begin().await.unwrap();
        sqlx::query("SELECT FROM rooms WHERE id = $1 FOR NO KEY UPDATE")
            .bind(self.rooms[room])
            .execute(&mut *transaction)
            .await
            .unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            for statement in meanwhile {
                sqlx::query(statement).execute(&mut *transaction).await.unwrap();
            }
            transaction.commit().await.unwrap();
        })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What becomes of a message, once it is known.
type Receipt = oneshot::Receiver<Result<Stored, SendError>>;

/// Number, change, and whether it stood there already; or why it was refused.
type Told = Result<(i64, i64, bool), SendError>;

const REFUSED: Told = Err(SendError::NotAMember);

/// What becomes of messages, once that is known.
async fn told(receipts: Vec<Receipt>) -> Vec<Told> {
    let mut told = Vec::new();
    for receipt in receipts {
        let outcome = timeout(PATIENCE, receipt).await.expect("an answer in time").unwrap();
        told.push(outcome.map(|stored| (stored.seq.0, stored.change.0, stored.is_duplicate)));
    }
    told
}

#[sqlx::test]
async fn of_two_messages_in_a_batch_the_first_one_gets_the_file(pool: PgPool) {
    let mut desk = Desk::new(pool).await;
    let files = [FileId::new(), FileId::new()];
    for file in files {
        sqlx::query(
            "INSERT INTO attachments (id, room_id, author_id, size, details, created_at) VALUES ($1, $2, $3, 1, 'x', now())",
        )
        .bind(file.0)
        .bind(desk.rooms["General"])
        .bind(desk.alice)
        .execute(&desk.pool)
        .await
        .unwrap();
    }
    let with = |desk: &Desk, text: &str, files: &[FileId]| NewMessage {
        files: files.to_vec(),
        ..desk.message("General", text)
    };
    let first = with(&desk, "first", &files[..1]);
    let messages = vec![
        first.clone(),
        with(&desk, "the same", &files),
        with(&desk, "another", &files[1..]),
        with(&desk, "none", &[FileId::new()]),
        first,
        desk.message("General", "last"),
    ];
    let unknown = Err(SendError::UnknownFile);
    let told = desk.batch(messages).await;
    assert_eq!(
        told,
        [
            Ok((1, 1, false)),
            unknown,
            Ok((2, 2, false)),
            unknown,
            Ok((1, 1, true)),
            Ok((3, 3, false))
        ]
    );
    let sent: Vec<(Uuid, i64)> = sqlx::query_as("SELECT id, seq FROM attachments ORDER BY seq")
        .fetch_all(&desk.pool)
        .await
        .unwrap();
    assert_eq!(sent, [(files[0].0, 1), (files[1].0, 2)]);
}

#[sqlx::test]
async fn each_message_of_a_batch_is_judged_by_itself(pool: PgPool) {
    let mut desk = Desk::new(pool).await;
    // Somebody joined and the room was edited: numbers and changes differ from here on.
    sqlx::query("UPDATE rooms SET last_change = 2, members_change = 1 WHERE slug = 'General'")
        .execute(&desk.pool)
        .await
        .unwrap();
    let known = desk.message("General", "known");
    assert_eq!(desk.batch(vec![known.clone()]).await, [Ok((1, 3, false))]);

    let first = desk.message("General", "first");
    let twice = NewMessage {
        id: MessageId::new(),
        sealed: "another text".into(),
        ..first.clone()
    };
    let elsewhere = NewMessage {
        id: MessageId::new(),
        room: desk.rooms["Random"],
        ..first.clone()
    };
    let erased = NewMessage {
        author_key: KeyId::new(),
        ..desk.message("General", "erased")
    };
    let known_again = NewMessage {
        id: MessageId::new(),
        ..known
    };
    let messages = vec![
        desk.message("Random", "r1"),
        first,
        desk.message("Archived", "too late"),
        twice,
        desk.message("Closed", "not for Alice"),
        elsewhere,
        desk.message("Nowhere", "into the void"),
        known_again,
        erased,
        desk.message("General", "second"),
        desk.message("Random", "r3"),
    ];
    let outcomes = desk.batch(messages).await;
    assert_eq!(
        outcomes,
        [
            Ok((1, 1, false)),
            Ok((2, 4, false)),
            REFUSED,
            Ok((2, 4, true)),
            REFUSED,
            Ok((2, 2, false)),
            REFUSED,
            Ok((1, 3, true)),
            REFUSED,
            Ok((3, 5, false)),
            Ok((3, 3, false)),
        ]
    );
    assert_eq!(desk.stored("General").await, ["1 3 known", "2 4 first", "3 5 second"]);
    assert_eq!(desk.stored("Random").await, ["1 1 r1", "2 2 first", "3 3 r3"]);
    assert_eq!(
        (desk.counters("General").await, desk.counters("Random").await),
        ((3, 5), (3, 3))
    );
    assert_eq!(
        (desk.counters("Archived").await, desk.counters("Closed").await),
        ((0, 0), (0, 0))
    );
}

#[sqlx::test]
async fn each_room_is_published_once_with_its_changes(pool: PgPool) {
    let mut desk = Desk::new(pool).await;
    let message = desk.message("General", "one");
    let receipts = desk.submit(vec![
        message.clone(),
        message,
        desk.message("Random", "elsewhere"),
        desk.message("General", "two"),
        desk.message("Closed", "never"),
    ]);
    let mut published = desk.begin().unwrap();
    let stored = told(receipts).await;
    assert_eq!(stored[..2], [Ok((1, 1, false)), Ok((1, 1, true))]);
    let mut batches = BTreeMap::new();
    for _ in 0..2 {
        let batch = timeout(PATIENCE, published.recv()).await.unwrap().unwrap();
        let is_by_alice =
            |message: &MessageView| (message.author.id, message.author.name.as_str()) == (desk.alice, "alice");
        assert!(batch.messages.iter().all(is_by_alice), "{:?}", batch.messages);
        let bodies: Vec<_> = batch.messages.into_iter().filter_map(|message| message.body).collect();
        batches.insert(batch.room, (batch.after, batch.to, bodies));
    }
    let expected = |to, bodies: &[&str]| {
        let (change, seq) = (Change(to), Seq(to));
        let bodies: Vec<_> = bodies.iter().map(ToString::to_string).collect();
        (Change(0), Position { change, seq }, bodies)
    };
    assert_eq!(batches[&desk.rooms["General"]], expected(2, &["one", "two"]));
    assert_eq!(batches[&desk.rooms["Random"]], expected(1, &["elsewhere"]));
    assert!(published.try_recv().is_err(), "nothing of the closed room");
}

/// Before the wait Alice was a member, and the id was new: what counts is what holds after it.
#[sqlx::test]
async fn what_changes_during_the_wait_for_a_room_counts(pool: PgPool) {
    let mut desk = Desk::new(pool).await;
    let held = Duration::from_millis(300);
    let leave = desk.hold("Random", held, &["DELETE FROM members"]).await;
    let gone = desk.message("Random", "gone");
    assert_eq!(desk.batch(vec![gone]).await, [REFUSED]);
    leave.await.unwrap();
    assert_eq!(
        (desk.stored("Random").await.len(), desk.counters("Random").await),
        (0, (0, 0))
    );

    // Another node stores the same message first. Alice has been let in again.
    let come_back = "INSERT INTO members (room_id, user_id, role) SELECT r.id, u.id, 'member' FROM rooms r, users u";
    sqlx::raw_sql(come_back).execute(&desk.pool).await.unwrap();
    let other_node = &[
        "UPDATE rooms SET last_seq = 1, last_change = 4 WHERE slug = 'General'",
        "INSERT INTO messages (room_id, seq, id, author_id, client_id, body, change, created_at)
         SELECT r.id, 1, gen_random_uuid(), u.id, '6f1f4f5e-0a31-4d28-9d8a-3f0c2f9f1a11', 'theirs', 4, now()
         FROM rooms r, users u WHERE r.slug = 'General'",
    ];
    let store = desk.hold("General", held, other_node).await;
    let same = NewMessage {
        client_id: ClientId("6f1f4f5e-0a31-4d28-9d8a-3f0c2f9f1a11".parse().unwrap()),
        ..desk.message("General", "ours")
    };
    let next = desk.message("General", "next");
    assert_eq!(
        desk.batch(vec![same, next]).await,
        [Ok((1, 4, true)), Ok((2, 5, false))]
    );
    store.await.unwrap();
    assert_eq!(desk.stored("General").await, ["1 4 theirs", "2 5 next"]);
}

#[sqlx::test]
async fn messages_to_a_locked_room_wait_and_keep_their_order(_: PgPoolOptions, options: PgConnectOptions) {
    // With the limits that the program itself sets: a statement waits 1 s for a lock.
    let mut desk = Desk::new(database::pool(options)).await;
    let known = desk.message("General", "known");
    assert_eq!(desk.batch(vec![known.clone()]).await, [Ok((1, 1, false))]);
    let release = desk.hold("General", Duration::from_millis(2500), &[]).await;
    let held = desk.submit(vec![
        desk.message("General", "one"),
        known,
        desk.message("General", "two"),
    ]);
    let free = desk.submit(vec![
        desk.message("Random", "free"),
        desk.message("Archived", "too late"),
        desk.message("Nowhere", "into the void"),
    ]);
    assert_eq!(told(free).await, [Ok((1, 1, false)), REFUSED, REFUSED]);
    assert!(!release.is_finished(), "the others did not wait for the lock");
    let more = desk.submit(vec![
        desk.message("General", "three"),
        desk.message("Random", "free too"),
    ]);
    assert_eq!(desk.counters("General").await, (1, 1));
    release.await.unwrap();
    // The room is free, but what waits for it has not been tried again yet.
    let last = desk.submit(vec![desk.message("General", "four")]);
    assert_eq!(
        told(held).await,
        [Ok((2, 2, false)), Ok((1, 1, true)), Ok((3, 3, false))]
    );
    assert_eq!(told(more).await, [Ok((4, 4, false)), Ok((2, 2, false))]);
    assert_eq!(told(last).await, [Ok((5, 5, false))]);
    assert_eq!(
        desk.stored("General").await,
        ["1 1 known", "2 2 one", "3 3 two", "4 4 three", "5 5 four"]
    );
}

#[sqlx::test]
async fn a_message_that_cannot_be_stored_fails_alone(pool: PgPool) {
    let mut desk = Desk::new(pool).await;
    let too_long = NewMessage {
        sealed: "x".repeat(24_001),
        ..desk.message("General", "too long")
    };
    let messages = vec![
        desk.message("General", "one"),
        desk.message("Random", "elsewhere"),
        too_long,
        desk.message("General", "two"),
        desk.message("General", "three"),
    ];
    assert_eq!(
        desk.batch(messages).await,
        [
            Ok((1, 1, false)),
            Ok((1, 1, false)),
            Err(SendError::Unavailable),
            Ok((2, 2, false)),
            Ok((3, 3, false))
        ]
    );
    assert_eq!(desk.stored("General").await, ["1 1 one", "2 2 two", "3 3 three"]);
}

/// The rows come before the commit: nobody may be answered by them alone.
#[sqlx::test]
async fn a_commit_that_fails_acknowledges_nothing(pool: PgPool) {
    let mut desk = Desk::new(pool).await;
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW WHEN (NEW.body = 'bad') EXECUTE FUNCTION refuse()",
    )
    .execute(&desk.pool)
    .await
    .unwrap();
    let messages = vec![
        desk.message("General", "one"),
        desk.message("General", "bad"),
        desk.message("General", "two"),
    ];
    assert_eq!(
        desk.batch(messages).await,
        [Ok((1, 1, false)), Err(SendError::Unavailable), Ok((2, 2, false))]
    );
    assert_eq!(desk.stored("General").await, ["1 1 one", "2 2 two"]);
    assert_eq!(desk.counters("General").await, (2, 2));
}
