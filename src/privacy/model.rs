//! `umbrachat.json` as `docs/export.md` describes it. A field that is added there keeps the version; one that is taken away
//! or means something else raises it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::ids::{ClientId, KeyId, MessageId, RoomId, Seq, SessionId, UserId};

/// What the file calls itself.
pub const FORMAT: &str = "umbrachat export";
/// Which version of the format it has.
pub const VERSION: u32 = 1;

/// What the file begins with; the lists follow in the same object.
#[derive(Serialize)]
pub struct Head {
    pub format: &'static str,
    pub version: u32,
    pub exported_at: DateTime<Utc>,
    pub profile: Profile,
    pub consent: Option<Consent>,
    pub privacy: Privacy,
}

/// A person's picture as a file of the archive.
pub struct Picture {
    /// What the file is called.
    pub name: &'static str,
    /// What stands in it.
    pub content: Vec<u8>,
}

/// The account.
#[derive(Serialize)]
pub struct Profile {
    pub id: UserId,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    /// The name to be shown by, instead of those; may be empty.
    pub display_name: String,
    /// A few lines about oneself; may be empty.
    pub bio: String,
    /// The file in the archive that holds the picture.
    pub picture: Option<&'static str>,
    pub email: Option<String>,
    pub email_verified_at: Option<DateTime<Utc>>,
    pub role: String,
    pub theme: String,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// What its owner agreed to.
#[derive(Serialize)]
pub struct Consent {
    pub version: String,
    pub at: DateTime<Utc>,
}

/// What its owner lets others see.
#[derive(Serialize)]
pub struct Privacy {
    pub presence: bool,
    pub receipts: bool,
}

/// A log-in, whether it lives or not.
#[derive(Serialize)]
pub struct Session {
    pub id: SessionId,
    pub device: String,
    pub address: Option<String>,
    pub remember: bool,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Somebody who is something to the person.
#[derive(Serialize)]
pub struct Tie {
    pub username: String,
    pub name: String,
    /// `friends`, `requested` (by the person), `asking` (the person) or `blocked`.
    pub relation: &'static str,
    pub since: Option<DateTime<Utc>>,
}

/// A room to which the person belongs.
#[derive(Serialize)]
pub struct Room {
    pub id: RoomId,
    pub name: String,
    pub title: String,
    pub kind: String,
    pub role: String,
    pub joined_at: DateTime<Utc>,
    /// Up to which message the person has read it.
    pub read_seq: Seq,
}

/// A message that the person wrote.
#[derive(Serialize)]
pub struct Message {
    pub id: MessageId,
    pub room_id: RoomId,
    pub room: String,
    pub seq: Seq,
    pub written_at: DateTime<Utc>,
    /// None when it could not be decrypted.
    pub body: Option<String>,
}

/// A message as it is stored.
pub struct SealedMessage {
    pub room: RoomId,
    pub room_title: String,
    pub room_key: KeyId,
    pub seq: Seq,
    pub id: MessageId,
    pub client_id: ClientId,
    pub version: i32,
    pub body: Option<String>,
    /// There is nothing to take along.
    pub is_deleted: bool,
    pub created_at: DateTime<Utc>,
}

/// The right to be a person's only export, until it is given back or has not been renewed for a while.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub user: UserId,
    pub id: Uuid,
}
