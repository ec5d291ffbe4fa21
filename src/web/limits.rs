//! How long a request may take, and how large its body may be. Each group of addresses has its own limits.

use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use poem::error::ReadBodyError;
use poem::http::{Method, StatusCode};
use poem::{Body, IntoResponse, Request, Response, Result};
use tokio::time::{Instant, timeout, timeout_at};

use crate::Error;
use crate::middleware::Next;

/// How large a body may be that is larger than a form, and how slowly it may come.
#[derive(Debug, Clone, Copy)]
pub struct LargeBody {
    /// In bytes.
    pub limit: usize,
    /// How slowly.
    pub pace: Pace,
}

/// How slowly a body may come.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// In bytes a second.
    pub least_rate: f64,
    /// How long it may take besides.
    pub grace: Duration,
}

/// How long a request may take, its body included.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// One that only reads.
    pub reading: Duration,
    /// One that may change something.
    pub changing: Duration,
}

/// Answers that the server cannot do its work right now when a request takes too long: a database that is frozen or cut
/// off must not hold up the page as well, nor a client that never finishes its body.
pub async fn within_deadline(next: Next, request: Box<Request>, deadlines: Deadlines) -> Result<Response> {
    let deadline = if changes_something(request.method()) {
        deadlines.changing
    } else {
        deadlines.reading
    };
    match timeout(deadline, next.call(request)).await {
        Ok(answer) => answer.map(IntoResponse::into_response),
        Err(_) => Err(Error::Unavailable("a request took too long".into()).into()),
    }
}

/// Reads the body of a request that may change something, so that what stands inside has it at hand; one of more than
/// `limit` bytes is refused.
pub async fn buffer_body(next: Next, mut request: Box<Request>, limit: usize) -> Result<Response> {
    if changes_something(request.method()) {
        let body = collect(request.take_body().into_bytes_stream(), limit).await?;
        request.set_body(body);
    }
    next.call(request).await
}

/// The same for a large body: whoever sends it drop by drop is not waited for.
pub async fn buffer_large_body(next: Next, mut request: Box<Request>, large: LargeBody) -> Result<Response> {
    if changes_something(request.method()) {
        let body = match collect(paced(request.take_body(), large.pace), large.limit).await {
            Err(ReadBodyError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                let late = "The file came too slowly.";
                return Err(poem::Error::from_string(late, StatusCode::REQUEST_TIMEOUT));
            }
            body => body?,
        };
        request.set_body(body);
    }
    next.call(request).await
}

/// The whole of a body of at most `limit` bytes. (Poem's own `into_bytes_limit` keeps a buffer of 4 KiB in every request.)
async fn collect(chunks: impl Stream<Item = io::Result<Bytes>>, limit: usize) -> Result<Bytes, ReadBodyError> {
    let mut chunks = pin!(chunks);
    let mut body = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(ReadBodyError::PayloadTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The body as it comes; one that comes more slowly than it may ends with the error `TimedOut`.
pub fn paced(body: Body, pace: Pace) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let chunks = Box::pin(body.into_bytes_stream());
    let start = Instant::now();
    stream::try_unfold((chunks, 0.0), move |(mut chunks, received)| async move {
        let due = start + pace.grace + Duration::from_secs_f64(received / pace.least_rate);
        let chunk = timeout_at(due, chunks.next()).await;
        let chunk = chunk.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        let received = received
            + chunk
                .as_ref()
                .map_or(0.0, |chunk| chunk.as_ref().map_or(0.0, |chunk| length(chunk)));
        Ok(chunk.transpose()?.map(|chunk| (chunk, (chunks, received))))
    })
}

#[expect(clippy::cast_precision_loss, reason = "no body is so long")]
fn length(body: &[u8]) -> f64 {
    body.len() as f64
}

/// Whether a request of this method may change something: then it must come from a page of ours.
pub fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use poem::EndpointExt;
    use poem::endpoint::make;

    use super::*;

    /// What becomes of a body that brings these parts, and ends or not.
    async fn outcome(parts: &[&'static str], ends: bool) -> StatusCode {
        let large = LargeBody {
            limit: 10,
            pace: Pace {
                least_rate: 1_000.0,
                grace: Duration::from_millis(50),
            },
        };
        let parts: Vec<_> = parts
            .iter()
            .map(|part| Ok::<_, Infallible>(Bytes::from_static(part.as_bytes())))
            .collect();
        let parts = stream::iter(parts);
        let body = if ends {
            Body::from_bytes_stream(parts.map(|part| part.map_err(std::io::Error::other)))
        } else {
            Body::from_bytes_stream(
                parts
                    .chain(stream::pending())
                    .map(|part| part.map_err(std::io::Error::other)),
            )
        };
        let request = Box::new(Request::builder().method(Method::POST).body(body));
        let read = make(|mut request: Request| async move { request.take_body().into_bytes().await });
        match buffer_large_body(Next::new(read.map_to_response()), request, large).await {
            Ok(response) => response.status(),
            Err(error) => error.status(),
        }
    }

    #[tokio::test]
    async fn a_large_body_has_a_limit_and_has_to_come() {
        assert_eq!(outcome(&["12345", "67890"], true).await, StatusCode::OK);
        assert_eq!(outcome(&["12345", "678901"], true).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(outcome(&["12345"], false).await, StatusCode::REQUEST_TIMEOUT);
    }
}
