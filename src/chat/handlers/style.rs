//! The viewer's own style sheet.

use poem::http::header;
use poem::web::Data;
use poem::{Response, handler};

use crate::accounts::CurrentUser;
use crate::friends::queries::list_blocked;
use crate::{App, Result};

/// The rules of "mine", with `__ME__` where the viewer's id belongs, and `__SHORT__` where its short form does.
const MY_STYLE: &str = include_str!("../../../assets/css/me.css");

/// How the messages of one person are folded whom the viewer blocks, with `__THEM__` where that person's id belongs.
const BLOCKED_STYLE: &str = include_str!("../../../assets/css/blocked.css");

/// The viewer's own style sheet: turns their messages into bubbles and folds those of people whom they block, so that a
/// message is the same fragment for all.
#[handler]
pub async fn show(app: Data<&App>, CurrentUser { id, .. }: CurrentUser) -> Result<Response> {
    let mut style = MY_STYLE
        .replace("__ME__", &id.to_string())
        .replace("__SHORT__", &id.short());
    for blocked in list_blocked(&app.db, id).await? {
        style.push_str(&BLOCKED_STYLE.replace("__THEM__", &blocked.to_string()));
    }
    let response = Response::builder()
        .header(header::CACHE_CONTROL, "private, no-store")
        .content_type("text/css; charset=utf-8");
    Ok(response.body(style))
}
