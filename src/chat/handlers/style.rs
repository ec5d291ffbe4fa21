//! The viewer's own style sheet.

use poem::http::header;
use poem::{Response, handler};

use crate::accounts::CurrentUser;

/// The rules of "mine", with `__ME__` where the viewer's id belongs.
const MY_STYLE: &str = include_str!("../../../assets/css/me.css");

/// The viewer's own style sheet: turns their messages into bubbles, so that a message is the same fragment for all.
#[handler]
pub fn show(CurrentUser { id, .. }: CurrentUser) -> Response {
    Response::builder()
        .header(header::CACHE_CONTROL, "private, no-store")
        .content_type("text/css; charset=utf-8")
        .body(MY_STYLE.replace("__ME__", &id.to_string()))
}
