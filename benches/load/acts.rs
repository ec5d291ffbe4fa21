//! What happens to messages of workload K: of ten of them one is changed, and two people react to another one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::browser::Browser;
use crate::cluster::Group;

/// Tens of messages that may wait for what happens to them.
const AHEAD: i64 = 3;

/// A thread that changes messages of a room and reacts to them, ten after ten.
pub struct Acts {
    done: Arc<AtomicI64>,
    stored: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Acts {
    /// Begins, as the first three members of the room, of whom the first one writes.
    pub fn begin(address: SocketAddr, group: &Group) -> Self {
        let (done, stored, stop) = <(Arc<AtomicI64>, Arc<AtomicI64>, Arc<AtomicBool>)>::default();
        let cookies: Vec<_> = group.members[..3].iter().map(|person| person.cookie.clone()).collect();
        let room = format!("/chat/room/{}/messages", group.slug);
        let (counted, known, stopped) = (done.clone(), stored.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let open = |cookie: &String| Browser::open(address, cookie);
            let people: Result<Vec<_>, _> = cookies.iter().map(open).collect();
            let mut people = people.map_err(|error| error.to_string())?;
            while !stopped.load(Ordering::Relaxed) {
                let first = counted.load(Ordering::Relaxed) * 10;
                if known.load(Ordering::Relaxed) < first + 10 {
                    thread::sleep(Duration::from_micros(200));
                    continue;
                }
                let mut act = |who: usize, path: String, fields: &str| {
                    people[who].post(&path, fields).map_err(|error| error.to_string())
                };
                act(0, format!("{room}/{}", first + 1), &format!("body=changed+{first}"))?;
                for who in [1, 2] {
                    act(who, format!("{room}/{}/reactions", first + 2), "emoji=%F0%9F%91%8D")?;
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        Self {
            done,
            stored,
            stop,
            thread: Some(thread),
        }
    }

    /// Notes how many messages are stored; how many there may be before more has happened to them.
    pub fn limit(&self, stored: i64) -> i64 {
        self.stored.store(stored, Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed) + AHEAD) * 10
    }

    /// Ends the thread; to how many tens of messages it has come.
    pub fn end(&mut self) -> Result<i64, String> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| "the thread panicked".to_owned())??;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}
