//! What a crowd of sockets has seen.

use std::collections::BTreeMap;
use std::time::Duration;

/// Counts and times of everything that came in.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages received, each by each member.
    pub deliveries: u64,
    /// Messages that a member got a second time.
    pub doubled: u64,
    /// Messages that came after a later one, or stand in another order than their sender sent them in.
    pub disordered: u64,
    /// Messages of another room.
    pub crossed: u64,
    /// How often members were told how many are online.
    pub counted: u64,
    /// What senders were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Pages that were told to load again.
    pub reloads: u64,
    /// Sockets that the server ended, by close code (0: without one).
    pub closed: BTreeMap<u16, u64>,
    /// From sending to each receipt.
    pub latency: Histogram,
    /// From connecting to the first frame.
    pub opening: Histogram,
}

/// Times in buckets that are at most 3 % wide.
#[derive(Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

/// Buckets per power of two, as a power of two.
const FINE: u32 = 5;

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; 64 << FINE],
            count: 0,
        }
    }
}

impl Histogram {
    /// Notes a time.
    pub fn add(&mut self, nanos: u64) {
        let shift = (nanos | 1).ilog2().saturating_sub(FINE);
        let bucket = (u64::from(shift) << FINE) + (nanos >> shift);
        self.buckets[usize::try_from(bucket).unwrap_or(usize::MAX)] += 1;
        self.count += 1;
    }

    /// The time that this share of all is below; None when there are none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "counts far below 2^52, and a share between 0 and 1"
    )]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut below = 0;
        let bucket = self.buckets.iter().position(|count| {
            below += count;
            below >= rank.max(1)
        })?;
        let shift = (bucket >> FINE).saturating_sub(1);
        let top = bucket - (shift << FINE);
        Some(Duration::from_nanos((top as u64) << shift))
    }
}
