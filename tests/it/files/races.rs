//! What happens to a file at the same moment.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::{bytes, emptied, noise, number, own_folder, rest, rows, until, upload, write_with};
use crate::nodes::{at, two_with};
use crate::services::shared_redis;
use crate::support::{Cast, Person, Server, done, spawn_with};

/// Two nodes that keep their files in one folder.
async fn two(pool: PgPool) -> (Server, Server) {
    let url = shared_redis();
    let (config, _) = own_folder();
    two_with(pool, [url.clone(), url], config).await
}

/// Messages with files, and those of them whose files are not there.
async fn with_files(pool: &PgPool) -> (i64, i64) {
    let query = "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
                     SELECT FROM attachments f WHERE f.room_id = m.room_id AND f.seq = m.seq))
                 FROM messages m WHERE m.has_files";
    sqlx::query_as(query).fetch_one(pool).await.unwrap()
}

#[sqlx::test]
async fn a_file_goes_with_one_of_the_messages_that_want_it(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, .. } = first.cast().await;
    let elsewhere = at(alice.clone(), &second);
    let mut sockets = [alice.socket("General").await, elsewhere.socket("General").await];
    for round in 1..=8 {
        let id = upload(&alice, "General", "wanted.txt", b"wanted").await;
        let mut sent = Vec::new();
        for socket in &mut sockets {
            let client_id = Uuid::new_v4().to_string();
            let frame = json!({"body": "by a socket", "client_id": client_id, "files": [id]});
            socket.send(frame.to_string()).await;
            sent.push(client_id);
        }
        let files = [id.as_str()];
        let forms = [&alice, &elsewhere, &alice, &elsewhere].map(|person| write_with(person, "General", "", &files));
        let answers = join_all(forms).await;
        let mut stored = 0;
        for answer in &answers {
            match answer.status() {
                StatusCode::SEE_OTHER => stored += 1,
                status => assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY),
            }
        }
        for (socket, client_id) in sockets.iter_mut().zip(sent) {
            let answer = socket.until(&client_id).await;
            if !answer.contains("unknown_file") {
                assert!(!answer.contains("\"error\""), "{answer}");
                stored += 1;
            }
        }
        assert_eq!(stored, 1, "round {round}");
        assert_eq!(
            (with_files(&first.pool).await, rows(&first.pool).await),
            ((round, 0), round)
        );
    }
}

/// What became of a file that is sent and taken back at once.
#[derive(Debug, Default)]
struct Outcomes {
    sent: usize,
    taken_back: usize,
}

impl Outcomes {
    /// One of both wins, and whoever looks sees that.
    async fn race(&mut self, (alice, elsewhere, bob): (&Person, &Person, &Person), head_start: Duration) {
        let id = upload(alice, "General", "both.txt", b"both").await;
        let files = [id.as_str()];
        let address = format!("/chat/room/General/files/{id}/delete");
        let write = async {
            sleep(head_start).await;
            write_with(alice, "General", "", &files).await
        };
        let (written, deleted) = tokio::join!(write, elsewhere.post(&address, &[]));
        self.note((alice, bob), &id, (written.status(), deleted.status())).await;
    }

    /// The same where both have found the file, and neither has come to it: somebody holds its row.
    async fn race_for_the_row(
        &mut self,
        (alice, elsewhere, bob): (&Person, &Person, &Person),
        pool: &PgPool,
        is_sent_first: bool,
    ) {
        let id = upload(alice, "General", "both.txt", b"both").await;
        let mut row = pool.begin().await.unwrap();
        sqlx::query("SELECT FROM attachments WHERE id = $1 FOR UPDATE")
            .bind(Uuid::parse_str(&id).unwrap())
            .execute(&mut *row)
            .await
            .unwrap();
        let write = {
            let (alice, id) = (alice.clone(), id.clone());
            async move { write_with(&alice, "General", "", &[&id]).await.status() }
        };
        let delete = {
            let (alice, address) = (elsewhere.clone(), format!("/chat/room/General/files/{id}/delete"));
            async move { alice.post(&address, &[]).await.status() }
        };
        // One waits for the row, and the other for the row or for the room. Neither waits for long.
        let (written, deleted);
        if is_sent_first {
            written = tokio::spawn(write);
            until("one waits", async || waiting(pool).await > 0 || written.is_finished()).await;
            deleted = tokio::spawn(delete);
        } else {
            deleted = tokio::spawn(delete);
            until("one waits", async || waiting(pool).await > 0 || deleted.is_finished()).await;
            written = tokio::spawn(write);
        }
        let is_over = || written.is_finished() || deleted.is_finished();
        until("both wait", async || waiting(pool).await > 1 || is_over()).await;
        row.rollback().await.unwrap();
        let outcome = (written.await.unwrap(), deleted.await.unwrap());
        self.note((alice, bob), &id, outcome).await;
    }

