//! `umbrachat.json` as `docs/export.md` describes it. A field that is added there keeps the version; one that is taken away
//! or means something else raises it. [`MINOR`] counts what was added.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::files::FileName;
use crate::ids::{ApiKeyId, ClientId, FileId, KeyId, MessageId, RoomId, Seq, SessionId, UserId};

/// What the file calls itself.
pub const FORMAT: &str = "umbrachat export";
/// Which version of the format it has.
pub const VERSION: u32 = 1;
/// How often something was added to that version.
pub const MINOR: u32 = 5;

/// What the file begins with; the lists follow in the same object.
#[derive(Serialize)]
pub struct Head {
    pub format: &'static str,
    pub version: u32,
    pub minor: u32,
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

/// A key for the encrypted bodies of programs, without the key.
#[derive(Serialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
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
    /// Up to which message others may see that they have.
    pub receipt_seq: Seq,
    /// What of it they are told of: `all`, `mentions` or `nothing`.
    pub notify: String,
}

/// A room that the person is invited to.
#[derive(Serialize)]
pub struct InvitedTo {
    pub room_id: RoomId,
    pub room: String,
    /// The username of who asked first.
    pub by: String,
    pub at: DateTime<Utc>,
}

/// Somebody whom the person invited and who has not answered.
#[derive(Serialize)]
pub struct Invited {
    pub room_id: RoomId,
    pub room: String,
    #[serde(skip)]
    pub user: UserId,
    pub username: String,
    pub at: DateTime<Utc>,
}

/// A link into a room that the person made. Its token is stored nowhere.
#[derive(Serialize)]
pub struct Invite {
    pub id: Uuid,
    pub room_id: RoomId,
    pub room: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub max_uses: Option<i32>,
    pub uses: i32,
}

/// A message that the person wrote, or that was written to them in a direct chat.
#[derive(Serialize)]
pub struct Message {
    pub id: MessageId,
    pub room_id: RoomId,
    pub room: String,
    pub seq: Seq,
    /// The username of who wrote it, unless that is the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub written_at: DateTime<Utc>,
    /// When it was changed last.
    pub edited_at: Option<DateTime<Utc>>,
    /// The number of the message that it answers.
    pub reply_to: Option<Seq>,
    /// None when it could not be decrypted.
    pub body: Option<String>,
}

/// An emoji that the person gave to a message.
#[derive(Serialize)]
pub struct Reacted {
    pub room_id: RoomId,
    pub room: String,
    pub seq: Seq,
    pub emoji: String,
    pub at: DateTime<Utc>,
}

/// A file that the person has sent, or that was sent to them in a direct chat.
#[derive(Serialize)]
pub struct Attachment {
    pub id: FileId,
    pub room_id: RoomId,
    pub room: String,
    pub seq: Seq,
    /// The username of who sent it, unless that is the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// None when it could not be decrypted.
    pub name: Option<FileName>,
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    /// In bytes.
    pub size: i64,
    /// Where it is in the archive.
    pub file: Option<String>,
}

/// A message as it is stored.
pub struct SealedMessage {
    pub room: RoomId,
    pub room_title: String,
    pub room_key: KeyId,
    pub seq: Seq,
    pub id: MessageId,
    pub client_id: ClientId,
    pub author: UserId,
    /// The author's username; empty where that is the person who exports.
    pub author_name: String,
    pub author_key: KeyId,
    pub version: i32,
    pub body: Option<String>,
    /// There is nothing to take along.
    pub is_deleted: bool,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    pub reply_to: Option<Seq>,
}

/// The right to be a person's only export, until it is given back or has not been renewed for a while.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub user: UserId,
    pub id: Uuid,
}
