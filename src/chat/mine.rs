//! What of the side bar is one person's own.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::Result;
use crate::friends;
use crate::ids::UserId;

/// What stands in one person's side bar beside the public rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mine {
    /// Requests that wait for an answer.
    pub requests: i64,
}

/// What is each of these people's own.
pub async fn load(db: &mut PgConnection, people: &[UserId]) -> Result<HashMap<UserId, Mine>> {
    let requests = friends::queries::count_requests(db, people).await?;
    Ok(requests
        .into_iter()
        .map(|(user, requests)| (user, Mine { requests }))
        .collect())
}