    async fn note(&mut self, (alice, bob): (&Person, &Person), id: &str, outcome: (StatusCode, StatusCode)) {
        let path = format!("/files/{id}/both.txt");
        match outcome {
            // Whoever waited for too long has done nothing.
            (StatusCode::SEE_OTHER, StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE) => {
                assert_eq!(bytes(bob, &path).await, b"both");
                self.sent += 1;
            }
            (StatusCode::UNPROCESSABLE_ENTITY | StatusCode::SERVICE_UNAVAILABLE, StatusCode::NO_CONTENT) => {
                assert_eq!(alice.get(&path).await.status(), StatusCode::NOT_FOUND);
                self.taken_back += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// How many wait for a lock.
async fn waiting(pool: &PgPool) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

#[sqlx::test]
async fn a_file_that_is_taken_back_while_it_is_sent_goes_or_its_message_does_not(pool: PgPool) {
    let (first, second) = two(pool).await;
    let Cast { alice, bob, .. } = first.cast().await;
    let elsewhere = at(alice.clone(), &second);
    let mut outcomes = Outcomes::default();
    // Until each has won: now the one begins somewhat earlier, now the other.
    let mut round = 0;
    while outcomes.sent < 5 || outcomes.taken_back < 5 {
        let head_start = Duration::from_millis(round % 20);
        outcomes.race((&alice, &elsewhere, &bob), head_start).await;
        round += 1;
        assert!(round < 400, "{outcomes:?}");
    }
    for is_sent_first in [true, false].repeat(5) {
        outcomes
            .race_for_the_row((&alice, &elsewhere, &bob), &first.pool, is_sent_first)
            .await;
    }
    let sent = i64::try_from(outcomes.sent).unwrap();
    assert_eq!(
        (with_files(&first.pool).await, rows(&first.pool).await),
        ((sent, 0), sent)
    );
}

#[sqlx::test]
async fn a_file_whose_message_is_deleted_meanwhile_is_had_whole_or_seen_to_be_cut(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let content = noise(24_000_000);
    let id = upload(&alice, "General", "going.bin", &content).await;
    let seq = number(&write_with(&alice, "General", "", &[&id]).await);
    let path = format!("/files/{id}/going.bin");
    let mut whole = bob.get(&path).await;
    let request = bob
        .client
        .get(format!("{}{path}", bob.address))
        .header("Range", "bytes=1000000-");
    let mut part = request.send().await.unwrap();
    let (begin, second) = (
        whole.chunk().await.unwrap().unwrap(),
        part.chunk().await.unwrap().unwrap(),
    );
    let address = format!("/chat/room/General/messages/{seq}/delete");
    done(alice.post(&address, &[]).await).await;
    emptied(&folder).await;
    for (first, answer, expected) in [(begin, whole, &content[..]), (second, part, &content[1_000_000..])] {
        let (came, is_whole) = rest(answer).await;
        let came = [&first[..], &came].concat();
        assert!(expected.starts_with(&came), "what comes is of the file");
        assert_eq!(is_whole, came.len() == expected.len());
        assert!(!is_whole, "so much is on its way at once that nothing was cut");
    }
    assert_eq!(bob.get(&path).await.status(), StatusCode::NOT_FOUND);
}
