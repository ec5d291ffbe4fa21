//! Who may send and fetch files: people with an account, few at a time each, and not too many at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::{IntoResponse, Request, Response};

use super::CurrentUser;
use crate::ids::UserId;
use crate::middleware::Next;
use crate::web::limits::changes_something;
use crate::{Error, Result};

/// When whoever was refused may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Whose files of one kind are on their way, and how many may be.
pub struct Turns {
    senders: Mutex<Vec<UserId>>,
    /// Of one person.
    each: usize,
    /// Of all.
    total: usize,
}

/// Pictures of people, which are held in memory until they have come.
pub static PICTURES: Turns = Turns::new(1, 16);
/// Files that go with messages, which are stored as they come.
pub static FILES: Turns = Turns::new(3, 64);
/// Files on their way out, of which some hundred kilobytes each are in memory: a page shows many small pictures.
pub static DOWNLOADS: Turns = Turns::new(64, 512);

/// Refuses a file before anything is used of it, unless its sender may send one now.
pub async fn admit_upload(next: Next, request: Box<Request>, turns: &'static Turns) -> poem::Result<Response> {
    let mut turn = None;
    if changes_something(request.method()) {
        let user = CurrentUser::of(&request).ok_or(Error::Unauthenticated)?;
        turn = Some(turns.take(user.id)?);
    }
    let answer = next.call(request).await;
    drop(turn);
    answer.map(IntoResponse::into_response)
}

impl Turns {
    const fn new(each: usize, total: usize) -> Self {
        Self {
            senders: Mutex::new(Vec::new()),
            each,
            total,
        }
    }

    /// The next turn of that person, if they may have one now.
    pub fn take(&'static self, user: UserId) -> Result<Turn> {
        let mut senders = self.senders();
        let own = senders.iter().filter(|sender| **sender == user).count();
        if senders.len() >= self.total || own >= self.each {
            return Err(Error::TooMany {
                retry_after: RETRY_AFTER,
            });
        }
        senders.push(user);
        Ok(Turn { turns: self, user })
    }

    fn senders(&self) -> MutexGuard<'_, Vec<UserId>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to send or to fetch a file, until it is dropped.
pub struct Turn {
    turns: &'static Turns,
    user: UserId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut senders = self.turns.senders();
        if let Some(place) = senders.iter().position(|sender| *sender == self.user) {
            senders.swap_remove(place);
        }
    }
}
