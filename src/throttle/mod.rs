//! Limits on how often something may be done: log-ins and sign-ups by address, by account and by browser, messages,
//! joining and leaving by person, links into rooms by address, requests of programs by person and by address. Each limit is a bucket that refills steadily (GCRA), so
//! nobody is ever locked out for good: after a pause the bucket is full again.
//!
//! Every bucket is in this process's memory (the `governor` crate). Those of log-ins, sign-ups and programs are in Redis
//! as well where there are several nodes, and an attempt needs room in both: one who is too quick for this node does not
//! trouble Redis, and while Redis is away the node's own bucket stands as it was. Those of messages and of joining and
//! leaving are not: they bound what one person gives one node to do, and a message shall not cost a way to Redis and
//! back.

mod shared;

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

pub use shared::Shared;

use crate::ids::UserId;
use crate::{Error, Result};

/// One account may be tried this many times as often as one address may try, over all addresses together: more than
/// one address can use up, so that a single stranger never keeps the owner out.
const ACCOUNT_FACTOR: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// A message bucket holds this many seconds' worth of messages.
const MESSAGE_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// Larger networks of IPv6, which one customer of a provider may have, and how many addresses' worth of attempts each
/// gets.
const SITES: [(u32, NonZeroU32); 2] = [
    (56, NonZeroU32::MIN.saturating_add(3)),
    (48, NonZeroU32::MIN.saturating_add(15)),
];

/// A person may join and leave rooms this often in a row, and then once a second: it is published to all members of a room.
const MEMBERSHIP_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

/// A person may search so often in a row, as one who types does, and then this often a second.
const SEARCH_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(39);
const SEARCHES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// From one address links into rooms may be opened so often in a row, as by a class that gets one, and then this often a
/// second.
const INVITE_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
const INVITES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Programs at one address may send this many times as many requests as those of one account.
const PROGRAM_FACTOR: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// A limit whose bucket tells how full it is.
type CountedLimiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// What is left of a limit of requests a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub quota: u32,
    /// Requests that may be sent now.
    pub remaining: u32,
    /// Where this one was one too many: how long to wait.
    pub retry_after: Option<Duration>,
}

/// Every limit.
pub struct Throttle {
    clock: DefaultClock,
    /// Makes short keys of logins, so that the table does not hold what people typed.
    hasher: RandomState,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    /// Those of [`SITES`].
    sites: [DefaultKeyedRateLimiter<IpAddr>; 2],
    accounts: DefaultKeyedRateLimiter<u64>,
    devices: DefaultKeyedRateLimiter<u64>,
    messages: DefaultKeyedRateLimiter<UserId>,
    memberships: DefaultKeyedRateLimiter<UserId>,
    searches: DefaultKeyedRateLimiter<UserId>,
    invites: DefaultKeyedRateLimiter<IpAddr>,
    programs: CountedLimiter<UserId>,
    program_addresses: CountedLimiter<IpAddr>,
    api_rate: NonZeroU32,
    auth_rate: NonZeroU32,
    /// The limits of log-ins and sign-ups over all nodes, where there are several.
    shared: Option<Shared>,
}

impl Throttle {
    /// Limits of `auth_rate` log-ins and sign-ups a minute and address, and of `message_rate` messages a second
    /// and person (in a burst four times that), and of `api_rate` requests of programs a minute and person.
    pub fn new(auth_rate: NonZeroU32, message_rate: NonZeroU32, api_rate: NonZeroU32, shared: Option<Shared>) -> Self {
        let burst = message_rate.saturating_mul(MESSAGE_BURST);
        Self {
            clock: DefaultClock::default(),
            hasher: RandomState::new(),
            addresses: RateLimiter::keyed(Quota::per_minute(auth_rate)),
            sites: SITES.map(|(_, factor)| RateLimiter::keyed(Quota::per_minute(auth_rate.saturating_mul(factor)))),
            accounts: RateLimiter::keyed(Quota::per_minute(account_rate(auth_rate))),
            devices: RateLimiter::keyed(Quota::per_minute(auth_rate)),
            messages: RateLimiter::keyed(Quota::per_second(message_rate).allow_burst(burst)),
            memberships: RateLimiter::keyed(Quota::per_second(NonZeroU32::MIN).allow_burst(MEMBERSHIP_BURST)),
            searches: RateLimiter::keyed(Quota::per_second(SEARCHES_PER_SECOND).allow_burst(SEARCH_BURST)),
            invites: RateLimiter::keyed(Quota::per_second(INVITES_PER_SECOND).allow_burst(INVITE_BURST)),
            programs: RateLimiter::keyed(Quota::per_minute(api_rate)).with_middleware(),
            program_addresses: RateLimiter::keyed(Quota::per_minute(program_rate(api_rate))).with_middleware(),
            api_rate,
            auth_rate,
            shared,
        }
    }

