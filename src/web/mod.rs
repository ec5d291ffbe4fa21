//! What every page stands on: the request's context, cookies, the CSRF check, limits, error pages, the layout, shared
//! components and the built assets. It knows no feature: the layout takes a plain [`Viewer`] and ready-made markup.

pub mod assets;
pub mod components;
pub mod context;
pub mod csrf;
pub mod error_page;
pub mod errors;
mod fields;
pub mod form_data;
pub mod forwarded;
pub mod headers;
pub mod htmx;
pub mod html;
pub mod icons;
pub mod layout;
pub mod limits;
pub mod lists;
pub mod normalise;
pub mod problem;
pub mod session;
pub mod signature;
mod sky;
pub mod typed_form;
pub mod words;

use poem::http::{StatusCode, header};
use poem::{FromRequest, Request, RequestBody, Response};

pub use context::{Ctx, Theme, Viewer};
pub use typed_form::TypedForm;

use crate::Error;

/// Leads the browser to another page of this site, to be asked for with GET.
pub fn see_other(path: &str) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, path)
        .finish()
}

/// Leads the browser to another page of this site, to which it sends again what it has just sent here.
pub fn send_again(path: &str) -> Response {
    Response::builder()
        .status(StatusCode::TEMPORARY_REDIRECT)
        .header(header::LOCATION, path)
        .finish()
}

impl<'a> FromRequest<'a> for Ctx {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let ctx = request.data::<Ctx>().cloned();
        Ok(ctx.ok_or_else(|| Error::internal("the request has no context"))?)
    }
}
