//! Who sends when, and who drops and returns when.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::acts::Acts;
use crate::cluster::Error;
use crate::crowd::Crowd;
use crate::shapes::Shape;

/// How long members of workload G stay away, how often some of them go, and how many.
const AWAY: Duration = Duration::from_millis(500);
const LEAVE_EVERY: Duration = Duration::from_millis(100);
const LEAVERS: usize = 5;

/// Who sends when, and who drops when.
pub struct Pace {
    shape: Shape,
    senders: Vec<usize>,
    members: usize,
    next_message: Instant,
    turn: usize,
    next_leave: Instant,
    leaver: usize,
    away: VecDeque<(Instant, usize)>,
    acts: Option<Acts>,
}

impl Pace {
    /// Begins now.
    pub fn new(shape: Shape, senders: Vec<usize>, members: usize, acts: Option<Acts>) -> Self {
        let now = Instant::now();
        Self {
            shape,
            senders,
            members,
            next_message: now,
            turn: 0,
            next_leave: now,
            leaver: 0,
            away: VecDeque::new(),
            acts,
        }
    }

    /// Lets the senders send who wait for nothing but echoes.
    pub fn begin(&mut self, crowd: &mut Crowd) {
        // Where something happens to messages, they wait for it: see `run`.
        for &sender in self.senders.iter().filter(|_| self.acts.is_none()) {
            crowd.flow(sender, self.shape.window);
        }
    }

    /// Keeps the pace for that long.
    pub fn run(&mut self, crowd: &mut Crowd, time: Duration) -> Result<(), Error> {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let mut until = end;
            if self.shape.rate > 0 {
                while self.next_message <= now {
                    crowd.say(self.senders[self.turn % self.senders.len()]);
                    self.turn += 1;
                    self.next_message += Duration::from_secs(1) / self.shape.rate;
                }
                until = until.min(self.next_message);
            }
            if let Some(acts) = &self.acts {
                let sender = self.senders[0];
                while crowd.sent() < acts.limit(crowd.newest(sender)) && crowd.waiting(sender) < self.shape.window {
                    crowd.say(sender);
                }
                until = until.min(now + Duration::from_micros(500));
            }
            if self.shape.churn {
                self.churn(crowd, now)?;
                until = until.min(self.next_leave);
            }
            crowd.turn(until.saturating_duration_since(now))?;
        }
    }

    /// Takes some members away, and lets those come back who were away long enough.
    fn churn(&mut self, crowd: &mut Crowd, now: Instant) -> Result<(), Error> {
        while self.away.front().is_some_and(|(back, _)| *back <= now) {
            if let Some((_, member)) = self.away.pop_front() {
                crowd.connect(member)?;
            }
        }
        if self.next_leave <= now {
            self.next_leave = now + LEAVE_EVERY;
            for _ in 0..LEAVERS.min(self.members / 4) {
                self.leaver = (self.leaver + 1) % self.members;
                // Senders stay, so that what they sent is known.
                if crowd.is_ready(self.leaver) && !self.senders.contains(&self.leaver) {
                    crowd.disconnect(self.leaver)?;
                    self.away.push_back((now + AWAY, self.leaver));
                }
            }
        }
        Ok(())
    }

    /// Everybody comes back.
    pub fn end(&mut self, crowd: &mut Crowd) -> Result<(), Error> {
        for (_, member) in self.away.drain(..) {
            crowd.connect(member)?;
        }
        if let Some(acts) = &mut self.acts {
            let tens = acts.end()?;
            writeln!(std::io::stderr(), "  {tens} edits, {} reactions", 2 * tens)?;
        }
        Ok(())
    }
}
