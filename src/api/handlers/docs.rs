//! What there is for programs: for them, and for people.

use maud::Markup;
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};

use crate::accounts::MaybeUser;
use crate::api::document::DOCUMENT;
use crate::api::views;
use crate::web::Ctx;

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "Document",
    responses((status = 200, description = "The document.", body = Object, headers(("ETag" = String, description = "Which version."))),
              (status = 304, description = "It is the version that `If-None-Match` names.")))]
#[handler]
pub fn show(request: &Request) -> Response {
    let known = request.header(header::IF_NONE_MATCH).unwrap_or_default();
    let response = Response::builder()
        .header(header::ETAG, &DOCUMENT.etag)
        .header(header::CACHE_CONTROL, "public, no-cache")
        // An envelope may be around it.
        .header(header::VARY, "Accept");
    if known
        .split(',')
        .any(|tag| tag.trim().trim_start_matches("W/") == DOCUMENT.etag)
    {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type("application/json").body(DOCUMENT.text.as_str())
}

/// The same for people, with forms to try it.
#[handler]
pub fn page(Data(ctx): Data<&Ctx>, MaybeUser(user): MaybeUser) -> Markup {
    views::docs(ctx, user.map(|user| user.viewer).as_ref(), &DOCUMENT)
}
