//! Who may send a file: people with an account, few at a time each, and not too many at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::{Endpoint, IntoResponse, Request, Response};

use super::CurrentUser;
use crate::Error;
use crate::ids::UserId;
use crate::web::limits::changes_something;

/// When whoever was refused may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Whose files of one kind are being received, and how many may be.
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

/// Refuses a file before anything is read of it, unless its sender may send one now.
pub async fn admit_upload<E: Endpoint>(
    inner: Arc<E>,
    request: Request,
    turns: &'static Turns,
) -> poem::Result<Response> {
    let mut turn = None;
    if changes_something(request.method()) {
        let user = CurrentUser::of(&request).ok_or(Error::Unauthenticated)?;
        let refused = Error::TooMany {
            retry_after: RETRY_AFTER,
        };
        turn = Some(turns.take(user.id).ok_or(refused)?);
    }
    let answer = inner.call(request).await;
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

    fn take(&'static self, user: UserId) -> Option<Turn> {
        let mut senders = self.senders();
        let own = senders.iter().filter(|sender| **sender == user).count();
        if senders.len() >= self.total || own >= self.each {
            return None;
        }
        senders.push(user);
        Some(Turn { turns: self, user })
    }

    fn senders(&self) -> MutexGuard<'_, Vec<UserId>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to send a file, until it is dropped.
struct Turn {
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
