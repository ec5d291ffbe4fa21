//! TCP connections that the program keeps hold of while HTTP uses them.
//!
//! HTTP hands an upgraded connection over as a boxed stream that only one task can use. Frames are written by whoever
//! pushes them, so the socket itself is needed: [`Acceptor`] numbers every connection and notes it in [`Sockets`],
//! where the handshake finds it again. The same table shows which connections are idle, or do not finish the head of a
//! request, so that one task ends them all, instead of a timer for each.
//!
//! Whoever connects is a stranger until a request has been read, and with a socket until that is let in. What they cost
//! until then is bounded here: how many connections come from one address, how long a head may take, and how long it
//! may be. HTTP/2 is refused: its streams would be many requests at once on a connection that nobody reads. A proxy
//! speaks it to browsers.

mod acceptor;
mod stream;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::web::LocalAddr;
use poem::{Addr, Request, Response};
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::middleware::Next;

pub use self::acceptor::{Acceptor, Limits};

/// What a connection's local address is called: requests have no other room for its number.
const NUMBERED: &str = "connection";

/// What strangers cause is logged this often at most.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// The connections that HTTP uses, by their numbers.
#[derive(Debug)]
pub struct Sockets {
    // A std mutex: it is held for a few instructions and never across an await.
    open: Mutex<Open>,
    start: Instant,
    /// About handshakes that are none.
    pub(super) handshake_warnings: Warnings,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Arc<Used>>,
    /// How many of them each address has.
    by_address: HashMap<IpAddr, usize>,
}

/// A connection and when it was last used. Times are milliseconds since the start.
#[derive(Debug)]
struct Used {
    stream: Arc<TcpStream>,
    at: AtomicU64,
    /// Whether a request of it is being answered; what it reads then is a body.
    in_request: AtomicBool,
    /// Since when the head of a request is being read; 0 while none is.
    head_since: AtomicU64,
}

impl Sockets {
    /// An empty table.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            start: Instant::now(),
            handshake_warnings: Warnings::default(),
        })
    }

    /// The connection that a request came by; None when it came by none of ours.
    pub fn find(&self, local: &LocalAddr) -> Option<Arc<TcpStream>> {
        self.used(local).map(|used| used.stream.clone())
    }

    fn used(&self, local: &LocalAddr) -> Option<Arc<Used>> {
        let Addr::Custom(NUMBERED, number) = &local.0 else {
            return None;
        };
        let number = number.parse().ok()?;
        self.lock().connections.get(&number).cloned()
    }

    /// Ends connections over which nothing has moved for `idle`, and those that began the head of a request `head` ago and
    /// have not finished it, until the program ends. Upgraded ones are not HTTP's any more: they have their pings.
    pub async fn end_idle(&self, idle: Duration, head: Duration) {
        let mut tick = interval(idle.min(head) / 4);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = self.now();
            for used in self.lock().connections.values() {
                let is_past = |since: u64, limit| now.saturating_sub(since) > millis(limit);
                let head_since = used.head_since.load(Ordering::Relaxed);
                if is_past(used.at.load(Ordering::Relaxed), idle) || head_since > 0 && is_past(head_since, head) {
                    // HTTP sees the end and lets go; an error means that the other side has ended it.
                    shutdown(&*used.stream, Shutdown::Both).ok();
                }
            }
        }
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides whether to warn of what strangers cause: not each time, or they fill the log.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Option<Instant>>);

impl Warnings {
    /// Whether the last warning is long enough ago.
    pub fn may_warn(&self) -> bool {
        let mut warned_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = warned_at.is_none_or(|at| at.elapsed() >= WARN_INTERVAL);
        if may {
            *warned_at = Some(Instant::now());
        }
        may
    }
}

/// Notes that the head of a request has been read, and when it has been answered. The outermost middleware.
pub async fn note_request(next: Next, request: Box<Request>) -> poem::Result<Response> {
    let sockets = request.data::<Arc<Sockets>>();
    let used = sockets.and_then(|sockets| sockets.used(request.local_addr()));
    let _noted = used.map(|used| {
        used.head_since.store(0, Ordering::Relaxed);
        used.in_request.store(true, Ordering::Relaxed);
        InRequest(used)
    });
    next.call(request).await
}

