//! How often programs may ask.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::web::Data;
use poem::{Endpoint, FromRequest, IntoResponse, Request, Response, Result};

use crate::accounts::CurrentUser;
use crate::throttle::Allowance;
use crate::web::errors::{About, problem};
use crate::web::forwarded::client_address;
use crate::{App, Error};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Counts every request for its address and, with a token, for its account. The answer says what is left of the account's
/// limit, or without an account of the address's, in the headers of draft-ietf-httpapi-ratelimit-headers-10.
pub async fn limit_requests<E: Endpoint>(inner: Arc<E>, request: Request) -> Result<Response> {
    let Data(app) = Data::<&App>::from_request_without_body(&request).await?;
    let address = client_address(&request, &app.config.trusted_proxies);
    let (mut name, mut left) = ("address", app.throttle.count_program_address(address).await);
    if let (None, Some(user)) = (left.retry_after, CurrentUser::of(&request)) {
        (name, left) = ("account", app.throttle.count_program(user.id).await);
    }
    let mut response = match left.retry_after {
        Some(retry_after) => problem(&Error::TooMany { retry_after }.into(), &About::of(&request)),
        None => inner.call(request).await?.into_response(),
    };
    tell(response.headers_mut(), name, left);
    Ok(response)
}

fn tell(headers: &mut HeaderMap, name: &str, Allowance { quota, remaining, .. }: Allowance) {
    // A bucket fills steadily, and is full again after this many seconds.
    let used = u64::from(quota.saturating_sub(remaining));
    let full_in = (used * 60).div_ceil(u64::from(quota.max(1)));
    let values = [
        (POLICY, format!("\"{name}\";q={quota};w=60")),
        (LEFT, format!("\"{name}\";r={remaining};t={full_in}")),
    ];
    for (header, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header, value);
        }
    }
}
