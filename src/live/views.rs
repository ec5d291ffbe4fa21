//! What is pushed to pages: their fragments in the envelopes that htmx understands, and data for their scripts.

use std::time::Duration;

use maud::html;
use serde_json::json;

use crate::ids::{Change, ClientId};
use crate::messages::model::{Item, Refusal, Shown};
use crate::messages::views::{item, message};
use crate::realtime::Frame;

/// New lines for the end of the list, as the changes `(from, to]`.
pub(super) fn appended(from: Change, to: Change, items: &[Item]) -> Frame {
    let fragment = html! {
        hx-partial hx-target="#messages" hx-swap="beforeend" data-from=(from) data-to=(to) {
            @for line in items { (item(line)) }
        }
    };
    Frame::covering(from, to, &fragment.0)
}

/// The same for a page that may show some of them already: each finds its place, none stands twice.
pub(super) fn caught_up(from: Change, to: Change, items: &[Item]) -> Frame {
    let fragment = html! {
        hx-upsert hx-target="#messages" key="data-seq" sort data-from=(from) data-to=(to) {
            @for line in items { (item(line)) }
        }
    };
    Frame::covering(from, to, &fragment.0)
}

/// One message that its sender has sent again: it takes its place, whether the page shows it already or not.
pub(super) fn again(shown: &Shown) -> Frame {
    let fragment = html! {
        hx-upsert hx-target="#messages" key="data-seq" sort { (message(shown)) }
    };
    Frame::ephemeral(&fragment.0)
}

/// How many people are online in the room.
pub(super) fn online(count: usize) -> Frame {
    let fragment = html! {
        hx-partial hx-target="#online" hx-swap="innerHTML" { (crate::chat::views::online(count)) }
    };
    Frame::ephemeral(&fragment.0)
}

/// Tells the page to load again, at another address if the room has moved.
pub(super) fn reload(slug: Option<&str>) -> Frame {
    let data = match slug {
        Some(slug) => json!({"reload": true, "location": crate::rooms::model::path(slug)}),
        None => json!({"reload": true}),
    };
    Frame::ephemeral(&data.to_string())
}

/// Tells the page how far the room is, so that it notices a connection that lags or died.
pub(super) fn heartbeat(last_change: Change) -> Frame {
    Frame::ephemeral(&json!({"last_change": last_change}).to_string())
}

/// Tells the page why a message was not taken. `retry_after` is in seconds.
pub(super) fn refused(refusal: Refusal, client_id: Option<ClientId>) -> Frame {
    let error = json!({
        "code": refusal.code(),
        "message": refusal.message(),
        "client_id": client_id,
        "retry_after": refusal.retry_after().as_ref().map(Duration::as_secs_f64),
    });
    Frame::ephemeral(&json!({"error": error}).to_string())
}
