//! What is pushed to pages: their fragments in the envelopes that htmx understands, and data for their scripts.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::json;

use crate::ids::{Change, ClientId};
use crate::messages::model::{Item, Refusal, Shown};
use crate::messages::views::{item, message};
use crate::realtime::Frame;

/// A frame's fragments are this many bytes, or one line: so that a slow reader gets on frame by frame.
const FRAME_BYTES: usize = 48 << 10;

/// New lines for the end of the list, as the changes `(from, to]`, in as many frames as they need.
pub(super) fn appended(from: Change, to: Change, items: &[Item]) -> Vec<Frame> {
    frames(from, to, items, |from, to, lines| {
        html! {
            hx-partial hx-target="#messages" hx-swap="beforeend" data-from=(from) data-to=(to) {
                @for line in lines { (line) }
            }
        }
    })
}

/// The same for a page that may show some of them already: each finds its place, none stands twice.
pub(super) fn caught_up(from: Change, to: Change, items: &[Item]) -> Vec<Frame> {
    frames(from, to, items, |from, to, lines| {
        html! {
            hx-upsert hx-target="#messages" key="data-seq" sort data-from=(from) data-to=(to) {
                @for line in lines { (line) }
            }
        }
    })
}

/// Cuts lines, in the order of their changes, into frames that follow on each other from `from` to `to`.
fn frames(
    from: Change,
    to: Change,
    items: &[Item],
    envelope: impl Fn(Change, Change, &[Markup]) -> Markup,
) -> Vec<Frame> {
    let lines: Vec<Markup> = items.iter().map(item).collect();
    let mut frames = Vec::with_capacity(1);
    let (mut start, mut first, mut bytes) = (from, 0, 0);
    for (index, line) in lines.iter().enumerate() {
        bytes += line.0.len();
        let is_last = index + 1 == lines.len();
        if bytes >= FRAME_BYTES || is_last {
            let end = if is_last { to } else { items[index].change() };
            frames.push(Frame::covering(
                start,
                end,
                &envelope(start, end, &lines[first..=index]).0,
            ));
            (start, first, bytes) = (end, index + 1, 0);
        }
    }
    if lines.is_empty() {
        frames.push(Frame::covering(from, to, &envelope(from, to, &[]).0));
    }
    frames
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::model::Author;
    use crate::ids::{Seq, UserId};

    fn line(number: i64, body: &str) -> Item {
        Item::Message(Shown {
            seq: Seq(number),
            change: Change(number),
            client_id: ClientId::new(),
            author: Author {
                id: UserId::new(),
                name: "Ana".into(),
            },
            body: Some(body.into()),
            created_at: chrono::DateTime::UNIX_EPOCH,
            continued: false,
            new_day: false,
        })
    }

    #[test]
    fn long_lines_are_cut_into_frames_that_follow_on_each_other() {
        let items: Vec<_> = (3..=60).map(|number| line(number, &"&".repeat(4000))).collect();
        let frames = appended(Change(2), Change(61), &items);
        assert!(frames.len() > 10);
        let mut reached = Change(2);
        for frame in &frames {
            let (from, to) = frame.covers.unwrap();
            assert!(from == reached && to > from);
            assert!(frame.encoded().len() < FRAME_BYTES + 25_000, "at most one line over");
            reached = to;
        }
        assert_eq!(reached, Change(61));
        let all: Vec<u8> = frames.iter().flat_map(|frame| frame.encoded().to_vec()).collect();
        assert_eq!(String::from_utf8_lossy(&all).matches("<li id=\"m-").count(), 58);
    }

    #[test]
    fn what_fits_is_one_frame_and_nothing_is_one_too() {
        assert_eq!(appended(Change(0), Change(2), &[line(1, "a"), line(2, "b")]).len(), 1);
        assert_eq!(caught_up(Change(0), Change(2), &[]).len(), 1);
    }
}