    /// Counts a log-in, sign-up or setup from `address`; `TooMany` when there were too many of them.
    pub async fn check_address(&self, address: IpAddr) -> Result<()> {
        let household = network(address);
        self.check(&self.addresses, &household)?;
        self.check_shared("address", &household.to_string(), self.auth_rate)
            .await?;
        let IpAddr::V6(address) = household else { return Ok(()) };
        for ((bits, factor), limiter) in SITES.into_iter().zip(&self.sites) {
            let site = prefix(address, bits);
            self.check(limiter, &site)?;
            self.check_shared("site", &format!("{site}/{bits}"), self.auth_rate.saturating_mul(factor))
                .await?;
        }
        Ok(())
    }

    /// Counts a request of a program from `address`.
    pub async fn count_program_address(&self, address: IpAddr) -> Allowance {
        let (address, rate) = (network(address), program_rate(self.api_rate));
        let left = self.count(&self.program_addresses, &address, rate);
        self.count_shared("program address", address, left).await
    }

    /// Counts a request of a program of that account.
    pub async fn count_program(&self, user: UserId) -> Allowance {
        let left = self.count(&self.programs, &user, self.api_rate);
        self.count_shared("program", user, left).await
    }

    /// Counts an attempt to log in to `account` (its folded login), wherever it comes from.
    pub async fn check_account(&self, account: &str) -> Result<()> {
        self.check(&self.accounts, &self.hasher.hash_one(account))?;
        self.check_shared("account", account, account_rate(self.auth_rate))
            .await
    }

    /// Counts an attempt of a browser with that number, to log in to an account that it is known for.
    pub async fn check_device(&self, number: &str) -> Result<()> {
        self.check(&self.devices, &self.hasher.hash_one(number))?;
        self.check_shared("device", number, self.auth_rate).await
    }

    /// Counts that a link into a room is opened from `address`, whether there is such a link or not.
    pub fn check_invite(&self, address: IpAddr) -> Result<()> {
        self.check(&self.invites, &network(address))
    }

    /// Counts that `user` searches; `TooMany` when they did so too often.
    pub fn check_search(&self, user: UserId) -> Result<()> {
        self.check(&self.searches, &user)
    }

    /// Counts that `user` does what others are told of: joins or leaves a room, hides or shows that they are online, asks
    /// or blocks somebody; `TooMany` when they did so too often.
    pub fn check_membership(&self, user: UserId) -> Result<()> {
        self.check(&self.memberships, &user)
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
        for limiter in &self.sites {
            limiter.retain_recent();
        }
        self.accounts.retain_recent();
        self.devices.retain_recent();
        self.messages.retain_recent();
        self.memberships.retain_recent();
        self.searches.retain_recent();
        self.invites.retain_recent();
        self.programs.retain_recent();
        self.program_addresses.retain_recent();
    }

    fn check<K: Hash + Eq + Clone>(&self, limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<()> {
        limiter.check_key(key).map_err(|until| Error::TooMany {
            retry_after: until.wait_time_from(self.clock.now()),
        })
    }

    async fn check_shared(&self, kind: &str, owner: &str, rate: NonZeroU32) -> Result<()> {
        match &self.shared {
            Some(shared) => shared.take(kind, owner, rate).await.map(drop),
            None => Ok(()),
        }
        .map_err(|retry_after| Error::TooMany { retry_after })
    }

    /// Counts in this node's bucket; what is left of it.
    fn count<K: Hash + Eq + Clone>(&self, limiter: &CountedLimiter<K>, key: &K, rate: NonZeroU32) -> Allowance {
        let (remaining, retry_after) = match limiter.check_key(key) {
            Ok(left) => (left.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.clock.now()))),
        };
        Allowance {
            quota: rate.get(),
            remaining,
            retry_after,
        }
    }

    /// Counts in the bucket of all nodes as well; what is left of the fuller one.
    async fn count_shared(&self, kind: &str, owner: impl ToString, own: Allowance) -> Allowance {
        let (Some(shared), Some(rate), None) = (&self.shared, NonZeroU32::new(own.quota), own.retry_after) else {
            return own;
        };
        let owner = owner.to_string();
        // In a box, so that on a single node no request needs memory for it.
        let (remaining, retry_after) = match Box::pin(shared.take(kind, &owner, rate)).await {
            Ok(left) => (left.map_or(own.remaining, |left| left.min(own.remaining)), None),
            Err(wait) => (0, Some(wait)),
        };
        Allowance {
            remaining,
            retry_after,
            ..own
        }
    }
}

