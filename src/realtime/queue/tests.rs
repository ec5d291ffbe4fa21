use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use tungstenite::protocol::{Role, WebSocket};

use super::state::{MAX_BYTES, MAX_FRAMES};
use super::*;
use crate::ids::{Change, Seq};
use crate::realtime::frame::Covers;

/// The one subscription of most tests here.
const SLOT: Slot = Slot(0);

/// A queue whose pushes go straight to the socket, and its reader.
pub(crate) async fn open() -> (Arc<Queue>, TcpStream) {
    let (queue, reader) = held().await;
    assert_eq!(write_all(&queue).await, Ok(None));
    (queue, reader)
}

async fn held() -> (Arc<Queue>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reader, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let queue = Queue::new(Arc::new(accepted.unwrap().0));
    assert_eq!(queue.add(Position::default()), SLOT);
    (Arc::new(queue), reader.unwrap())
}

/// The texts that have arrived.
pub(crate) async fn received(reader: &mut TcpStream) -> Vec<String> {
    let mut bytes = Vec::new();
    let quiet = Duration::from_millis(20);
    while let Ok(Ok(())) = tokio::time::timeout(quiet, reader.readable()).await {
        let mut part = [0; 8 << 10];
        match reader.try_read(&mut part) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(_) => {}
        }
    }
    let mut socket = WebSocket::from_raw_socket(io::Cursor::new(bytes), Role::Client, None);
    std::iter::from_fn(|| Some(socket.read().ok()?.into_text().ok()?.to_string())).collect()
}

/// Writes all that waits.
async fn write_all(queue: &Queue) -> Result<Option<Wake>, Disconnected> {
    loop {
        match queue.resume().await {
            Ok(Some(Wake::More)) => {}
            written => return written,
        }
    }
}

/// The code with which the task is to close the connection.
pub(crate) async fn closed_with(queue: &Queue) -> Option<CloseCode> {
    match write_all(queue).await {
        Ok(Some(Wake::Close(code))) => Some(code),
        _ => None,
    }
}

fn at(change: i64) -> Position {
    let (change, seq) = (Change(change), Seq(change));
    Position { change, seq }
}

fn covering(after: i64, to: i64) -> Frame {
    let covers = Covers {
        after: Change(after),
        to: at(to),
        altered: None,
    };
    Frame::covering(covers, &format!("{after}-{to}"))
}

/// A frame of change `to`, that alters message `seq`.
fn altering(seq: i64, to: i64) -> Frame {
    let covers = Covers {
        after: Change(to - 1),
        to: at(to),
        altered: Some(Seq(seq)),
    };
    Frame::covering(covers, &format!("{seq} altered"))
}

/// Pushes until the socket is full; returns how many frames that took.
fn stall(queue: &Queue, frame: &Frame) -> usize {
    let mut pushed = 0;
    while queue.lock().direct {
        queue.push(SLOT, frame);
        pushed += 1;
    }
    pushed
}

#[tokio::test]
async fn every_change_goes_out_once_and_in_order() {
    let (queue, mut reader) = held().await;
    queue.set_position(SLOT, at(2));
    // Held: what comes meanwhile waits, also what the reader has already.
    queue.push(SLOT, &covering(1, 2));
    queue.push(SLOT, &covering(2, 3));
    assert!(received(&mut reader).await.is_empty());
    assert_eq!(write_all(&queue).await, Ok(None));
    queue.push(SLOT, &covering(1, 3));
    queue.push(SLOT, &covering(3, 5));
    queue.push(SLOT, &Frame::ephemeral("now"));
    assert_eq!(received(&mut reader).await, ["2-3", "3-5", "now"]);
    assert_eq!(queue.position(SLOT), Some(at(5)));
}

#[tokio::test]
async fn what_does_not_follow_waits_until_the_gap_is_loaded() {
    let (queue, mut reader) = open().await;
    queue.push(SLOT, &covering(0, 1));
    queue.push(SLOT, &covering(2, 3));
    queue.push(SLOT, &covering(3, 4));
    assert_eq!(received(&mut reader).await, ["0-1"]);
    assert_eq!(write_all(&queue).await, Ok(Some(Wake::Behind(SLOT))));
    queue.send(&covering(1, 3)).await.unwrap();
    queue.set_position(SLOT, at(3));
    assert_eq!(write_all(&queue).await, Ok(None));
    assert_eq!(received(&mut reader).await, ["1-3", "3-4"]);
}

#[tokio::test]
async fn a_slow_reader_gets_everything_whole_once_it_reads() {
    let (queue, mut reader) = open().await;
    let long = Frame::ephemeral(&"x".repeat(50_000));
    let pushed = stall(&queue, &long);
    queue.push(SLOT, &Frame::ephemeral("last"));
    let (resumed, texts) = tokio::join!(write_all(&queue), received(&mut reader));
    assert_eq!(resumed, Ok(None));
    assert_eq!(texts.len(), pushed + 1);
    assert_eq!(texts.last().unwrap(), "last");
    assert_eq!(queue.lock().unsent.capacity(), 0, "memory is given back");
}

