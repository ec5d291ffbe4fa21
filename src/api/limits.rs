//! How often programs may ask.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Request, Response, Result};

use crate::accounts::MaybeUser;
use crate::middleware::Next;
use crate::throttle::Allowance;
use crate::web::errors::{About, problem};
use crate::web::forwarded::client_address;
use crate::{App, Error};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Counts every request for its address, before anything is asked of the database. The answer says what is left of the
/// limit, in the headers of draft-ietf-httpapi-ratelimit-headers-10; of the account's where [`limit_accounts`] has said so.
pub async fn limit_addresses(next: Next, request: Box<Request>) -> Result<Response> {
    let app = App::of(&request)?;
    let address = client_address(&request, &app.config.trusted_proxies);
    let left = app.throttle.count_program_address(address).await;
    let mut response = if_any_is_left(next, request, left).await?;
    if !response.headers().contains_key(LEFT) {
        tell(response.headers_mut(), "address", left);
    }
    Ok(response)
}

/// Counts every request with a token for its account.
pub async fn limit_accounts(next: Next, request: Box<Request>) -> Result<Response> {
    let user = request.data::<MaybeUser>().and_then(|user| user.0.as_ref());
    let Some(user) = user.map(|user| user.id) else {
        return next.call(request).await;
    };
    let app = App::of(&request)?;
    let left = app.throttle.count_program(user).await;
    let mut response = if_any_is_left(next, request, left).await?;
    tell(response.headers_mut(), "account", left);
    Ok(response)
}

async fn if_any_is_left(next: Next, request: Box<Request>, left: Allowance) -> Result<Response> {
    match left.retry_after {
        Some(retry_after) => Ok(problem(&Error::TooMany { retry_after }.into(), &About::of(&request))),
        None => next.call(request).await,
    }
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
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
}
