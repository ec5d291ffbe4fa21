//! Which kinds of request an address takes.

use std::collections::BTreeSet;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response, Result};

use crate::api::document::{DOCUMENT, operations};
use crate::middleware::Next;
use crate::web::errors::{About, problem};

/// Says with every answer to a wrong kind of request which ones are right there (RFC 9110, section 15.5.6).
pub async fn say_what_is_allowed(next: Next, request: Box<Request>) -> Result<Response> {
    let about = About::of(&request);
    match next.call(request).await {
        Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let mut response = problem(&error, &about);
            // Two paths may be that of an address, one of them with a name in it: /api/users/me/.
            let methods: BTreeSet<_> = operations(&DOCUMENT.content)
                .filter(|(template, ..)| is_for(template, about.path()))
                .map(|(_, method, _)| method.to_uppercase())
                .collect();
            if let Ok(value) = HeaderValue::from_str(&methods.into_iter().collect::<Vec<_>>().join(", ")) {
                response.headers_mut().insert(header::ALLOW, value);
            }
            Ok(response)
        }
        answer => answer.map(IntoResponse::into_response),
    }
}

/// Whether the document's path is that of this address.
fn is_for(template: &str, path: &str) -> bool {
    let mut parts = path.trim_end_matches('/').split('/');
    let fits = template.trim_end_matches('/').split('/').all(|expected| {
        parts
            .next()
            .is_some_and(|part| part == expected || expected.starts_with('{'))
    });
    fits && parts.next().is_none()
}
