//! Whom messages name: people by their usernames, and everybody in a room, which those who keep it in order may.

use sqlx::PgConnection;

use super::queries::{self, Caller};
use crate::accounts::model::Username;
use crate::ids::{RoomId, Seq, UserId};

/// Whom new texts name.
pub(super) struct Named {
    /// These people.
    pub(super) people: Vec<UserId>,
    /// And everybody, where these messages stand.
    pub(super) rooms: Vec<(RoomId, Seq)>,
}

/// Stores whom these messages name, each by a key that stands in its text, in the transaction that stores the text.
/// Somebody who took the name that calls everybody before nobody could is named by those who may not call.
pub(super) async fn store(db: &mut PgConnection, named: &[(RoomId, Seq, &str)]) -> sqlx::Result<Named> {
    let calls = named.iter().filter(|(.., key)| *key == Username::EVERYBODY);
    let calls: Vec<_> = calls.map(|(room, seq, _)| (*room, *seq)).collect();
    let mut rooms = Vec::new();
    if !calls.is_empty() {
        let may_call = |caller: &Caller| caller.kind.is_kept_by(caller.role, caller.is_admin);
        let callers = queries::list_callers(&mut *db, &calls).await?;
        rooms.extend(
            callers
                .iter()
                .filter(|caller| may_call(caller))
                .map(|caller| (caller.room, caller.seq)),
        );
        queries::insert_room_mentions(db, &rooms).await?;
    }
    let names_one =
        |(room, seq, key): &&(RoomId, Seq, &str)| *key != Username::EVERYBODY || !rooms.contains(&(*room, *seq));
    let people: Vec<_> = named.iter().filter(names_one).copied().collect();
    let people = queries::insert_mentions(db, &people).await?;
    Ok(Named { people, rooms })
}
