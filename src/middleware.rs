//! What requests go through before they reach their handler. A middleware is a function of a request and of what stands inside
//! of it: it answers itself, or lets the rest answer.
//!
//! Poem's own `around` does the same, but there the future of each layer holds the request several times over: of twelve
//! layers it came to 50 KiB that each request was given. Here all layers hand on one box.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::{Endpoint, Request, Response, Result};

/// An answer that is on its way.
type Answer = BoxFuture<'static, Result<Response>>;

/// What stands inside of a middleware: the next one, or the routes.
#[derive(Clone)]
pub struct Next(Arc<dyn Fn(Box<Request>) -> Answer + Send + Sync>);

impl Next {
    /// The innermost.
    pub fn new(endpoint: impl Endpoint<Output = Response> + 'static) -> Self {
        let endpoint = Arc::new(endpoint);
        Self(Arc::new(move |request| {
            let endpoint = endpoint.clone();
            Box::pin(async move { (*endpoint).call(*request).await })
        }))
    }

    /// One of several, by the request.
    pub fn one_of(choose: impl Fn(&Request) -> Self + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |request| choose(&request).call(request)))
    }

    /// That middleware around `self`.
    #[must_use]
    pub fn within<F, A>(self, middleware: F) -> Self
    where
        F: Fn(Self, Box<Request>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(middleware(self.clone(), request))))
    }

    /// Lets it answer.
    pub fn call(&self, request: Box<Request>) -> Answer {
        let Self(next) = self;
        next(request)
    }
}

/// As what a server or Poem's own middleware calls.
impl Endpoint for Next {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Self::call(self, Box::new(request)).await
    }
}
