//! Newtypes of every id and number, so that a room's id can never stand where a user's is meant.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, version 7: ids made later sort later.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

uuid_id! {
    /// A person's account.
    UserId,
    /// One login on one device (a row of `user_sessions`).
    SessionId,
    /// A room of any kind.
    RoomId,
    /// A message, unique over all rooms; the address people see is room and `Seq`.
    MessageId,
    /// The id that the sender's page makes for a message, so that sending it twice stores it once.
    ClientId,
    /// A file that goes with a message (a row of `attachments`).
    FileId,
    /// A link by which people get into a room (a row of `invites`).
    InviteId,
    /// A key for the encrypted bodies of programs (a row of `api_keys`).
    ApiKeyId,
    /// A data key (a row of `data_keys`).
    KeyId,
    /// One run of this program, beside others on one database.
    NodeId,
}

impl UserId {
    /// The last group of its digits, which are random: enough to tell the people of a room apart.
    pub fn short(self) -> String {
        format!("{:012x}", self.0.as_u128() & 0xffff_ffff_ffff)
    }
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

number! {
    /// The number of a message in its room: 1, 2, 3 … without gaps, in commit order.
    Seq,
    /// The number of a change in its room (a message, a join, a rename …): without gaps, in commit order.
    Change,
}

/// How far somebody knows a room: its changes and its messages, up to these numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The latest change.
    pub change: Change,
    /// The newest message.
    pub seq: Seq,
}
