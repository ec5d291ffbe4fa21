//! Keys, sealing and opening, and the access tokens of programs (`docs/encryption.md` is the format, for auditors).
//!
//! Master keys come from the operator and never reach the database. Data keys, one per room and one per person, are
//! stored wrapped by a master key. A message is sealed by a key derived from its room's and its author's data key:
//! destroying either makes it unreadable. Opened data keys live in a bounded cache, in memory that is wiped. Beside them
//! stands what was derived of two of them lately: none of that is used any more once a key was destroyed.

mod access_token;
mod cipher;
mod file_cipher;
mod queries;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use fernet::{Fernet, MultiFernet};
use hkdf::Hkdf;
use moka::sync::Cache;
use sha2::Sha256;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use access_token::{AccessToken, AccessTokens};
pub use cipher::{DataKey, MessageCipher, PersonCipher, TokenError};
pub use file_cipher::{CHUNK, FileCipher, FilePart, SEALED_CHUNK};

use crate::config::master_keys;
use crate::ids::KeyId;
use crate::{Error, Result};

/// Opened data keys kept in memory at most.
const CACHED_KEYS: u64 = 50_000;
/// An opened data key that nobody used for this long leaves the memory.
const IDLE_LIMIT: Duration = Duration::from_secs(3600);
/// What the canary says when it is opened by the right key.
const CANARY: &[u8] = b"umbrachat canary v1";

/// Why the vault does not open at the start; each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A key has the wrong form.
    #[error(
        "UMBRA_KEYS: key {0} is not a Fernet key (44 characters of url-safe base64); `umbrachat keys generate` makes one"
    )]
    Malformed(usize),
    /// The keys are not those that this database was encrypted with.
    #[error("UMBRA_KEYS: none of the keys fits the data in this database; start with the keys it was made with")]
    WrongKeys,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The master keys, the opened data keys, and the server's own secrets.
pub struct Vault {
    master: MultiFernet,
    opened: Cache<KeyId, Arc<DataKey>>,
    /// By the keys of room and author.
    ciphers: Cache<(KeyId, KeyId), Arc<MessageCipher>>,
    /// How often keys left it because they were destroyed.
    forgotten: AtomicU64,
    cookie_key: Zeroizing<[u8; 32]>,
    session_key: Zeroizing<[u8; 32]>,
    chat: String,
    throttle_key: Zeroizing<[u8; 32]>,
    name_key: Zeroizing<[u8; 32]>,
    access_key: Zeroizing<[u8; 32]>,
    refresh_key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the vault: checks the master keys (comma-separated Fernet keys, the first one encrypts) against the
    /// canary in the database, and loads the server's secrets, making both in a new database. `session_secret`, when
    /// given, stands in for the stored secret.
    pub async fn open(db: &PgPool, master_keys: &str, session_secret: Option<&str>) -> Result<Self, OpenError> {
        let master = MultiFernet::new(master_keys::parse(master_keys).map_err(OpenError::Malformed)?);
        let canary = stored_secret(db, &master, "canary", CANARY).await?;
        if canary.as_slice() != CANARY {
            return Err(OpenError::WrongKeys);
        }
        let secret = match session_secret {
            Some(given) => Zeroizing::new(given.as_bytes().to_vec()),
            None => stored_secret(db, &master, "session", &rand::random::<[u8; 32]>()).await?,
        };
        let cookie_key = derive(&secret, b"umbrachat csrf v1");
        let session_key = derive(&secret, b"umbrachat session v1");
        // Not from the given secret: while that one is being changed, node by node, they still find each other.
        let shared = stored_secret(db, &master, "nodes", &rand::random::<[u8; 32]>()).await?;
        let chat = URL_SAFE_NO_PAD.encode(&derive(&shared, b"umbrachat chat v1")[..12]);
        let throttle_key = derive(&shared, b"umbrachat throttle v1");
        let name_key = derive(&shared, b"umbrachat name v1");
        let access_key = derive(&shared, b"umbrachat access token v1");
        let refresh_key = derive(&shared, b"umbrachat refresh token v1");
        Ok(Self {
            master,
            opened: cache(),
            ciphers: cache(),
            forgotten: AtomicU64::new(0),
            cookie_key,
            session_key,
            chat,
            throttle_key,
            name_key,
            access_key,
            refresh_key,
        })
    }

    /// Signs cookies, and the tokens of forms.
    pub fn cookie_key(&self) -> &[u8; 32] {
        &self.cookie_key
    }

    /// Hides the ids of sessions in the database.
    pub fn session_key(&self) -> &[u8; 32] {
        &self.session_key
    }

    /// Tells this chat from others that use the same Redis: the same on each of its nodes, and no secret.
    pub fn chat(&self) -> &str {
        &self.chat
    }

    /// Hides whom the limits in Redis are about; the same on each node of this chat.
    pub fn throttle_key(&self) -> &[u8; 32] {
        &self.throttle_key
    }

    /// Hides the usernames of erased accounts.
    pub fn name_key(&self) -> &[u8; 32] {
        &self.name_key
    }

    /// Signs the access tokens of programs.
    pub fn access_key(&self) -> &[u8; 32] {
        &self.access_key
    }

    /// Makes the refresh token that follows on another.
    pub fn refresh_key(&self) -> &[u8; 32] {
        &self.refresh_key
    }

    /// Makes a data key and stores it wrapped, in the caller's transaction.
    pub async fn create_data_key(&self, connection: &mut PgConnection) -> Result<KeyId> {
        let id = KeyId::new();
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        queries::insert_data_key(connection, id, &self.master.encrypt(key.as_slice())).await?;
        Ok(id)
    }

