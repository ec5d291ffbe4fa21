//! Sealing and opening of files, chunk by chunk: AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and
//! Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015), as 32-bit big-endian counter and
//! last-chunk flag behind a nonce prefix of 7 bytes. Each part of a file has a key of its own
//! and is sealed once, so that the prefix can be zeros.

use aes_gcm::aead::Payload;
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::stream::{NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::{Aes256Gcm, KeyInit};
use uuid::Uuid;

use super::cipher::TokenError;
use super::{DataKey, derive};
use crate::ids::FileId;

/// Bytes of a file in one chunk; the last one has fewer, and an empty file is one empty chunk.
pub const CHUNK: usize = 64 << 10;
/// Bytes of a chunk as it is stored: with the tag of its seal.
pub const SEALED_CHUNK: usize = CHUNK + 16;

/// The HKDF info of file keys, before the file's id and the name of the part.
const FILE_INFO: &[u8] = b"umbrachat file v1";
/// What is authenticated with each chunk: the version of the format.
const VERSION: &[u8] = &[1];

/// What of a file is sealed: each has its own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePart {
    /// The file as others get it.
    Whole,
    /// A picture as it came, until what is kept of it is made: another content, so another key.
    Received,
    /// The small picture of it.
    Thumbnail,
}

impl FilePart {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Whole => b"",
            Self::Received => b"received",
            Self::Thumbnail => b"thumbnail",
        }
    }
}

/// Seals and opens the chunks of one file.
pub struct FileCipher(StreamBE32<Aes256Gcm>);

impl FileCipher {
    /// HKDF-SHA256 over both data keys, as for messages: a file needs its room's *and* its author's.
    pub fn derive(room: &DataKey, author: &DataKey, FileId(id): FileId, part: FilePart) -> Self {
        let info = [FILE_INFO, Uuid::as_bytes(&id), part.info()].concat();
        let key = derive(super::cipher::both(room, author).as_slice(), &info);
        let cipher = Aes256Gcm::new(key.as_slice().into());
        Self(StreamBE32::from_aead(cipher, &GenericArray::default()))
    }

    /// Seals the chunk at that place; exactly one chunk of a file is the last.
    pub fn seal(&self, place: u32, is_last: bool, chunk: &[u8]) -> Result<Vec<u8>, TokenError> {
        let payload = Payload {
            msg: chunk,
            aad: VERSION,
        };
        self.0.encrypt(place, is_last, payload).map_err(|_| TokenError)
    }

    /// The chunk that was sealed for that place.
    pub fn open(&self, place: u32, is_last: bool, sealed: &[u8]) -> Result<Vec<u8>, TokenError> {
        let payload = Payload {
            msg: sealed,
            aad: VERSION,
        };
        self.0.decrypt(place, is_last, payload).map_err(|_| TokenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> DataKey {
        DataKey::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_chunk_opens_at_its_place_of_its_file_only() {
        let id = FileId::new();
        let of = |room, author, id, part| FileCipher::derive(&key(room), &key(author), id, part);
        let cipher = of(1, 2, id, FilePart::Whole);
        let sealed = cipher.seal(3, false, b"a chunk").unwrap();
        assert_eq!(sealed.len(), 7 + SEALED_CHUNK - CHUNK);
        assert_eq!(cipher.open(3, false, &sealed).unwrap(), b"a chunk");
        assert_eq!(cipher.open(4, false, &sealed), Err(TokenError), "moved within the file");
        assert_eq!(cipher.open(3, true, &sealed), Err(TokenError), "the end cut off");
        for other in [
            of(2, 1, id, FilePart::Whole),
            of(1, 3, id, FilePart::Whole),
            of(1, 2, FileId::new(), FilePart::Whole),
            of(1, 2, id, FilePart::Thumbnail),
            of(1, 2, id, FilePart::Received),
        ] {
            assert_eq!(other.open(3, false, &sealed), Err(TokenError));
        }
    }
}
