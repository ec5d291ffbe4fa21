use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use tungstenite::protocol::{Role, WebSocket};

use super::*;

/// A queue whose pushes go straight to the socket, and its reader.
pub(crate) async fn open() -> (Arc<Queue>, TcpStream) {
    let (queue, reader) = held().await;
    assert_eq!(settle(&queue).await, Ok(None));
    (queue, reader)
}

async fn held() -> (Arc<Queue>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reader, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Arc::new(Queue::new(Arc::new(accepted.unwrap().0))), reader.unwrap())
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
async fn settle(queue: &Queue) -> Result<Option<Stirred>, Gone> {
    loop {
        match queue.resume().await {
            Ok(Some(Stirred::More)) => {}
            settled => return settled,
        }
    }
}

/// The code with which the task is to close the connection.
pub(crate) async fn closed_with(queue: &Queue) -> Option<CloseCode> {
    match settle(queue).await {
        Ok(Some(Stirred::Close(code))) => Some(code),
        _ => None,
    }
}

fn covering(from: i64, to: i64) -> Frame {
    Frame::covering(Change(from), Change(to), &format!("{from}-{to}"))
}

/// Pushes until the socket is full; gives how many frames that took.
fn stall(queue: &Queue, frame: &Frame) -> usize {
    let mut pushed = 0;
    while queue.lock().live {
        queue.push(frame);
        pushed += 1;
    }
    pushed
}

#[tokio::test]
async fn every_change_goes_out_once_and_in_order() {
    let (queue, mut reader) = held().await;
    queue.advance(Change(2));
    // Held: what comes meanwhile waits, also what the reader has already.
    queue.push(&covering(1, 2));
    queue.push(&covering(2, 3));
    assert!(received(&mut reader).await.is_empty());
    assert_eq!(settle(&queue).await, Ok(None));
    queue.push(&covering(1, 3));
    queue.push(&covering(3, 5));
    queue.push(&Frame::ephemeral("now"));
    assert_eq!(received(&mut reader).await, ["2-3", "3-5", "now"]);
    assert_eq!(queue.cursor(), Change(5));
}

#[tokio::test]
async fn what_does_not_follow_waits_until_the_gap_is_loaded() {
    let (queue, mut reader) = open().await;
    queue.push(&covering(0, 1));
    queue.push(&covering(2, 3));
    queue.push(&covering(3, 4));
    assert_eq!(received(&mut reader).await, ["0-1"]);
    assert_eq!(settle(&queue).await, Ok(Some(Stirred::Behind)));
    queue.send(&covering(1, 3)).await.unwrap();
    queue.advance(Change(3));
    assert_eq!(settle(&queue).await, Ok(None));
    assert_eq!(received(&mut reader).await, ["1-3", "3-4"]);
}

#[tokio::test]
async fn a_slow_reader_gets_everything_whole_once_it_reads() {
    let (queue, mut reader) = open().await;
    let long = Frame::ephemeral(&"x".repeat(50_000));
    let pushed = stall(&queue, &long);
    queue.push(&Frame::ephemeral("last"));
    let (resumed, texts) = tokio::join!(settle(&queue), received(&mut reader));
    assert_eq!(resumed, Ok(None));
    assert_eq!(texts.len(), pushed + 1);
    assert_eq!(texts.last().unwrap(), "last");
    assert_eq!(queue.lock().rest.capacity(), 0, "memory is given back");
}

#[tokio::test]
async fn a_full_queue_is_cleared_and_closes_as_behind() {
    for (size, count) in [(1, MAX_FRAMES + 1), (MAX_BYTES / 2, 3)] {
        let (queue, _reader) = held().await;
        for _ in 0..count {
            queue.push(&Frame::ephemeral(&"x".repeat(size)));
        }
        assert_eq!(queue.lock().frames.capacity(), 0, "memory is given back");
        assert_eq!(closed_with(&queue).await, Some(CloseCode::TryAgain));
    }
}

#[tokio::test]
async fn a_reader_that_is_not_behind_gets_a_frame_of_any_size() {
    let (queue, _reader) = held().await;
    queue.push(&Frame::ephemeral(&"x".repeat(MAX_BYTES + 1)));
    assert_eq!(queue.lock().closing, None);
}

#[tokio::test]
async fn what_waits_goes_out_before_a_restart_and_never_to_strangers() {
    let (restart, mut reader) = held().await;
    restart.push(&Frame::ephemeral("before"));
    restart.close(CloseCode::Restart);
    assert_eq!(closed_with(&restart).await, Some(CloseCode::Restart));
    assert_eq!(received(&mut reader).await, ["before"]);
    let (stranger, mut reader) = held().await;
    stranger.push(&Frame::ephemeral("secret"));
    stranger.close(CloseCode::NotOpen);
    stranger.push(&Frame::ephemeral("secret"));
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
    queue.push(&Frame::ephemeral("late"));
    queue.control(&[0x8a, 0]).unwrap();
    let mut bytes = [0; 8];
    reader.readable().await.unwrap();
    assert_eq!(reader.try_read(&mut bytes).unwrap(), 2);
}
