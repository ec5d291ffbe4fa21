//! One batch in one transaction.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection, PgConnection};

use super::Submission;
use crate::ids::FileId;
use crate::messages::mentioning;
use crate::messages::model::{NewMessage, Outcome, Stored};
use crate::messages::queries::{self, LockedRooms};

/// One transaction for the whole batch; the outcomes are in the order of the submissions.
pub(super) async fn store(
    db: &mut PgConnection,
    batch: &[Submission],
    locked: LockedRooms,
) -> sqlx::Result<Vec<Outcome>> {
    let mut indices = HashMap::with_capacity(batch.len());
    let mut messages: Vec<&NewMessage> = Vec::with_capacity(batch.len());
    let mut files = HashSet::<FileId>::new();
    let index_of = batch.iter().map(|Submission { message, .. }| {
        let key = (message.author, message.room, message.client_id);
        if let Some(index) = indices.get(&key) {
            return Some(*index);
        }
        // A file goes with the first message that names it.
        if message.files.iter().any(|file| files.contains(file)) {
            return None;
        }
        files.extend(&message.files);
        indices.insert(key, messages.len());
        messages.push(message);
        Some(messages.len() - 1)
    });
    let index_of: Vec<Option<usize>> = index_of.collect();
    let mut outcomes = if messages.iter().all(|message| message.names.is_empty()) {
        queries::store_messages(db, &messages, locked).await?
    } else {
        store_naming(db, &messages, locked).await?
    };
    let outcome_of = |index: Option<usize>| {
        let Some(index) = index else {
            return Outcome::UnknownFile;
        };
        let outcome = outcomes[index].clone();
        // The same client id later in this batch is a duplicate of this one.
        if let Outcome::Stored(stored, _) = &mut outcomes[index] {
            stored.is_duplicate = true;
        }
        outcome
    };
    Ok(index_of.into_iter().map(outcome_of).collect())
}

/// The same for messages of which some may name people.
async fn store_naming(
    db: &mut PgConnection,
    messages: &[&NewMessage],
    locked: LockedRooms,
) -> sqlx::Result<Vec<Outcome>> {
    let mut tx = db.begin().await?;
    let outcomes = queries::store_messages(&mut tx, messages, locked).await?;
    let mut named = Vec::new();
    for (message, outcome) in messages.iter().zip(&outcomes) {
        if let Outcome::Stored(
            Stored {
                seq,
                is_duplicate: false,
                ..
            },
            _,
        ) = outcome
        {
            named.extend(message.names.iter().map(|name| (message.room, *seq, name.as_str())));
        }
    }
    mentioning::store(&mut tx, &named).await?;
    tx.commit().await?;
    Ok(outcomes)
}