fn account_rate(auth_rate: NonZeroU32) -> NonZeroU32 {
    auth_rate.saturating_mul(ACCOUNT_FACTOR)
}

fn program_rate(api_rate: NonZeroU32) -> NonZeroU32 {
    api_rate.saturating_mul(PROGRAM_FACTOR)
}

/// What counts as one address: a whole /64 of IPv6, because one household has all of it; an IPv4 address written as
/// IPv6 is the IPv4 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => prefix(v6, 64),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The network with the first `bits` of the address.
fn prefix(address: Ipv6Addr, bits: u32) -> IpAddr {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or_default();
    Ipv6Addr::from_bits(address.to_bits() & mask).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(auth_rate: u32, message_rate: u32) -> Throttle {
        Throttle::new(
            NonZeroU32::new(auth_rate).unwrap(),
            NonZeroU32::new(message_rate).unwrap(),
            NonZeroU32::new(2).unwrap(),
            None,
        )
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_address_gets_its_rate_and_others_are_unaffected() {
        let throttle = throttle(3, 10);
        for _ in 0..3 {
            throttle.check_address(ip("192.0.2.1")).await.unwrap();
        }
        let Err(Error::TooMany { retry_after }) = throttle.check_address(ip("192.0.2.1")).await else {
            unreachable!("the fourth is refused");
        };
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(20));
        throttle.check_address(ip("192.0.2.2")).await.unwrap();
    }

    #[tokio::test]
    async fn an_account_takes_more_than_one_address_can_use_up() {
        let throttle = throttle(10, 10);
        for _ in 0..10 {
            throttle.check_address(ip("192.0.2.1")).await.unwrap();
            throttle.check_account("alice").await.unwrap();
        }
        assert!(
            throttle.check_address(ip("192.0.2.1")).await.is_err(),
            "the stranger is slowed down"
        );
        for _ in 10..30 {
            throttle.check_account("alice").await.unwrap();
        }
        assert!(
            throttle.check_account("alice").await.is_err(),
            "many addresses together are too"
        );
        throttle.check_account("bob").await.unwrap();
    }

    #[tokio::test]
    async fn a_program_is_told_what_is_left_of_its_limit() {
        let throttle = throttle(1, 1);
        let user = UserId::new();
        for (remaining, is_refused) in [(1, false), (0, false), (0, true)] {
            let left = throttle.count_program(user).await;
            assert_eq!(
                (left.quota, left.remaining, left.retry_after.is_some()),
                (2, remaining, is_refused)
            );
        }
        assert_eq!(throttle.count_program(UserId::new()).await.retry_after, None);
        for remaining in (0..6).rev() {
            let left = throttle.count_program_address(ip("192.0.2.1")).await;
            assert_eq!((left.quota, left.remaining, left.retry_after), (6, remaining, None));
        }
        assert!(
            throttle
                .count_program_address(ip("192.0.2.1"))
                .await
                .retry_after
                .is_some()
        );
    }

    #[tokio::test]
    async fn a_v6_household_counts_as_one_address() {
        let throttle = throttle(1, 10);
        throttle.check_address(ip("2001:db8:1:2::1")).await.unwrap();
        assert!(throttle.check_address(ip("2001:db8:1:2:ffff::9")).await.is_err());
        throttle.check_address(ip("2001:db8:1:3::1")).await.unwrap();
        throttle.check_address(ip("::ffff:192.0.2.1")).await.unwrap();
        assert!(throttle.check_address(ip("192.0.2.1")).await.is_err());
    }

    #[tokio::test]
    async fn the_networks_of_one_site_have_a_limit_together() {
        let throttle = throttle(3, 10);
        let attempts = async |network: &dyn Fn(u16) -> String| {
            let mut taken = 0;
            for n in 0..100 {
                taken += usize::from(throttle.check_address(ip(&network(n))).await.is_ok());
            }
            taken
        };
        assert_eq!(
            attempts(&|n| format!("2001:db8:1:{n:x}::1")).await,
            12,
            "a /56: four addresses' worth"
        );
        // The attempts that the /56 refused were not counted against the /48.
        let others = attempts(&|n| format!("2001:db8:1:{:x}::1", (n + 1) << 8)).await;
        assert_eq!(others, 48 - 12, "a /48: sixteen");
        assert_eq!(
            attempts(&|n| format!("2001:db8:{:x}::1", n + 2)).await,
            100,
            "others are unaffected"
        );
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
