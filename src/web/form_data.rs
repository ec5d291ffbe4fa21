//! Forms with files (`multipart/form-data`, RFC 7578).

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use multer::{Constraints, Field, Multipart, SizeLimit};
use poem::Request;
use tokio::time::timeout;

/// Bytes that may have come of a form beyond what has been used of it: more than a server reads at once.
const MOST_AHEAD: u64 = 1 << 20;
/// How long what is left of a refused form is read.
const DRAIN: Duration = Duration::from_secs(10);

/// The parts of such a form, whose body has been read; None for any other body.
pub fn parts(request: &Request, body: Bytes) -> Option<Multipart<'static>> {
    let boundary = multer::parse_boundary(request.content_type()?).ok()?;
    Some(Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary))
}

/// Such a form as it comes. The library holds in memory what is no part yet, however much comes before one: so nothing more
/// is read while too much of that has not been used.
pub struct FormStream {
    parts: Multipart<'static>,
    used: Used,
}

/// How many bytes of a form have been used.
#[derive(Debug, Clone, Default)]
pub struct Used(Arc<AtomicU64>);

impl Used {
    /// Notes that so many more have been.
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl FormStream {
    /// A form of at most `limit` bytes whose body that is; None for any other body.
    pub fn new(
        content_type: Option<&str>,
        body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        limit: u64,
    ) -> Option<Self> {
        let boundary = multer::parse_boundary(content_type?).ok()?;
        let (used, mut read) = (Used::default(), 0);
        let known = used.clone();
        let (mut body, mut is_turn_over) = (Box::pin(body), false);
        let bounded = stream::poll_fn(move |context| {
            // The library reads as long as there is something to read: one piece at a time is what it gets.
            is_turn_over = !is_turn_over;
            if !is_turn_over {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let piece = ready!(body.poll_next_unpin(context));
            read += piece
                .as_ref()
                .and_then(|piece| piece.as_ref().ok())
                .map_or(0, |piece| piece.len() as u64);
            if read.saturating_sub(known.0.load(Ordering::Relaxed)) > MOST_AHEAD {
                return Poll::Ready(Some(Err(io::Error::other("a form has too much around its parts"))));
            }
            Poll::Ready(piece)
        });
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit));
        let parts = Multipart::with_constraints(bounded, boundary, constraints);
        Some(Self { parts, used })
    }

    /// The next part, whose bytes are to be noted in [`FormStream::used`].
    pub async fn next(&mut self) -> multer::Result<Option<Field<'static>>> {
        self.parts.next_field().await
    }

    /// Where it is noted what has been used.
    pub fn used(&self) -> Used {
        self.used.clone()
    }

    /// Reads what is left and forgets it, though not for long: a browser that is still sending would not read the answer.
    pub async fn drain(mut self) {
        self.used.0.store(u64::MAX, Ordering::Relaxed);
        let left = async { while let Ok(Some(_)) = self.parts.next_field().await {} };
        timeout(DRAIN, left).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pieces: Vec<Vec<u8>>) -> FormStream {
        let body = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
        FormStream::new(Some("multipart/form-data; boundary=b"), body, u64::MAX).unwrap()
    }

    #[tokio::test]
    async fn what_never_becomes_a_part_is_not_read_for_ever() {
        let endless = vec![b'x'; 1 << 18];
        let begin = b"--b\r\nContent-Disposition: form-data; name=\"".to_vec();
        assert!(
            form([vec![begin], vec![endless.clone(); 5]].concat())
                .next()
                .await
                .is_err()
        );
        assert!(form(vec![endless; 5]).next().await.is_err());
    }

    #[tokio::test]
    async fn a_part_may_be_long_while_it_is_used() {
        let head = b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec();
        let pieces = [
            vec![head],
            vec![vec![b'x'; 1 << 18]; 12],
            vec![b"\r\n--b--\r\n".to_vec()],
        ]
        .concat();
        let mut whole = form(pieces.clone());
        let mut part = whole.next().await.unwrap().unwrap();
        let (used, mut length) = (whole.used(), 0);
        while let Some(piece) = part.chunk().await.unwrap() {
            used.add(piece.len());
            length += piece.len();
        }
        assert_eq!(length, 12 << 18);
        let mut unused = form(pieces);
        let mut part = unused.next().await.unwrap().unwrap();
        while let Ok(Some(_)) = part.chunk().await {}
        assert!(part.chunk().await.is_err() || unused.next().await.is_err());
        unused.drain().await;
    }
}
