//! The little of RFC 6455 that a load generator needs, and what it reads in a pushed fragment: both without a copy.

use memchr::memmem;
use uuid::Uuid;

/// The opcodes that are used here (RFC 6455, section 5.2).
pub const TEXT: u8 = 1;
/// A closing handshake.
pub const CLOSE: u8 = 8;
/// A ping, to be answered by a pong with the same payload.
pub const PING: u8 = 9;
/// The answer to a ping.
pub const PONG: u8 = 10;

/// One frame at the beginning of some bytes.
pub struct Frame<'a> {
    /// What kind of frame.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
    /// How many bytes the frame takes, header included.
    pub length: usize,
}

/// The frame at the beginning of what a server sent; None when more bytes have to come first.
pub fn first_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[start, short], rest) = bytes.split_first_chunk::<2>()?;
    let (header, length) = match short {
        126 => (4, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
        short => (2, u64::from(short)),
    };
    let end = header + usize::try_from(length).ok()?;
    Some(Frame {
        opcode: start & 0x0f,
        payload: bytes.get(header..end)?,
        length: end,
    })
}

/// Appends a client's frame. It is masked with zeros, which every server has to accept and which costs nothing here.
pub fn push_client_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    const FINAL: u8 = 0x80;
    const MASKED: u8 = 0x80;
    const MEDIUM: u8 = 0x7e;
    const LONG: u8 = 0x7f;
    out.push(FINAL | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < MEDIUM => out.push(MASKED | length),
        (_, Ok(length)) => {
            out.push(MASKED | MEDIUM);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(MASKED | LONG);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// What the client id of a message says about it, so that whoever receives it can judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The room it was sent to.
    pub room: u16,
    /// Who sent it.
    pub sender: u32,
    /// Its number among that sender's messages, from 0; it wraps.
    pub number: u16,
    /// When it was sent, in nanoseconds since the load generator began.
    pub nanos: u64,
}

impl Stamp {
    /// The stamp as a client id.
    pub fn to_uuid(self) -> Uuid {
        let high = (u64::from(self.room) << 48) | (u64::from(self.sender) << 16) | u64::from(self.number);
        Uuid::from_u64_pair(high, self.nanos)
    }

    /// The stamp in a client id that [`Stamp::to_uuid`] made.
    #[expect(clippy::cast_possible_truncation, reason = "each shift leaves the bits of the field")]
    pub fn of(id: Uuid) -> Self {
        let (high, nanos) = id.as_u64_pair();
        Self {
            room: (high >> 48) as u16,
            sender: (high >> 16) as u32,
            number: high as u16,
            nanos,
        }
    }
}

/// Calls `each` with the number and the stamp of every new message in a fragment, in its order. One that takes the place of
/// how it stood before has an envelope of its own, whose target is that message.
pub fn each_message(fragment: &[u8], mut each: impl FnMut(i64, Stamp)) {
    let (mut rest, mut is_altered) = (fragment, false);
    while let Some((seq, after)) = number_after(rest, b" id=\"m-") {
        let before = &rest[..rest.len() - after.len()];
        if let Some(target) = memmem::rfind(before, b"hx-target=\"#m") {
            is_altered = before[target + 13..].starts_with(b"-");
        }
        let Some(at) = memmem::find(after, b"data-client=\"") else {
            return;
        };
        let id = after
            .get(at + 13..at + 49)
            .and_then(|id| Uuid::try_parse_ascii(id).ok());
        if let Some(id) = id.filter(|_| !is_altered) {
            each(seq, Stamp::of(id));
        }
        rest = &after[at..];
    }
}

/// The number and the stamp of the new message in a frame for programs.
pub fn message_for_programs(frame: &[u8]) -> Option<(i64, Stamp)> {
    let rest = frame.strip_prefix(br#"{"type":"new_message""#)?;
    let (seq, rest) = number_after(rest, b"\"seq\":")?;
    let at = memmem::find(rest, b"\"client_id\":\"")? + 13;
    let id = Uuid::try_parse_ascii(rest.get(at..at + 36)?).ok()?;
    Some((seq, Stamp::of(id)))
}

/// The change that a fragment brings its page to.
pub fn reached(fragment: &[u8]) -> Option<i64> {
    // The envelope comes first, so a fragment without one is not searched to its end.
    let envelope = &fragment[..fragment.len().min(200)];
    number_after(envelope, b"data-to=\"").map(|(number, _)| number)
}

/// The first number that follows `mark`, and what follows the mark.
fn number_after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(i64, &'a [u8])> {
    let rest = &bytes[memmem::find(bytes, mark)? + mark.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some((number, rest))
}