/// A request that is being answered, or was when its client left.
struct InRequest(Arc<Used>);

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.in_request.store(false, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use poem::listener::Acceptor as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::stream::HttpStream;
    use super::*;

    /// An acceptor that takes two connections of an address, and a connection to it.
    async fn open() -> (Arc<Sockets>, HttpStream, LocalAddr, TcpStream, Acceptor) {
        let limits = Limits {
            total: 100,
            per_address: 2,
            network: |address| address,
            proxies: Vec::new(),
        };
        open_within(limits).await
    }

    async fn open_within(limits: Limits) -> (Arc<Sockets>, HttpStream, LocalAddr, TcpStream, Acceptor) {
        let sockets = Sockets::new();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut acceptor = Acceptor::new(listener, sockets.clone(), limits).unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        let (server, local, ..) = accepted.unwrap();
        (sockets, server, local, client.unwrap(), acceptor)
    }

    #[tokio::test]
    async fn a_connection_is_found_while_http_has_it() {
        let (sockets, mut server, local, mut client, _) = open().await;
        client.write_all(b"ping").await.unwrap();
        let mut heard = [0; 4];
        server.read_exact(&mut heard).await.unwrap();
        server.write_all(&heard).await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
        let kept = sockets.find(&local).unwrap();
        drop(server);
        assert!(sockets.find(&local).is_none());
        // Whoever found it in time goes on with it.
        kept.try_write(b"!").unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'!');
    }

    #[tokio::test]
    async fn an_idle_connection_is_ended_and_one_in_use_is_not() {
        let (sockets, mut server, _, mut client, _) = open().await;
        let (idle, head) = (Duration::from_millis(400), Duration::from_secs(60));
        let ending = tokio::spawn(async move { sockets.end_idle(idle, head).await });
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            client.write_all(b".").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'.');
        }
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "ended once nothing moved");
        ending.abort();
    }

    #[tokio::test]
    async fn a_head_that_is_not_finished_in_time_ends_the_connection_however_often_a_byte_comes() {
        let (sockets, mut server, _, mut client, _) = open().await;
        let (idle, head) = (Duration::from_secs(60), Duration::from_millis(200));
        let ending = tokio::spawn(async move { sockets.end_idle(idle, head).await });
        // The server's end reads nothing more once the connection was ended.
        let reading = tokio::spawn(async move { while server.read_u8().await.is_ok() {} });
        while client.write_all(b"G").await.is_ok() && !reading.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        reading.await.unwrap();
        ending.abort();
    }

    #[tokio::test]
    async fn a_long_body_is_no_long_head() {
        let (sockets, mut server, local, mut client, _) = open().await;
        let used = sockets.used(&local).unwrap();
        let mut buffer = [0; 1 << 10];
        let mut read = 0;
        used.in_request.store(true, Ordering::Relaxed);
        for _ in 0..64 {
            client.write_all(&buffer.clone()).await.unwrap();
            server.read_exact(&mut buffer).await.unwrap();
        }
        used.in_request.store(false, Ordering::Relaxed);
        let refused = loop {
            client.write_all(&buffer.clone()).await.unwrap();
            if let Err(error) = server.read_exact(&mut buffer).await {
                break error;
            }
            read += buffer.len();
        };
        assert_eq!((refused.kind(), read), (std::io::ErrorKind::InvalidData, 33 << 10));
    }

    #[tokio::test]
    async fn an_address_may_have_so_many_connections_until_one_ends() {
        let (_, first, _, mut first_client, mut acceptor) = open().await;
        let address = first_client.peer_addr().unwrap();
        let (_second_client, second) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        let second = second.unwrap().0;
        // The third is refused, and the acceptor waits for the next.
        let mut third = TcpStream::connect(address).await.unwrap();
        let waiting = tokio::spawn(async move { acceptor.accept().await.unwrap().0 });
        assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0, "refused");
        drop(first);
        assert_eq!(first_client.read(&mut [0]).await.unwrap(), 0);
        let _fourth = TcpStream::connect(address).await.unwrap();
        waiting.await.unwrap();
        drop(second);
    }
    #[tokio::test]
    async fn all_addresses_together_may_have_so_many_connections_also_those_of_proxies() {
        let limits = Limits {
            total: 1,
            per_address: 2,
            network: |address| address,
            proxies: vec!["127.0.0.0/8".parse().unwrap()],
        };
        let (_, first, _, first_client, mut acceptor) = open_within(limits).await;
        let address = first_client.peer_addr().unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let waiting = tokio::spawn(async move { acceptor.accept().await.unwrap().0 });
        assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0, "refused");
        drop(first);
        let _third = TcpStream::connect(address).await.unwrap();
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_ends_the_time_of_the_head_before_it() {
        let (sockets, mut server, local, mut client, _) = open().await;
        let used = sockets.used(&local).unwrap();
        let head_since = || used.head_since.load(Ordering::Relaxed);
        client.write_all(b"GET").await.unwrap();
        server.read_exact(&mut [0; 3]).await.unwrap();
        assert_ne!(head_since(), 0);
        server.write_all(b"HTTP/1.1 100 Continue").await.unwrap();
        assert_eq!(head_since(), 0);
    }
}
