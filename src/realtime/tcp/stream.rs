//! HTTP's end of a connection.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Sockets, Used};

/// A request's head may be this long, in bytes, and what is read at once beyond that: it is counted when it has been read.
const HEAD: usize = 32 << 10;
/// How a connection begins that speaks HTTP/2 (RFC 9113, 3.4). No method of HTTP/1 is called so.
const HTTP2: &[u8] = b"PRI ";

/// HTTP's end of a connection. The table forgets the connection when this is dropped.
#[derive(Debug)]
pub struct HttpStream {
    used: Arc<Used>,
    number: u64,
    address: IpAddr,
    sockets: Arc<Sockets>,
    /// How much has been read of the head of a request.
    head_bytes: usize,
    /// How many of the connection's first bytes are those of [`HTTP2`]; None once one is not.
    matched: Option<usize>,
}

impl HttpStream {
    /// HTTP's end of the connection that is noted under this number, as one of this address.
    pub(super) fn new(used: Arc<Used>, number: u64, address: IpAddr, sockets: Arc<Sockets>) -> Self {
        Self {
            used,
            number,
            address,
            sockets,
            head_bytes: 0,
            matched: Some(0),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    fn note_use(&self) {
        self.used.at.store(self.sockets.now(), Ordering::Relaxed);
    }

    /// Notes what was read, and says how to refuse it if it is nothing that may go on.
    fn judge(&mut self, read: &[u8]) -> io::Result<()> {
        self.note_use();
        for byte in read {
            let Some(matched) = self.matched else { break };
            self.matched = (HTTP2[matched] == *byte).then_some(matched + 1);
            if self.matched == Some(HTTP2.len()) {
                return Err(self.refuse("505 HTTP Version Not Supported"));
            }
        }
        if self.used.in_request.load(Ordering::Relaxed) {
            return Ok(());
        }
        let is_first = self.used.head_since.load(Ordering::Relaxed) == 0;
        if is_first {
            self.used.head_since.store(self.sockets.now().max(1), Ordering::Relaxed);
            self.head_bytes = 0;
        } else if self.head_bytes > HEAD {
            // What was read before was not the whole head.
            return Err(self.refuse("431 Request Header Fields Too Large"));
        }
        self.head_bytes += read.len();
        Ok(())
    }

    /// Answers what HTTP is not to see, and returns the error that ends the connection.
    fn refuse(&self, status: &str) -> io::Error {
        let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        // Nobody may be there to read it.
        self.used.stream.try_write(answer.as_bytes()).ok();
        io::ErrorKind::InvalidData.into()
    }
}

impl Drop for HttpStream {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        open.connections.remove(&self.number);
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            ready!(self.used.stream.poll_read_ready(cx))?;
            match self.used.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(_) => return Poll::Ready(self.judge(&buffer.filled()[before..])),
            }
        }
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.used.stream.poll_write_ready(cx))?;
            match self.used.stream.try_write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.note_use();
                    // While an answer goes out, what has come of the next request may wait.
                    self.used.head_since.store(0, Ordering::Relaxed);
                    self.head_bytes = 0;
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
