//! Many sockets on one thread: they connect, send, and check everything that they receive.
//!
//! One `epoll` loop over plain TCP, so that the load costs little beside what it measures.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::frames::{self, Stamp, TEXT};
use crate::member::{Door, Echoes, Member, Phase};
use crate::posting::Posting;
use crate::tally::Tally;

/// Bytes that are read in one go.
const READ_AT_ONCE: usize = 256 << 10;

/// Added to a member's number it names the connection on which that member sends over HTTP.
const POSTING: usize = 1 << 32;

/// Everybody.
pub struct Crowd {
    poll: Poll,
    events: Events,
    ready: Vec<(usize, bool)>,
    buffer: Vec<u8>,
    members: Vec<Member>,
    began: Instant,
    /// Messages sent to each room, without those that were refused.
    sent: Vec<i64>,
    text: String,
    /// Whether echoes are answered by the next message.
    flowing: bool,
    /// Whether some messages answer others.
    replies: bool,
    /// What was seen.
    pub tally: Tally,
}

impl Crowd {
    /// A crowd whose messages have that many characters.
    pub fn new(characters: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(4096),
            ready: Vec::new(),
            buffer: vec![0; READ_AT_ONCE],
            members: Vec::new(),
            began: Instant::now(),
            sent: Vec::new(),
            text: "The moon moves before the sun. "
                .chars()
                .cycle()
                .take(characters.max(1))
                .collect(),
            flowing: false,
            replies: false,
            tally: Tally::default(),
        })
    }

    /// Lets somebody in; gives their number.
    pub fn join(&mut self, door: Door) -> io::Result<usize> {
        let rooms = usize::from(door.room) + 1;
        if self.sent.len() < rooms {
            self.sent.resize(rooms, 0);
        }
        let index = self.members.len();
        self.members.push(Member::at(door));
        self.connect(index)?;
        Ok(index)
    }

    /// Connects a member, who asks for what they missed.
    pub fn connect(&mut self, index: usize) -> io::Result<()> {
        let member = &mut self.members[index];
        let mut stream = TcpStream::connect(member.door.address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(index), interest)?;
        member.stream = Some(stream);
        member.phase = Phase::Connecting;
        member.since = Instant::now();
        member.partial.clear();
        member.outgoing = member.request();
        Ok(())
    }

    /// Lets a program send over HTTP.
    pub fn post(&mut self, index: usize, mut posting: Posting) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(index + POSTING);
        self.poll.registry().register(&mut posting.stream, token, interest)?;
        self.members[index].posting = Some(posting);
        Ok(())
    }

    /// Takes a member away without a goodbye.
    pub fn disconnect(&mut self, index: usize) -> io::Result<()> {
        let member = &mut self.members[index];
        member.phase = Phase::Closed;
        match member.stream.take() {
            Some(mut stream) => self.poll.registry().deregister(&mut stream),
            None => Ok(()),
        }
    }

    /// Members whose connection stands and has had its first frame.
    pub fn count_ready(&self) -> usize {
        let is_ready = |member: &&Member| member.phase == Phase::Ready;
        self.members.iter().filter(is_ready).count()
    }

    /// Members who are on their way in.
    pub fn count_opening(&self) -> usize {
        let is_opening = |member: &&Member| !matches!(member.phase, Phase::Ready | Phase::Closed);
        self.members.iter().filter(is_opening).count()
    }

    /// Whether that member's connection stands.
    pub fn is_ready(&self, index: usize) -> bool {
        self.members[index].phase == Phase::Ready
    }

    /// Lets that member send whenever fewer than `window` of their messages wait for their echo.
    pub fn flow(&mut self, index: usize, window: u32) {
        self.flowing = true;
        self.members[index].window = window;
        for _ in self.members[index].waiting..window {
            self.say(index);
        }
    }

    /// Ends what [`Crowd::flow`] began.
    pub fn stop(&mut self) {
        self.flowing = false;
    }

    /// Sends one message.
    pub fn say(&mut self, index: usize) {
        let nanos = self.nanos();
        let member = &mut self.members[index];
        let stamp = Stamp {
            room: member.door.room,
            sender: u32::try_from(index).unwrap_or_default(),
            number: u16::try_from(member.sent & 0xffff).unwrap_or_default(),
            nanos,
        };
        member.sent += 1;
        member.waiting += 1;
        self.sent[usize::from(member.door.room)] += 1;
        let mut json = String::with_capacity(self.text.len() + 80);
        // Writing to a string cannot fail.
        let field = if member.posting.is_some() { "plaintext" } else { "body" };
        let _ = write!(json, r#"{{"{field}":"{}","client_id":"{}""#, self.text, stamp.to_uuid());
        if self.replies && member.sent.is_multiple_of(10) && member.newest > 0 {
            let _ = write!(json, r#","reply_to":{}"#, member.newest);
        }
        json.push('}');
        if let Some(posting) = &mut member.posting {
            posting.send(&json);
            return;
        }
        frames::push_client_frame(&mut member.outgoing, TEXT, json.as_bytes());
        member.write();
    }

    /// Lets one message in ten answer the newest one that its sender has received.
    pub fn reply(&mut self) {
        self.replies = true;
    }

    /// The number of the newest message that a member has received.
    pub fn newest(&self, index: usize) -> i64 {
        self.members[index].newest
    }

    /// How many of a member's messages wait for their echo.
    pub fn waiting(&self, index: usize) -> u32 {
        self.members[index].waiting
    }

    /// Messages sent to all rooms.
    pub fn sent(&self) -> i64 {
        self.sent.iter().sum()
    }

    /// Messages that members have not got although they were sent.
    pub fn outstanding(&self) -> i64 {
        let of = |member: &Member| {
            let behind = self.sent[usize::from(member.door.room)] - member.newest;
            behind + i64::try_from(member.missing.len()).unwrap_or_default()
        };
        self.members.iter().map(of).sum()
    }

    /// Waits for what comes in, at most that long, and deals with it.
    pub fn turn(&mut self, patience: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.extend(self.events.iter().map(|event| {
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            (event.token().0, readable)
        }));
        for (index, readable) in ready.drain(..) {
            if let Some(index) = index.checked_sub(POSTING) {
                self.take_answers(index, readable);
                continue;
            }
            self.members[index].write();
            if readable {
                self.read(index);
            }
        }
        self.ready = ready;
        Ok(())
    }

    /// Turns until `done` or the time is over; whether it was done.
    pub fn turn_until(&mut self, patience: Duration, mut done: impl FnMut(&Self) -> bool) -> io::Result<bool> {
        let end = Instant::now() + patience;
        loop {
            if done(self) {
                return Ok(true);
            }
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                return Ok(false);
            };
            self.turn(left.min(Duration::from_millis(100)))?;
        }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn read(&mut self, index: usize) {
        loop {
            let member = &mut self.members[index];
            let Some(stream) = &mut member.stream else { return };
            let length = match stream.read(&mut self.buffer) {
                Ok(length @ 1..) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => {
                    // A close frame has been counted already.
                    if member.phase != Phase::Closed {
                        *self.tally.closed.entry(0).or_default() += 1;
                    }
                    member.phase = Phase::Closed;
                    member.stream = None;
                    return;
                }
            };
            let now = self.nanos();
            let member = &mut self.members[index];
            let echoes = member.take(index, &self.buffer[..length], now, &mut self.tally);
            member.write();
            self.answer(index, echoes);
            // A read that did not fill the buffer has emptied the socket: see epoll(7), question 9.
            if length < self.buffer.len() {
                return;
            }
        }
    }

    fn take_answers(&mut self, index: usize, readable: bool) {
        let Some(posting) = &mut self.members[index].posting else {
            return;
        };
        posting.write();
        if readable {
            let echoes = posting.read(&mut self.buffer, &mut self.tally);
            self.answer(index, echoes);
        }
    }

    /// Counts a member's own messages as stored or refused, and sends the next ones.
    fn answer(&mut self, index: usize, echoes: Echoes) {
        let member = &mut self.members[index];
        member.waiting = member.waiting.saturating_sub(echoes.stored + echoes.refused);
        self.sent[usize::from(member.door.room)] -= i64::from(echoes.refused);
        if self.flowing {
            for _ in member.waiting..member.window {
                self.say(index);
            }
        }
    }
}