    /// Destroys a data key, in the caller's transaction. What was sealed with it cannot be opened any more once every node
    /// has dropped it: the caller notes that in `revocations`.
    pub async fn destroy_data_key(&self, connection: &mut PgConnection, key: KeyId) -> sqlx::Result<()> {
        queries::delete_data_key(connection, key).await
    }

    /// Drops an opened key that was destroyed. To be called after that is committed.
    pub fn forget(&self, key: KeyId) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.opened.invalidate(&key);
        self.ciphers.invalidate_all();
    }

    /// Drops every opened key: some may have been destroyed without this node having heard of it.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.opened.invalidate_all();
        self.ciphers.invalidate_all();
    }

    /// The opened data keys of these ids, from memory or with one query; destroyed ones are missing.
    pub async fn data_keys(&self, db: impl PgExecutor<'_>, ids: &[KeyId]) -> Result<HashMap<KeyId, Arc<DataKey>>> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for &id in ids {
            match self.opened.get(&id) {
                Some(key) => drop(found.insert(id, key)),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            let forgotten = self.forgotten.load(Ordering::SeqCst);
            for (id, wrapped) in queries::list_data_keys(db, &missing).await? {
                let Some(key) = self.unwrap_key(&wrapped) else {
                    tracing::error!(key = %id, "a data key could not be unwrapped");
                    continue;
                };
                let key = Arc::new(key);
                self.opened.insert(id, key.clone());
                // Asked afterwards: whoever forgets a key counts first, so that one of the two removes it.
                if self.forgotten.load(Ordering::SeqCst) != forgotten {
                    self.opened.invalidate(&id);
                }
                found.insert(id, key);
            }
        }
        Ok(found)
    }

    /// The cipher for what the author with key `author` writes in the room with key `room`.
    pub async fn message_cipher(
        &self,
        db: impl PgExecutor<'_>,
        room: KeyId,
        author: KeyId,
    ) -> Result<Arc<MessageCipher>> {
        let place = (room, author);
        if let Some(cipher) = self.ciphers.get(&place) {
            return Ok(cipher);
        }
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        // In a box, so that a cipher that is remembered needs no memory for the look-up.
        let keys = Box::pin(self.data_keys(db, &[room, author])).await?;
        let (Some(room), Some(author)) = (keys.get(&room), keys.get(&author)) else {
            return Err(Error::internal("a data key is missing"));
        };
        let cipher = Arc::new(MessageCipher::derive(room, author));
        self.ciphers.insert(place, cipher.clone());
        // As with data keys.
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            self.ciphers.invalidate(&place);
        }
        Ok(cipher)
    }

    /// The cipher for what belongs to the person with that key and to no room.
    pub async fn person_cipher(&self, db: impl PgExecutor<'_>, person: KeyId) -> Result<PersonCipher> {
        let keys = self.data_keys(db, &[person]).await?;
        let key = keys
            .get(&person)
            .ok_or_else(|| Error::internal("a data key is missing"))?;
        Ok(PersonCipher::derive(key))
    }

    /// Seals what is personal and belongs to no room, for one row.
    pub fn seal(&self, row: Uuid, text: &str) -> String {
        let mut plain = Zeroizing::new(Vec::with_capacity(row.as_bytes().len() + text.len()));
        plain.extend_from_slice(row.as_bytes());
        plain.extend_from_slice(text.as_bytes());
        self.master.encrypt(&plain)
    }

    /// What was sealed for that row.
    pub fn open_sealed(&self, row: Uuid, token: &str) -> Result<String, TokenError> {
        let plain = Zeroizing::new(self.master.decrypt(token).map_err(|_| TokenError)?);
        let text = plain.strip_prefix(row.as_bytes()).ok_or(TokenError)?;
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| TokenError)
    }

    fn unwrap_key(&self, wrapped: &str) -> Option<DataKey> {
        let opened = Zeroizing::new(self.master.decrypt(wrapped).ok()?);
        DataKey::from_bytes(&opened)
    }
}

/// For keys that are in use, and what belongs to them.
fn cache<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static>() -> Cache<K, V> {
    Cache::builder()
        .max_capacity(CACHED_KEYS)
        .time_to_idle(IDLE_LIMIT)
        .build()
}

/// The stored secret of that name; when there is none, `fresh` is stored and, unless another node was quicker, used.
async fn stored_secret(
    db: &PgPool,
    master: &MultiFernet,
    name: &str,
    fresh: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let sealed = match queries::find_server_secret(db, name).await? {
        Some(sealed) => sealed,
        None => queries::insert_server_secret(db, name, &master.encrypt(fresh)).await?,
    };
    master
        .decrypt(&sealed)
        .map(Zeroizing::new)
        .map_err(|_| OpenError::WrongKeys)
}

/// HKDF-SHA256 (RFC 5869) without salt, 32 bytes.
fn derive(input: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut output = Zeroizing::new([0; 32]);
    #[expect(clippy::expect_used, reason = "a key of zeros would be worse")]
    Hkdf::<Sha256>::new(None, input)
        .expand(info, output.as_mut_slice())
        .expect("32 bytes are far below HKDF's limit of 8,160");
    output
}

/// The Fernet cipher of 32 key bytes.
fn fernet_of(key: &[u8; 32]) -> Fernet {
    let text = Zeroizing::new(URL_SAFE.encode(key));
    #[expect(clippy::expect_used, reason = "the library refuses nothing but a wrong length")]
    Fernet::new(&text).expect("32 bytes make a key")
}
