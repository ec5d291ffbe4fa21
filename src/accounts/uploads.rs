//! Who may send a file: people with an account, one at a time each, and few at once, because every file is held in memory
//! until it has come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::{Endpoint, IntoResponse, Request, Response};

use super::CurrentUser;
use crate::Error;
use crate::ids::UserId;
use crate::web::limits::changes_something;

/// Files that are received at once.
const AT_ONCE: usize = 16;
/// When whoever was refused may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Whose files are being received.
static SENDERS: Mutex<Vec<UserId>> = Mutex::new(Vec::new());

/// Refuses a file before anything is read of it, unless its sender may send one now.
pub async fn admit_upload<E: Endpoint>(inner: Arc<E>, request: Request) -> poem::Result<Response> {
    let mut turn = None;
    if changes_something(request.method()) {
        let user = CurrentUser::of(&request).ok_or(Error::Unauthenticated)?;
        let refused = Error::TooMany {
            retry_after: RETRY_AFTER,
        };
        turn = Some(Turn::take(user.id).ok_or(refused)?);
    }
    let answer = inner.call(request).await;
    drop(turn);
    answer.map(IntoResponse::into_response)
}

/// The right to send a file, until it is dropped.
struct Turn(UserId);

impl Turn {
    fn take(user: UserId) -> Option<Self> {
        let mut senders = senders();
        if senders.len() >= AT_ONCE || senders.contains(&user) {
            return None;
        }
        senders.push(user);
        Some(Self(user))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        senders().retain(|user| *user != self.0);
    }
}

fn senders() -> MutexGuard<'static, Vec<UserId>> {
    SENDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