#[tokio::test]
async fn a_full_queue_is_cleared_and_closes_as_behind() {
    for (size, count) in [(1, MAX_FRAMES + 1), (MAX_BYTES / 2, 3)] {
        let (queue, _reader) = held().await;
        for _ in 0..count {
            queue.push(SLOT, &Frame::ephemeral(&"x".repeat(size)));
        }
        assert_eq!(queue.lock().waiting.capacity(), 0, "memory is given back");
        assert_eq!(closed_with(&queue).await, Some(CloseCode::TryAgain));
    }
}

#[tokio::test]
async fn a_reader_that_is_not_behind_gets_a_frame_of_any_size() {
    let (queue, _reader) = held().await;
    queue.push(SLOT, &Frame::ephemeral(&"x".repeat(MAX_BYTES + 1)));
    assert_eq!(queue.lock().closing, None);
}

#[tokio::test]
async fn what_waits_goes_out_before_a_restart_and_never_to_strangers() {
    let (restart, mut reader) = held().await;
    restart.push(SLOT, &Frame::ephemeral("before"));
    restart.close(CloseCode::Restart);
    assert_eq!(closed_with(&restart).await, Some(CloseCode::Restart));
    assert_eq!(received(&mut reader).await, ["before"]);
    let (stranger, mut reader) = held().await;
    stranger.push(SLOT, &Frame::ephemeral("secret"));
    stranger.close(CloseCode::NotOpen);
    stranger.push(SLOT, &Frame::ephemeral("secret"));
    assert_eq!(closed_with(&stranger).await, Some(CloseCode::NotOpen));
    assert!(received(&mut reader).await.is_empty());
}

#[tokio::test]
async fn the_first_reason_to_close_stays() {
    let (queue, _reader) = open().await;
    queue.close(CloseCode::SignedOut);
    queue.close(CloseCode::Restart);
    assert_eq!(closed_with(&queue).await, Some(CloseCode::SignedOut));
}

#[tokio::test]
async fn nothing_follows_a_close_frame() {
    let (queue, reader) = open().await;
    queue.control(&[0x88, 0]).unwrap();
    queue.push(SLOT, &Frame::ephemeral("late"));
    queue.control(&[0x8a, 0]).unwrap();
    let mut bytes = [0; 8];
    reader.readable().await.unwrap();
    assert_eq!(reader.try_read(&mut bytes).unwrap(), 2);
}

#[tokio::test]
async fn each_subscription_has_its_own_position() {
    let (queue, mut reader) = held().await;
    let other = queue.add(Position::default());
    queue.set_position(SLOT, at(7));
    assert_eq!(write_all(&queue).await, Ok(None));
    queue.push(other, &covering(0, 1));
    queue.push(SLOT, &covering(7, 8));
    queue.push(SLOT, &covering(0, 1));
    assert_eq!(received(&mut reader).await, ["0-1", "7-8"]);
    queue.push(other, &covering(2, 3));
    assert_eq!(write_all(&queue).await, Ok(Some(Wake::Behind(other))));
    assert_eq!(queue.position(SLOT), Some(at(8)));
}

#[tokio::test]
async fn an_ended_subscription_hears_nothing_and_the_others_go_on() {
    let (queue, mut reader) = held().await;
    let other = queue.add(Position::default());
    queue.push(other, &covering(0, 1));
    queue.push(SLOT, &Frame::ephemeral("mine"));
    queue.end(other, CloseCode::NotOpen);
    queue.push(other, &Frame::ephemeral("secret"));
    assert_eq!(
        write_all(&queue).await,
        Ok(Some(Wake::Ended(other, CloseCode::NotOpen)))
    );
    assert_eq!(write_all(&queue).await, Ok(None));
    assert_eq!(received(&mut reader).await, ["mine"]);
    assert_eq!(queue.position(other), None);
}

#[tokio::test]
async fn an_altered_message_goes_only_to_those_who_may_see_it() {
    let (queue, mut reader) = held().await;
    let newcomer = queue.add(at(5));
    queue.set_position(SLOT, at(5));
    assert_eq!(write_all(&queue).await, Ok(None));
    for (seq, change) in [(4, 6), (5, 7), (6, 8)] {
        queue.push(SLOT, &altering(seq, change));
        queue.push(newcomer, &altering(seq, change));
    }
    assert_eq!(
        received(&mut reader).await,
        ["4 altered", "5 altered", "6 altered", "6 altered"]
    );
    assert_eq!(
        (queue.position(SLOT), queue.position(newcomer)),
        (Some(at(8)), Some(at(8)))
    );
}
