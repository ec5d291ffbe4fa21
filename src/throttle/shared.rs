//! Limits that all nodes share, in Redis.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use redis::aio::ConnectionManager;
use sha2::Sha256;
use tokio::time::timeout;

/// How long Redis may take to answer.
const REDIS_TIMEOUT: Duration = Duration::from_millis(250);
/// A Redis that did not answer is left alone for this long.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const MINUTE: u64 = 60_000_000;

/// GCRA in microseconds of Redis's own clock: a bucket is the time at which it will be full again. One try moves that
/// time by the first argument, and it may lie ahead by the second at most; returns how much too far ahead it would be, or
/// zero, and how many tries are left then.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + ARGV[1]
local wait = full - now - ARGV[2]
if wait > 0 then return {wait, 0} end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return {0, math.floor(-wait / ARGV[1])}";

/// The limits in Redis. They only ever refuse: while Redis is away, everything is allowed here.
pub struct Shared {
    redis: ConnectionManager,
    /// Makes the names of buckets, so that Redis does not hold what people typed, nor where they are.
    names: Hmac<Sha256>,
    /// While Redis is away: when it is asked again.
    away_until: Mutex<Option<Instant>>,
}

impl Shared {
    /// Limits in that Redis, shared by whoever has the same key.
    pub fn new(redis: ConnectionManager, key: &[u8; 32]) -> Self {
        // HMAC fills a key up to the hash's block with zeros (RFC 2104); done here, it cannot fail.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self {
            redis,
            names: <Hmac<Sha256> as KeyInit>::new(&block.into()),
            away_until: Mutex::default(),
        }
    }

    /// Counts a try in the bucket of that kind and owner, which holds `rate` and is refilled in a minute; how many are
    /// left, as far as Redis answers. The error is how long to wait.
    pub(super) async fn take(&self, kind: &str, owner: &str, rate: NonZeroU32) -> Result<Option<u32>, Duration> {
        if self.away().is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        let mut command = redis::cmd("EVAL");
        let step = MINUTE.div_ceil(u64::from(rate.get()));
        command
            .arg(TAKE)
            .arg(1)
            .arg(self.name(kind, owner))
            .arg(step)
            .arg(MINUTE);
        let mut redis = self.redis.clone();
        let failed = match timeout(REDIS_TIMEOUT, command.query_async::<(u64, u32)>(&mut redis)).await {
            Ok(Ok((wait, left))) => {
                *self.away() = None;
                return if wait == 0 {
                    Ok(Some(left))
                } else {
                    Err(Duration::from_micros(wait))
                };
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if self.away().replace(Instant::now() + RETRY_PAUSE).is_none() {
            tracing::warn!(
                reason = failed,
                "Redis is away: each node limits log-ins, sign-ups and programs by itself"
            );
        }
        Ok(None)
    }

    fn name(&self, kind: &str, owner: &str) -> String {
        let mut name = self.names.clone();
        // No kind holds the separator.
        for part in [kind, "\n", owner] {
            name.update(part.as_bytes());
        }
        let name = URL_SAFE_NO_PAD.encode(name.finalize().into_bytes());
        format!("umbrachat:throttle:{name}")
    }

    fn away(&self) -> MutexGuard<'_, Option<Instant>> {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
