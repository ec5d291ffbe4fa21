//! Frames: fragments, control frames, closing, what is forbidden and what is too long.

use sqlx::PgPool;
use umbrachat::config::Config;

use super::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, Raw, TEXT, frame, member, still_works};
use crate::support::{config, numbers, spawn, spawn_with};

#[sqlx::test]
async fn fragments_become_one_message_with_a_ping_between(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let mut raw = Raw::of(&person).await;
    let message = "{\"body\": \"in three 🌙 parts\"}".as_bytes();
    // Cut within a character: only the whole must be UTF-8.
    let moon = message.windows(4).position(|four| four == "🌙".as_bytes()).unwrap();
    raw.frame(TEXT, &message[..moon + 2]).await;
    raw.frame(FIN | PING, b"between").await;
    assert_eq!(raw.control().await, Some((PONG, b"between".to_vec())));
    raw.frame(CONTINUATION, b"").await;
    raw.frame(FIN | CONTINUATION, &message[moon + 2..]).await;
    raw.until("in three 🌙 parts").await;
    // One byte at a time is the same message.
    for byte in frame(FIN | TEXT, b"{\"body\": \"drop by drop\"}") {
        raw.bytes(&[byte]).await;
    }
    assert_eq!(numbers(&raw.until("drop by drop").await), [2]);
}

#[sqlx::test]
async fn a_ping_is_answered_with_its_payload_and_a_pong_with_nothing(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let mut raw = Raw::of(&person).await;
    raw.frame(FIN | PONG, b"nobody asked").await;
    for payload in [&b""[..], b"hello", &[0xff; 125]] {
        raw.frame(FIN | PING, payload).await;
        assert_eq!(raw.control().await, Some((PONG, payload.to_vec())));
    }
}

#[sqlx::test]
async fn what_comes_faster_than_anybody_may_send_is_read_later_and_not_lost(pool: PgPool) {
    let slow = Config {
        message_rate: 1.try_into().unwrap(),
        ..config()
    };
    let server = spawn_with(pool, slow).await;
    let person = member(&server).await;
    let mut raw = Raw::of(&person).await;
    // Five seconds' worth of 16 KiB, of which four may come at once.
    raw.bytes(&frame(FIN | PING, b"").repeat((80 << 10) / 6)).await;
    raw.frame(FIN | TEXT, b"{\"body\": \"behind the pings\"}").await;
    let is_it = |(opcode, payload): &(u8, Vec<u8>)| {
        *opcode == TEXT && String::from_utf8_lossy(payload).contains("behind the pings")
    };
    while !is_it(&raw.next().await.expect("the socket is open")) {}
}

/// RFC 6455, 5.5.3: the answer to the newest ping may stand for those before it.
#[sqlx::test]
async fn a_flood_of_pings_costs_few_answers_and_the_newest_is_answered(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let mut raw = Raw::of(&person).await;
    let mut flood = frame(FIN | PING, b"").repeat(20_000);
    flood.extend(frame(FIN | PING, b"newest"));
    raw.bytes(&flood).await;
    let mut answers = 0;
    loop {
        let (opcode, payload) = raw.control().await.unwrap();
        assert_eq!(opcode, PONG);
        answers += 1;
        if payload == b"newest" {
            break;
        }
    }
    assert!(answers < 2_000, "{answers}");
    still_works(&person).await;
}

#[sqlx::test]
async fn a_close_is_answered_and_ends_the_connection(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let with = |code: u16, reason: &[u8]| [&code.to_be_bytes(), reason].concat();
    for (payload, answer) in [
        (vec![], None),
        (with(1000, b""), Some(1000)),
        (with(1001, b"going away"), Some(1001)),
        (with(3000, b""), Some(3000)),
        (with(4999, &[b'x'; 123]), Some(4999)),
        // What may not stand in a frame, or means nothing.
        (with(0, b""), Some(1002)),
        (with(999, b""), Some(1002)),
        (with(1004, b""), Some(1002)),
        (with(1005, b""), Some(1002)),
        (with(1006, b""), Some(1002)),
        (with(1015, b""), Some(1002)),
        (with(2999, b""), Some(1002)),
        (with(5000, b""), Some(1002)),
        (vec![3], Some(1002)),
    ] {
        let mut raw = Raw::of(&person).await;
        raw.frame(FIN | CLOSE, &payload).await;
        assert_eq!(raw.closed().await, answer, "{payload:?}");
    }
    still_works(&person).await;
}

#[sqlx::test]
async fn what_the_protocol_forbids_ends_with_1002(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let mut forbidden: Vec<(String, Vec<u8>)> = vec![
        ("not masked".into(), b"\x81\x02{}".to_vec()),
        ("an empty ping, not masked".into(), b"\x89\x00".to_vec()),
        ("a ping of 126 bytes".into(), frame(FIN | PING, &[0; 126])),
        ("a close of 126 bytes".into(), frame(FIN | CLOSE, &[3; 126])),
        ("a ping in fragments".into(), frame(PING, b"")),
        ("a close in fragments".into(), frame(CLOSE, b"")),
        ("the end of nothing".into(), frame(FIN | CONTINUATION, b"{}")),
        ("the middle of nothing".into(), frame(CONTINUATION, b"{}")),
        (
            "a message within a message".into(),
            [frame(TEXT, b"{"), frame(FIN | TEXT, b"{}")].concat(),
        ),
    ];
    for bit in [0x40, 0x20, 0x10] {
        for opcode in [TEXT, PING] {
            forbidden.push((
                format!("reserved bit {bit:x} on {opcode}"),
                frame(FIN | bit | opcode, b"{}"),
            ));
        }
    }
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        forbidden.push((format!("opcode {opcode:x}"), frame(FIN | opcode, b"{}")));
    }
    for (what, bytes) in forbidden {
        let mut raw = Raw::of(&person).await;
        raw.bytes(&bytes).await;
        assert_eq!(raw.closed().await, Some(1002), "{what}");
    }
    still_works(&person).await;
}

