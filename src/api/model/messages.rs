//! Messages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::{Builder, Uuid};

use crate::files::File;
use crate::ids::{RoomId, Seq};
use crate::messages::model::{MessageView, Stored};
use crate::messages::sending::Sent;
use crate::messages::views::files::file_path;

/// A message that is to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// 1 to 4,000 characters, with a little Markdown.
    #[schema(example = "Clear skies tonight?", min_length = 1, max_length = 4000)]
    pub plaintext: String,
    /// The program's own id for it: sent twice with the same one, it is stored once.
    pub client_id: Option<Uuid>,
    /// The number of the message that it answers.
    #[schema(minimum = 1)]
    pub reply_to: Option<i64>,
}

/// A message that is to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageChange {
    /// The new text. It may be empty beside files.
    #[schema(max_length = 4000)]
    pub plaintext: String,
    /// The version that was changed: a newer one that stands is not overwritten.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
}

/// A message.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// Which.
    pub id: Uuid,
    /// Its number in the room.
    pub seq: i64,
    /// The username of whoever wrote it; null when the account is deleted.
    #[schema(example = "alice")]
    pub sender: Option<String>,
    /// The text; null when it is deleted, or cannot be decrypted.
    #[schema(example = "Clear skies tonight?")]
    pub plaintext: Option<String>,
    /// The sender's own id for it.
    pub client_id: Uuid,
    /// The number of the message that it answers.
    pub reply_to: Option<i64>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub edited_at: Option<DateTime<Utc>>,
    /// How often it was written, the first time included.
    pub version: i32,
    /// The room's change that made it what it is.
    pub change: i64,
    /// Whether only its place is left.
    pub is_deleted: bool,
    /// The first file that goes with it.
    pub attachment: Option<Attachment>,
    /// All files that go with it.
    pub attachments: Vec<Attachment>,
    /// How people react to it.
    pub reactions: Vec<Reaction>,
}

/// A file that goes with a message.
#[derive(Clone, Serialize, ToSchema)]
pub struct Attachment {
    /// Which.
    pub id: Uuid,
    /// Where it is; it opens with the same token.
    pub file_url: String,
    /// What it is called.
    pub file_name: String,
    /// Its size in bytes.
    pub file_size: u64,
    /// What it is, by its content.
    #[schema(example = "application/pdf")]
    pub content_type: String,
}

/// How many react with one emoji.
#[derive(Serialize, ToSchema)]
pub struct Reaction {
    /// Which.
    #[schema(example = "👍")]
    pub emoji: String,
    /// How many people.
    pub count: i64,
}

impl From<&File> for Attachment {
    fn from(file: &File) -> Self {
        // None where it could not be decrypted.
        let (file_url, file_name, content_type) = match &file.details {
            Some(details) => (
                file_path(file.id, details),
                details.name.as_str(),
                details.content_type.as_str(),
            ),
            None => (format!("/files/{}/file", file.id), "file", "application/octet-stream"),
        };
        Self {
            id: file.id.0,
            file_url,
            file_name: file_name.to_owned(),
            file_size: file.size.0,
            content_type: content_type.to_owned(),
        }
    }
}

/// The id by which programs name a message: a UUID of version 8 (RFC 9562) made of its room and its number, so that it is
/// found by those.
pub fn message_id(room: RoomId, seq: Seq) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&Sha256::digest(room.0.as_bytes())[..8]);
    bytes[8..].copy_from_slice(&seq.0.to_be_bytes());
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The number of the message of that id, if it is one of that room.
pub fn message_seq(room: RoomId, id: Uuid) -> Option<Seq> {
    // Above the number stand the two bits of the variant.
    let seq = Seq(i64::from_be_bytes(id.as_u64_pair().1.to_be_bytes()) & (i64::MAX >> 1));
    (message_id(room, seq) == id).then_some(seq)
}

impl Message {
    /// What that person has just sent there, without files.
    pub fn sent(room: RoomId, sender: &str, sent: Sent, (stored, created_at): (Stored, DateTime<Utc>)) -> Self {
        Self {
            id: message_id(room, stored.seq),
            seq: stored.seq.0,
            sender: Some(sender.to_owned()),
            plaintext: Some(sent.body.into_string()),
            client_id: sent.client_id.0,
            reply_to: sent.reply_to.map(|seq| seq.0),
            created_at,
            edited_at: None,
            version: 1,
            change: stored.change.0,
            is_deleted: false,
            attachment: None,
            attachments: Vec::new(),
            reactions: Vec::new(),
        }
    }

    /// That message of that room.
    pub fn of(room: RoomId, view: MessageView) -> Self {
        let attachments: Vec<_> = view.files.iter().map(Attachment::from).collect();
        Self {
            id: message_id(room, view.seq),
            seq: view.seq.0,
            sender: Some(view.author.username).filter(|name| !name.is_empty()),
            plaintext: view.body,
            client_id: view.client_id.0,
            reply_to: view.quote.map(|quote| quote.seq.0),
            created_at: view.created_at,
            edited_at: view.edited_at,
            version: view.version,
            change: view.change.0,
            is_deleted: view.is_deleted,
            attachment: attachments.first().cloned(),
            attachments,
            reactions: view
                .reactions
                .into_iter()
                .map(|reaction| Reaction {
                    emoji: reaction.emoji,
                    count: reaction.count,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_by_its_id_in_its_own_room_alone() {
        let (room, other) = (RoomId::new(), RoomId::new());
        for seq in [1, 2, 77_000, i64::MAX >> 1].map(Seq) {
            let id = message_id(room, seq);
            assert_eq!((id.get_version_num(), message_seq(room, id)), (8, Some(seq)));
            assert_eq!(message_seq(other, id), None);
        }
        for id in [Uuid::nil(), Uuid::max(), Uuid::now_v7()] {
            assert_eq!(message_seq(room, id), None);
        }
    }
}
