//! One address per page: a trailing slash more or less redirects, and where a redirect leads is always on this
//! site.

use poem::http::{StatusCode, header};
use poem::{Request, Response, Result};

use crate::middleware::Next;

/// The pages whose address ends with a slash.
const WITH_SLASH: [&str; 3] = ["/", "/chat/", "/admin/"];

/// Where a path ends with the token of a link, which is a secret.
const WITH_TOKEN: [&str; 3] = ["/invite/", "/accounts/reset/", "/accounts/email/verify/"];

/// The path as it may stand in the log: without a token, or the name of a file.
pub fn loggable(path: &str) -> &str {
    if let Some((id, _)) = path.strip_prefix("/files/").and_then(|rest| rest.split_once('/')) {
        return &path[.."/files/".len() + id.len()];
    }
    WITH_TOKEN
        .into_iter()
        .find(|prefix| path.starts_with(prefix))
        .unwrap_or(path)
}

/// Redirects to the page's one address, with the query; 308 keeps method and body.
pub async fn redirect_to_one_address(next: Next, request: Box<Request>) -> Result<Response> {
    match canonical(request.uri().path()) {
        Some(path) => {
            let query = request
                .uri()
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            Ok(Response::builder()
                .status(StatusCode::PERMANENT_REDIRECT)
                .header(header::LOCATION, format!("{path}{query}"))
                .finish())
        }
        None => next.call(request).await,
    }
}

/// Lets an address count with a slash at its end as without.
pub async fn drop_last_slash(next: Next, mut request: Box<Request>) -> Result<Response> {
    let path = request.uri().path();
    if let Some(bare) = path.strip_suffix('/').filter(|bare| !bare.is_empty()) {
        let query = request
            .uri()
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        if let Ok(uri) = format!("{bare}{query}").parse() {
            *request.uri_mut() = uri;
        }
    }
    next.call(request).await
}

/// The address that `path` should have had; None when it is right, or nothing to lead to.
fn canonical(path: &str) -> Option<String> {
    let bare = path.trim_end_matches('/');
    let with_slash = format!("{bare}/");
    let right = if WITH_SLASH.contains(&with_slash.as_str()) {
        with_slash
    } else {
        bare.to_owned()
    };
    (right != path && is_local(&right)).then_some(right)
}

/// Whether a redirect to `target` (path and query) stays on this site: `//host`, `/\host` and anything with
/// control characters, which browsers drop, do not count as local.
pub fn is_local(target: &str) -> bool {
    target.starts_with('/')
        && !target.starts_with("//")
        && !target.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace())
        && target.len() <= 2048
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_not_logged() {
        assert_eq!(loggable("/chat/room/a"), "/chat/room/a");
        assert_eq!(loggable("/files/1/secret.pdf"), "/files/1");
        for path in [
            "/invite/secret",
            "/accounts/reset/secret",
            "/accounts/email/verify/secret/",
        ] {
            assert!(!loggable(path).contains("secret"), "{path}");
        }
    }

    #[test]
    fn slashes_are_added_and_removed() {
        for (path, right) in [
            ("/", None),
            ("/chat/", None),
            ("/chat", Some("/chat/")),
            ("/admin", Some("/admin/")),
            ("/admin/rooms/", Some("/admin/rooms")),
            ("/chat/room/general/", Some("/chat/room/general")),
            ("/privacy", None),
            ("//", Some("/")),
        ] {
            assert_eq!(canonical(path).as_deref(), right, "{path}");
        }
    }

    #[test]
    fn no_redirect_leaves_the_site() {
        for path in ["//evil.example/", "/\\evil.example/", "///evil.example//"] {
            assert_eq!(canonical(path), None, "{path}");
        }
        for target in [
            "",
            "evil",
            "https://evil.example",
            "//evil.example",
            "/\t/evil.example",
            "/a\\b",
            "/a b",
        ] {
            assert!(!is_local(target), "{target}");
        }
        assert!(is_local("/chat/room/general?before=7"));
    }
}