#[sqlx::test]
async fn what_is_too_long_ends_with_1009_and_takes_no_memory(pool: PgPool) {
    const LIMIT: usize = 64 << 10;
    let server = spawn(pool).await;
    let person = member(&server).await;
    let part = vec![b'x'; LIMIT / 2];
    for (what, bytes) in [
        ("a frame", frame(FIN | TEXT, &vec![b'x'; LIMIT + 1])),
        ("a binary frame", frame(FIN | BINARY, &vec![b'x'; LIMIT + 1])),
        (
            "a message in fragments",
            [
                frame(TEXT, &part),
                frame(CONTINUATION, &part),
                frame(FIN | CONTINUATION, b"x"),
            ]
            .concat(),
        ),
        // Only the length is sent: nobody may wait for the rest, or make room for it.
        (
            "a gigabyte",
            [&[FIN | TEXT, 0xFF][..], &(1_u64 << 30).to_be_bytes(), &[0; 4]].concat(),
        ),
        (
            "all there is",
            [&[FIN | TEXT, 0xFF][..], &(u64::MAX >> 1).to_be_bytes(), &[0; 4]].concat(),
        ),
    ] {
        let mut raw = Raw::of(&person).await;
        raw.bytes(&bytes).await;
        assert_eq!(raw.closed().await, Some(1009), "{what}");
    }
    // Just within is answered, and the socket stays.
    let mut raw = Raw::of(&person).await;
    raw.frame(FIN | TEXT, &vec![b'x'; LIMIT]).await;
    raw.until("too_long").await;
    raw.frame(FIN | TEXT, b"{\"body\": \"shorter\"}").await;
    raw.until("shorter").await;
}

/// The RFC asks senders for the shortest length and gives receivers nothing to do about it.
#[sqlx::test]
async fn lengths_that_are_not_the_shortest_are_read_all_the_same(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let mut raw = Raw::of(&person).await;
    let message = b"{\"body\": \"long-winded\"}";
    let length = u8::try_from(message.len()).unwrap();
    for head in [
        vec![FIN | TEXT, 0x80 | 0x7E, 0, length],
        vec![FIN | TEXT, 0x80 | 0x7F, 0, 0, 0, 0, 0, 0, 0, length],
    ] {
        // A mask of zeros leaves the text as it is.
        raw.bytes(&[&head[..], &[0; 4], message].concat()).await;
        raw.until("long-winded").await;
    }
}

/// Section 8.1: the connection fails. The page is told before, as of everything that is not taken.
#[sqlx::test]
async fn text_that_is_not_utf8_is_answered_and_ends_with_1007(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let after = frame(FIN | TEXT, b"{\"body\": \"after the end\"}");
    let whole = |bytes| frame(FIN | TEXT, bytes);
    for (what, bytes) in [
        ("a byte that is none", whole(b"\xff")),
        ("half a character", whole(b"\xc3")),
        ("a surrogate", whole(b"\xed\xa0\x80")),
        ("an overlong slash", whole(b"\xc0\xaf")),
        ("beyond Unicode", whole(b"\xf4\x90\x80\x80")),
        (
            "three quarters of a character in JSON",
            whole(b"{\"body\": \"\xf0\x9f\x8c\"}"),
        ),
        // What can never become a character need not wait for the end of the message.
        ("the first of several fragments", frame(TEXT, b"{\"body\": \"\xff")),
        (
            "the middle of several fragments",
            [frame(TEXT, b"{\"body\": "), frame(CONTINUATION, b"\"\xff")].concat(),
        ),
        (
            "fragments that end within a character",
            [frame(TEXT, b"{\"body\": "), frame(FIN | CONTINUATION, b"\"\xf0\x9f")].concat(),
        ),
        (
            "the reason of a close",
            frame(FIN | CLOSE, &[&1000_u16.to_be_bytes()[..], b"\xff\xfe"].concat()),
        ),
    ] {
        let mut raw = Raw::of(&person).await;
        raw.bytes(&[bytes, after.clone()].concat()).await;
        let error = raw.until("\"error\"").await;
        assert!(error.contains("invalid_json"), "{what}: {error}");
        assert_eq!(raw.closed().await, Some(1007), "{what}");
    }
    still_works(&person).await;
    assert!(!person.page("/chat/room/General").await.contains("after the end"));
}

#[sqlx::test]
async fn binary_messages_are_answered_and_the_next_good_one_works(pool: PgPool) {
    let server = spawn(pool).await;
    let person = member(&server).await;
    let mut raw = Raw::of(&person).await;
    for bytes in [&b""[..], b"{\"body\": \"x\"}", b"\xff\xfe", &[0; 1000]] {
        raw.frame(FIN | BINARY, bytes).await;
        raw.until("invalid_json").await;
    }
    raw.frame(BINARY, b"\xff").await;
    raw.frame(FIN | CONTINUATION, b"\xfe").await;
    raw.until("invalid_json").await;
    raw.frame(FIN | TEXT, b"{\"body\": \"still here\"}").await;
    raw.until("still here").await;
}
