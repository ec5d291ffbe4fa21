//! The built scripts, style sheet and icon: in the binary, named by their content, so that a browser keeps them for
//! good and a new build is a new address. `node assets/build.mjs` writes `assets/dist`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use poem::http::header;
use poem::web::Path;
use poem::{Request, Response, Route, get, handler};
use rust_embed::RustEmbed;

use crate::{Error, Result};

#[derive(RustEmbed)]
#[folder = "assets/dist"]
struct Dist;

/// Logical name (`app.css`) to the name with the hash (`app.1f3a….css`).
static MANIFEST: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    Dist::get("manifest.json")
        .and_then(|file| serde_json::from_slice(&file.data).ok())
        .unwrap_or_default()
});

/// The address of a built file: `url("app.css")` is `/assets/app.<hash>.css`.
pub fn url(name: &str) -> String {
    format!("/assets/{}", MANIFEST.get(name).map_or(name, String::as_str))
}

/// Everything under `/assets`.
pub fn routes(route: Route) -> Route {
    route.at("/assets/:name", get(show))
}

#[handler]
fn show(request: &Request, Path(name): Path<String>) -> Result<Response> {
    // Only what the manifest names: neither the manifest nor a compressed copy has an address of its own.
    if !MANIFEST.values().any(|hashed| *hashed == name) {
        return Err(Error::NotFound);
    }
    let packed = accepts(request, "br")
        .then(|| Dist::get(&format!("{name}.br")))
        .flatten();
    let encoding = packed.is_some().then_some("br");
    let Some(file) = packed.or_else(|| Dist::get(&name)) else {
        return Err(Error::NotFound);
    };
    let response = Response::builder()
        .content_type(mime_guess::from_path(&name).first_or_octet_stream().as_ref())
        .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .header(header::VARY, "Accept-Encoding");
    let response = match encoding {
        Some(encoding) => response.header(header::CONTENT_ENCODING, encoding),
        None => response,
    };
    Ok(response.body(file.data.into_owned()))
}

/// Whether the browser takes what is encoded so. `br;q=0` says no, and nobody sends it; it is heeded all the same.
pub fn accepts(request: &Request, encoding: &str) -> bool {
    request.header(header::ACCEPT_ENCODING).is_some_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case(encoding)
                && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    })
}
