//! Takes connections, within bounds.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use http::uri::Scheme;
use ipnet::IpNet;
use poem::Addr;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::stream::HttpStream;
use super::{NUMBERED, Sockets, Used, Warnings};

/// Connections that may wait to be accepted: the library's 128 let some of 200 that come at once wait for a second.
const BACKLOG: i32 = 4096;
/// Pause after a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Debug)]
pub struct Limits {
    /// All that may be open, so that files remain for the sockets and the database.
    pub total: usize,
    /// Those that one address may have open.
    pub per_address: usize,
    /// What counts as one address.
    pub network: fn(IpAddr) -> IpAddr,
    /// Proxies, whose connections are many people's: they have no limit.
    pub proxies: Vec<IpNet>,
}

/// Takes connections for `poem::Server` and notes them.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    sockets: Arc<Sockets>,
    next: u64,
    limits: Limits,
    warnings: Warnings,
}

impl Acceptor {
    /// An acceptor of what comes to `listener`, which is bound already, within `limits`.
    pub fn new(listener: std::net::TcpListener, sockets: Arc<Sockets>, limits: Limits) -> io::Result<Self> {
        // Inherited by every connection: a frame shall not wait for the acknowledgement of the one before.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            sockets,
            next: 0,
            limits,
            warnings: Warnings::default(),
        })
    }

    /// Notes a connection; None when its address has too many.
    fn note(&mut self, stream: TcpStream, address: IpAddr) -> Option<HttpStream> {
        let is_proxy = self
            .limits
            .proxies
            .iter()
            .any(|net| net.contains(&address.to_canonical()));
        let address = (self.limits.network)(address);
        let used = Arc::new(Used {
            stream: Arc::new(stream),
            at: AtomicU64::new(self.sockets.now()),
            in_request: AtomicBool::new(false),
            head_since: AtomicU64::new(0),
        });
        let mut open = self.sockets.lock();
        if open.connections.len() >= self.limits.total {
            drop(open);
            if self.warnings.may_warn() {
                tracing::warn!("there are too many connections; the system's limit of open files allows no more");
            }
            return None;
        }
        let count = open.by_address.entry(address).or_default();
        if *count >= self.limits.per_address && !is_proxy {
            drop(open);
            if self.warnings.may_warn() {
                tracing::warn!(%address, "an address has too many connections; if it is a proxy, name it in TRUSTED_PROXIES");
            }
            return None;
        }
        *count += 1;
        self.next += 1;
        open.connections.insert(self.next, used.clone());
        drop(open);
        Some(HttpStream::new(used, self.next, address, self.sockets.clone()))
    }
}

impl poem::listener::Acceptor for Acceptor {
    type Io = HttpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.listener
            .local_addr()
            .map(|addr| LocalAddr(addr.into()))
            .into_iter()
            .collect()
    }

    async fn accept(&mut self) -> io::Result<(HttpStream, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, remote) = loop {
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    if let Some(stream) = self.note(stream, remote.ip()) {
                        break (stream, remote);
                    }
                }
                Err(error) => {
                    if self.warnings.may_warn() {
                        tracing::warn!(%error, "connections cannot be accepted");
                    }
                    // The caller tries again at once, which would not help where the system is out of files.
                    sleep(RETRY).await;
                    return Err(error);
                }
            }
        };
        let local = LocalAddr(Addr::custom(NUMBERED, stream.number().to_string()));
        Ok((stream, local, RemoteAddr(remote.into()), Scheme::HTTP))
    }
}
