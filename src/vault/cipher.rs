//! Sealing and opening of message bodies.

use fernet::Fernet;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{derive, fernet_of};
use crate::ids::MessageId;

/// The HKDF info of message keys: names the purpose, so that no other key can ever be the same.
const MESSAGE_INFO: &[u8] = b"umbrachat message v1";
/// The same of what belongs to one person and to no room.
const PERSON_INFO: &[u8] = b"umbrachat person v1";
/// Message id (16 bytes) and version (4 bytes, big-endian) before the body.
const HEADER: usize = 20;

/// An opened data key: 32 bytes, wiped when dropped.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// The key of exactly 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }
}

/// The keys of a room and of an author, one behind the other.
pub(super) fn both(room: &DataKey, author: &DataKey) -> Zeroizing<[u8; 64]> {
    let mut both = Zeroizing::new([0; 64]);
    both[..32].copy_from_slice(room.0.as_slice());
    both[32..].copy_from_slice(author.0.as_slice());
    both
}

/// A token that does not open: damaged, made with other keys, or moved here from another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenError;

/// Seals and opens what one author writes in one room.
#[derive(Clone)]
pub struct MessageCipher(Fernet);

impl MessageCipher {
    /// HKDF-SHA256 over both data keys: a message needs its room's *and* its author's.
    pub fn derive(room: &DataKey, author: &DataKey) -> Self {
        let key = derive(both(room, author).as_slice(), MESSAGE_INFO);
        Self(fernet_of(&key))
    }

    /// A Fernet token of id, version and body.
    pub fn seal(&self, id: MessageId, version: u32, body: &str) -> String {
        let mut plain = Zeroizing::new(Vec::with_capacity(HEADER + body.len()));
        plain.extend_from_slice(id.0.as_bytes());
        plain.extend_from_slice(&version.to_be_bytes());
        plain.extend_from_slice(body.as_bytes());
        self.0.encrypt(&plain)
    }

    /// The body, if the token was sealed for this very message and version.
    pub fn open(&self, id: MessageId, version: u32, token: &str) -> Result<String, TokenError> {
        let plain = Zeroizing::new(self.0.decrypt(token).map_err(|_| TokenError)?);
        let (header, body) = plain.split_at_checked(HEADER).ok_or(TokenError)?;
        if header[..16] != *id.0.as_bytes() || header[16..] != version.to_be_bytes() {
            return Err(TokenError);
        }
        std::str::from_utf8(body).map(str::to_owned).map_err(|_| TokenError)
    }
}

/// Seals and opens what belongs to one person and to no room.
pub struct PersonCipher(Fernet);

impl PersonCipher {
    /// HKDF-SHA256 over the person's data key.
    pub fn derive(person: &DataKey) -> Self {
        Self(fernet_of(&derive(person.0.as_slice(), PERSON_INFO)))
    }

    /// A Fernet token of the row's id and the text.
    pub fn seal(&self, row: Uuid, text: &str) -> String {
        let plain = Zeroizing::new([row.as_bytes(), text.as_bytes()].concat());
        self.0.encrypt(&plain)
    }

    /// What was sealed for that row.
    pub fn open(&self, row: Uuid, token: &str) -> Result<Zeroizing<String>, TokenError> {
        let plain = Zeroizing::new(self.0.decrypt(token).map_err(|_| TokenError)?);
        let text = plain.strip_prefix(row.as_bytes()).ok_or(TokenError)?;
        let text = std::str::from_utf8(text).map_err(|_| TokenError)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    fn key(byte: u8) -> DataKey {
        DataKey::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_both_keys_only() {
        let id = MessageId::new();
        let token = MessageCipher::derive(&key(1), &key(2)).seal(id, 1, "Grüße 🌙");
        let bytes = URL_SAFE.decode(&token).unwrap();
        assert!(!bytes.windows("Grüße".len()).any(|part| part == "Grüße".as_bytes()));
        assert_eq!(
            MessageCipher::derive(&key(1), &key(2)).open(id, 1, &token).unwrap(),
            "Grüße 🌙"
        );
        for other in [(2, 1), (1, 3), (3, 2)] {
            assert_eq!(
                MessageCipher::derive(&key(other.0), &key(other.1)).open(id, 1, &token),
                Err(TokenError)
            );
        }
    }

    #[test]
    fn a_token_opens_for_its_own_message_and_version_only() {
        let cipher = MessageCipher::derive(&key(1), &key(2));
        let id = MessageId::new();
        let token = cipher.seal(id, 2, "old text");
        assert_eq!(cipher.open(MessageId::new(), 2, &token), Err(TokenError));
        assert_eq!(cipher.open(id, 3, &token), Err(TokenError));
        assert_eq!(cipher.open(id, 2, "nonsense"), Err(TokenError));
        assert_eq!(cipher.open(id, 2, &token).unwrap(), "old text");
    }

    #[test]
    fn what_belongs_to_a_person_opens_with_their_key_in_its_row_only() {
        let row = Uuid::now_v7();
        let token = PersonCipher::derive(&key(1)).seal(row, "secret");
        assert_eq!(*PersonCipher::derive(&key(1)).open(row, &token).unwrap(), "secret");
        assert!(PersonCipher::derive(&key(2)).open(row, &token).is_err());
        assert!(PersonCipher::derive(&key(1)).open(Uuid::now_v7(), &token).is_err());
    }
}
