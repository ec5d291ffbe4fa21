//! TCP connections that the program keeps hold of while HTTP uses them.
//!
//! HTTP hands an upgraded connection over as a boxed stream that only one task can use. Frames are written by whoever
//! pushes them, so the socket itself is needed: [`Acceptor`] numbers every connection and notes it in [`Sockets`],
//! where the handshake finds it again. The same table shows which connections are idle, so that one task ends them
//! all, instead of a timer for each.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::uri::Scheme;
use poem::Addr;
use poem::web::{LocalAddr, RemoteAddr};
use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Connections that may wait to be accepted: the library's 128 let some of 200 that come at once wait for a second.
const BACKLOG: i32 = 4096;
/// Pause after a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(100);
/// What a connection's local address is called: requests have no other room for its number.
const NUMBERED: &str = "connection";

/// The connections that HTTP uses, by their numbers.
#[derive(Debug)]
pub struct Sockets {
    // A std mutex: it is held for a few instructions and never across an await.
    open: Mutex<HashMap<u64, Arc<Used>>>,
    start: Instant,
}

/// A connection and when it was last used, in milliseconds since the start.
#[derive(Debug)]
struct Used {
    stream: Arc<TcpStream>,
    at: AtomicU64,
}

impl Sockets {
    /// An empty table.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            start: Instant::now(),
        })
    }

    /// The connection that a request came by; None when it came by none of ours.
    pub fn find(&self, local: &LocalAddr) -> Option<Arc<TcpStream>> {
        let Addr::Custom(NUMBERED, number) = &local.0 else {
            return None;
        };
        let number = number.parse().ok()?;
        self.lock().get(&number).map(|used| used.stream.clone())
    }

    /// Ends connections over which nothing has moved for `idle`, until the program ends. Upgraded ones are not HTTP's
    /// any more: they have their pings.
    pub async fn end_idle(&self, idle: Duration) {
        let mut tick = interval(idle / 4);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = self.now();
            for used in self.lock().values() {
                if now.saturating_sub(used.at.load(Ordering::Relaxed)) > millis(idle) {
                    // HTTP sees the end and lets go; an error means that the other side has ended it.
                    shutdown(&*used.stream, Shutdown::Both).ok();
                }
            }
        }
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Used>>> {
        // No code panics while it holds the lock, so a poisoned map is whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Takes connections for `poem::Server` and notes them.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    sockets: Arc<Sockets>,
    next: u64,
}

impl Acceptor {
    /// An acceptor of what comes to `listener`, which is bound already.
    pub fn new(listener: std::net::TcpListener, sockets: Arc<Sockets>) -> io::Result<Self> {
        // Inherited by every connection: a frame shall not wait for the acknowledgement of the one before.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            sockets,
            next: 0,
        })
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
        let (stream, remote) = match self.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // The caller tries again at once, which would not help where the system is out of files.
                sleep(RETRY).await;
                return Err(error);
            }
        };
        self.next += 1;
        let number = self.next;
        let used = Arc::new(Used {
            stream: Arc::new(stream),
            at: AtomicU64::new(self.sockets.now()),
        });
        self.sockets.lock().insert(number, used.clone());
        let stream = HttpStream {
            used,
            number,
            sockets: self.sockets.clone(),
        };
        let local = LocalAddr(Addr::custom(NUMBERED, number.to_string()));
        Ok((stream, local, RemoteAddr(remote.into()), Scheme::HTTP))
    }
}

/// HTTP's end of a connection. The table forgets the connection when this is dropped.
#[derive(Debug)]
pub struct HttpStream {
    used: Arc<Used>,
    number: u64,
    sockets: Arc<Sockets>,
}

impl HttpStream {
    fn note_use(&self) {
        self.used.at.store(self.sockets.now(), Ordering::Relaxed);
    }
}

impl Drop for HttpStream {
    fn drop(&mut self) {
        self.sockets.lock().remove(&self.number);
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = &self.used.stream;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    self.note_use();
                    return Poll::Ready(read.map(drop));
                }
            }
        }
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = &self.used.stream;
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.note_use();
                    return Poll::Ready(written);
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&*self.used.stream, Shutdown::Write).map_err(io::Error::from))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use poem::listener::Acceptor as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn open() -> (Arc<Sockets>, HttpStream, LocalAddr, TcpStream) {
        let sockets = Sockets::new();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut acceptor = Acceptor::new(listener, sockets.clone()).unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        let (server, local, ..) = accepted.unwrap();
        (sockets, server, local, client.unwrap())
    }

    #[tokio::test]
    async fn a_connection_is_found_while_http_has_it() {
        let (sockets, mut server, local, mut client) = open().await;
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
        let (sockets, mut server, _, mut client) = open().await;
        let ending = tokio::spawn(async move { sockets.end_idle(Duration::from_millis(400)).await });
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            client.write_all(b".").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'.');
        }
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "ended once nothing moved");
        ending.abort();
    }
}
