//! How long a request may take, and how large its body may be. Each group of addresses has its own limits.

use std::sync::Arc;
use std::time::Duration;

use poem::http::Method;
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use tokio::time::timeout;

use crate::Error;

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
pub async fn within_deadline<E: Endpoint>(inner: Arc<E>, request: Request, deadlines: Deadlines) -> Result<Response> {
    let deadline = if changes_something(request.method()) {
        deadlines.changing
    } else {
        deadlines.reading
    };
    match timeout(deadline, inner.call(request)).await {
        Ok(answer) => answer.map(IntoResponse::into_response),
        Err(_) => Err(Error::Unavailable("a request took too long".into()).into()),
    }
}

/// Reads the body of a request that may change something, so that what stands inside has it at hand; one of more than
/// `limit` bytes is refused.
pub async fn buffer_body<E: Endpoint>(inner: Arc<E>, mut request: Request, limit: usize) -> Result<Response> {
    if changes_something(request.method()) {
        let body = request.take_body().into_bytes_limit(limit).await?;
        request.set_body(body);
    }
    inner.call(request).await.map(IntoResponse::into_response)
}

/// Whether a request of this method may change something: then it must come from a page of ours.
pub fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
