//! Where the session library keeps its records: in its own PostgreSQL store, behind a keyed hash.

use std::fmt;

use async_trait::async_trait;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::PgPool;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{ExpiredDeletion, SessionStore};
use tower_sessions_sqlx_store::PostgresStore;

/// The library's PostgreSQL store, under ids that open nothing: whoever reads the table cannot make a cookie of them. A
/// record is written once and never changes.
#[derive(Clone)]
pub struct KeyedStore {
    inner: PostgresStore,
    ids: Hmac<Sha256>,
}

impl fmt::Debug for KeyedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedStore").finish_non_exhaustive()
    }
}

impl KeyedStore {
    /// The store in this database; every node of a chat has the same key.
    pub fn new(pool: PgPool, key: &[u8; 32]) -> Self {
        // HMAC fills a key up to the hash's block with zeros (RFC 2104); done here, it cannot fail.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self {
            inner: PostgresStore::new(pool),
            ids: <Hmac<Sha256> as KeyInit>::new(&block.into()),
        }
    }

    /// The id under which the table has the record of the session whose cookie carries this one: the first half of an
    /// HMAC-SHA256 of it.
    pub fn stored_id(&self, id: Id) -> Id {
        let mut mac = self.ids.clone();
        mac.update(&id.0.to_be_bytes());
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        Id(hash[..16]
            .iter()
            .fold(0, |number, byte| number << 8 | i128::from(*byte)))
    }

    /// Deletes records whose time is over.
    pub async fn delete_expired(&self) -> Result<()> {
        self.inner.delete_expired().await
    }
}

#[async_trait]
impl SessionStore for KeyedStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let mut stored = record.clone();
        stored.id = self.stored_id(record.id);
        let drawn = stored.id;
        // The library's store draws another id where this one is taken, for which no cookie is known. With 128 random
        // bits that does not happen; if it did, the log-in would fail and nothing else.
        self.inner.create(&mut stored).await?;
        if stored.id == drawn {
            Ok(())
        } else {
            self.inner.delete(&stored.id).await?;
            Err(Error::Backend("a session id was drawn twice".to_owned()))
        }
    }

    /// Records are written once: what would be saved here later is what somebody else has ended meanwhile.
    async fn save(&self, _: &Record) -> Result<()> {
        Err(Error::Backend("a session is written once".to_owned()))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.inner.load(&self.stored_id(*id)).await?;
        Ok(found.map(|record| Record { id: *id, ..record }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.inner.delete(&self.stored_id(*id)).await
    }
}
