//! Storing new messages.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::accounts::model::Author;
use crate::ids::{Change, Seq};
use crate::messages::model::{NewMessage, Outcome, Stored};

/// What a batch does about rooms that somebody else holds locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockedRooms {
    /// Waits for them: usually another node's writer, for milliseconds.
    Wait,
    /// Leaves their messages for later, so that one locked room does not hold up the others.
    Skip,
}

/// Stores a batch of messages, each with a client id of its own, in one transaction, and returns the outcomes in their
/// order; see `store_messages` in `migrations/0043_store_files_apart.sql`.
pub async fn store_messages(
    connection: &mut PgConnection,
    messages: &[&NewMessage],
    locked: LockedRooms,
) -> sqlx::Result<Vec<Outcome>> {
    let rooms: Vec<_> = messages.iter().map(|message| message.room.0).collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id.0).collect();
    let authors: Vec<_> = messages.iter().map(|message| message.author.0).collect();
    let keys: Vec<_> = messages.iter().map(|message| message.author_key.0).collect();
    let clients: Vec<_> = messages.iter().map(|message| message.client_id.0).collect();
    let bodies: Vec<_> = messages.iter().map(|message| message.sealed.as_str()).collect();
    let replies: Vec<_> = messages
        .iter()
        .map(|message| message.reply_to.map(|seq| seq.0))
        .collect();
    let files = messages.iter().map(|message| {
        let ids: Vec<_> = message.files.iter().map(ToString::to_string).collect();
        (!ids.is_empty()).then(|| format!("{{{}}}", ids.join(",")))
    });
    let files: Vec<_> = files.collect();
    let times: Vec<_> = messages.iter().map(|message| message.created_at).collect();
    let rows = sqlx::query!(
        r#"SELECT seq, change, duplicate AS "duplicate!", locked AS "locked!",
                  unknown_reply AS "unknown_reply!", unknown_file AS "unknown_file!", username, name, picture
           FROM store_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        &rooms,
        &ids,
        &authors,
        &keys,
        &clients,
        &bodies as &[&str],
        &replies as &[Option<i64>],
        &files as &[Option<String>],
        &times as &[DateTime<Utc>],
        locked == LockedRooms::Wait
    )
    // The rows come before the commit; this reads on until the server says that it is done.
    .fetch_all(connection)
    .await?;
    let outcomes = rows.into_iter().zip(messages).map(|(row, message)| {
        let place = row.seq.zip(row.change);
        match place.zip(row.username.zip(row.name)) {
            Some(((seq, change), (username, name))) => Outcome::Stored(
                Stored {
                    seq: Seq(seq),
                    change: Change(change),
                    is_duplicate: row.duplicate,
                },
                Author {
                    id: message.author,
                    username,
                    name,
                    picture: row.picture,
                },
            ),
            None if row.locked => Outcome::Locked,
            None if row.unknown_reply => Outcome::UnknownReply,
            None if row.unknown_file => Outcome::UnknownFile,
            None => Outcome::NotAMember,
        }
    });
    Ok(outcomes.collect())
}
