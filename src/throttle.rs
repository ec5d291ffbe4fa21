//! Limits on how often something may be done, in this process's memory: log-ins and sign-ups by address and by
//! account, messages by person. Each limit is a bucket that refills steadily (GCRA, the `governor` crate), so
//! nobody is ever locked out for good: after a pause the bucket is full again.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::ids::UserId;
use crate::{Error, Result};

/// One account may be tried this many times as often as one address may try, over all addresses together: more than
/// one address can use up, so that a single stranger never keeps the owner out.
const ACCOUNT_FACTOR: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// A message bucket holds this many seconds' worth of messages.
const MESSAGE_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// Every limit of this process.
pub struct Throttle {
    clock: DefaultClock,
    /// Makes short keys of logins, so that the table does not hold what people typed.
    hasher: RandomState,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    accounts: DefaultKeyedRateLimiter<u64>,
    messages: DefaultKeyedRateLimiter<UserId>,
}

impl Throttle {
    /// Limits of `auth_rate` log-ins and sign-ups a minute and address, and of `message_rate` messages a second
    /// and person (in a burst four times that).
    pub fn new(auth_rate: NonZeroU32, message_rate: NonZeroU32) -> Self {
        let burst = message_rate.saturating_mul(MESSAGE_BURST);
        Self {
            clock: DefaultClock::default(),
            hasher: RandomState::new(),
            addresses: RateLimiter::keyed(Quota::per_minute(auth_rate)),
            accounts: RateLimiter::keyed(Quota::per_minute(auth_rate.saturating_mul(ACCOUNT_FACTOR))),
            messages: RateLimiter::keyed(Quota::per_second(message_rate).allow_burst(burst)),
        }
    }

    /// Counts a log-in, sign-up or setup from `address`; `TooMany` when there were too many of them.
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        self.check(&self.addresses, &network(address))
    }

    /// Counts an attempt to log in to `account` (its folded login), wherever it comes from.
    pub fn check_account(&self, account: &str) -> Result<()> {
        self.check(&self.accounts, &self.hasher.hash_one(account))
    }

    /// Counts a message of `user`; the error is how long to wait.
    pub fn check_message(&self, user: UserId) -> Result<(), Duration> {
        self.messages
            .check_key(&user)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets everybody whose bucket is full again. To be called every minute or so.
    pub fn forget_idle(&self) {
        self.addresses.retain_recent();
        self.accounts.retain_recent();
        self.messages.retain_recent();
    }

    fn check<K: Hash + Eq + Clone>(&self, limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<()> {
        limiter.check_key(key).map_err(|until| Error::TooMany {
            retry_after: until.wait_time_from(self.clock.now()),
        })
    }
}

/// What counts as one address: a whole /64 of IPv6, because one household has all of it; an IPv4 address
/// written as IPv6 is the IPv4 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(auth_rate: u32, message_rate: u32) -> Throttle {
        Throttle::new(
            NonZeroU32::new(auth_rate).unwrap(),
            NonZeroU32::new(message_rate).unwrap(),
        )
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_gets_its_rate_and_others_are_unaffected() {
        let throttle = throttle(3, 10);
        for _ in 0..3 {
            throttle.check_address(ip("192.0.2.1")).unwrap();
        }
        let Err(Error::TooMany { retry_after }) = throttle.check_address(ip("192.0.2.1")) else {
            unreachable!("the fourth is refused");
        };
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(20));
        throttle.check_address(ip("192.0.2.2")).unwrap();
    }

    #[test]
    fn an_account_takes_more_than_one_address_can_use_up() {
        let throttle = throttle(10, 10);
        for _ in 0..10 {
            throttle.check_address(ip("192.0.2.1")).unwrap();
            throttle.check_account("alice").unwrap();
        }
        assert!(
            throttle.check_address(ip("192.0.2.1")).is_err(),
            "the stranger is slowed down"
        );
        for _ in 10..30 {
            throttle.check_account("alice").unwrap();
        }
        assert!(
            throttle.check_account("alice").is_err(),
            "many addresses together are too"
        );
        throttle.check_account("bob").unwrap();
    }

    #[test]
    fn a_v6_household_counts_as_one_address() {
        let throttle = throttle(1, 10);
        throttle.check_address(ip("2001:db8:1:2::1")).unwrap();
        assert!(throttle.check_address(ip("2001:db8:1:2:ffff::9")).is_err());
        throttle.check_address(ip("2001:db8:1:3::1")).unwrap();
        throttle.check_address(ip("::ffff:192.0.2.1")).unwrap();
        assert!(throttle.check_address(ip("192.0.2.1")).is_err());
    }

    #[test]
    fn messages_may_come_in_a_burst() {
        let throttle = throttle(20, 5);
        let user = UserId::new();
        for _ in 0..20 {
            throttle.check_message(user).unwrap();
        }
        assert!(throttle.check_message(user).is_err());
        throttle.check_message(UserId::new()).unwrap();
    }
}
