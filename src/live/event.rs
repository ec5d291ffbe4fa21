//! What may be said to a page over its socket: each event, and the frames that carry it.

use std::collections::HashMap;
use std::time::Duration;

use maud::Markup;
use serde::Serialize;
use serde_json::json;

use super::command::CommandError;
use super::programs::event as programs;
use super::views;
use crate::accounts::model::Author;
use crate::bus::ReadMove;
use crate::chat::mine::Mine;
use crate::ids::{Change, Position, RoomId, Seq, UserId};
use crate::messages::model::{Item, MessageView};
use crate::messages::views::item;
use crate::realtime::{Covers, Frame, Listener};
use crate::rooms::model::{ListedRoom, RoomList, Unread, path};

/// A frame takes no further line once its fragments have this many bytes, so that a slow reader gets on frame by frame.
const FRAME_BYTES: usize = 48 << 10;

/// What happened in a room between two positions, oldest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changes<'a> {
    pub(super) after: Position,
    pub(super) to: Position,
    pub(super) items: &'a [Item],
    pub(super) placement: Placement,
}

/// How new lines get into a page's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// The page has everything before them: they are appended.
    AtEnd,
    /// The page may show some of them already: each finds its place, and none stands twice.
    InPlace,
}

/// Something that a page is told and that covers no change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event<'a> {
    /// A message was sent once more: its sender, who may have missed the echo, is shown where it stands.
    MessageResent(&'a MessageView),
    /// A person is shown like this now, wherever their name stands.
    AuthorChanged(&'a Author),
    /// What of the side bar is the person's own stands like this now.
    SideBarChanged(&'a Mine),
    /// So much waits in these rooms of the person.
    UnreadCounted(&'a HashMap<RoomId, Unread>),
    /// So much waits in each of the person's rooms: there are no others.
    AllUnreadCounted(&'a HashMap<RoomId, Unread>),
    /// How far the person has read a room has moved: so much waits there now.
    ReadMoved(&'a ReadMove),
    /// The other person of a direct chat has read up to there.
    ReceiptMoved(RoomId, UserId, Seq),
    /// These people have read the room up to there.
    ReadersMoved(&'a [(&'a Author, Seq)]),
    /// So many people have read the room up to the second message, who had read it up to the first before.
    ReceiptsCounted(RoomId, &'a [((Seq, Seq), usize)]),
    /// So many messages of others came in rooms of the person, and so far these are: `{"<room>": [count, from, seq]}`.
    RoomsActive(&'a str),
    /// Somebody types in the room.
    Typing(&'a Author),
    /// Of these friends, who is online and who is not any more.
    PresenceChanged(&'a HashMap<UserId, bool>),
    /// So many people are online in the room.
    OnlineChanged(usize),
    /// The connection lives, and the room is at this change (where the page shows one): a page that waits for a change
    /// that does not come notices it.
    Heartbeat(Option<Change>),
    /// The page missed too much, and has to be loaded again.
    PageOutdated,
    /// The room has another address by now: its page is loaded from there.
    RoomMoved(RoomId, &'a str),
    /// A command was not carried out.
    CommandRefused(&'a CommandError),
    /// A room stands in the list of public rooms like this now, which made this version of the list.
    RoomListed(i64, &'a ListedRoom),
    /// A room does not stand in the list of public rooms any more, which made this version of the list.
    RoomUnlisted(i64, RoomId),
    /// This is the whole list of public rooms.
    RoomListChanged(&'a RoomList),
}

impl Event<'_> {
    /// The frame for pages.
    pub(super) fn frame(self) -> Frame {
        let text = match self {
            Self::MessageResent(message) => views::resent(message).into_string(),
            Self::AuthorChanged(author) => views::author(author).into_string(),
            Self::SideBarChanged(mine) => views::side_bar(mine).into_string(),
            Self::UnreadCounted(unread) => json!({"unread": counts(unread)}).to_string(),
            Self::AllUnreadCounted(unread) => json!({"unread": counts(unread), "all": true}).to_string(),
            Self::ReadMoved(moved) => {
                let unread = (moved.count, moved.last_seq, moved.version, moved.read, moved.mentions);
                json!({"unread": {moved.room.to_string(): unread}}).to_string()
            }
            Self::ReceiptMoved(room, reader, seq) => {
                json!({"receipt": {"room": room, "author": reader, "seq": seq}}).to_string()
            }
            Self::ReadersMoved(readers) => views::readers(readers).into_string(),
            Self::ReceiptsCounted(room, spans) => json!({"receipts": {"room": room, "spans": spans}}).to_string(),
            Self::RoomsActive(rooms) => format!("{{\"active\":{{{rooms}}}}}"),
            Self::Typing(author) => views::typing(author).into_string(),
            Self::PresenceChanged(people) => json!({"presence": people}).to_string(),
            Self::OnlineChanged(count) => views::online(count).into_string(),
            Self::Heartbeat(Some(change)) => json!({"last_change": change}).to_string(),
            Self::Heartbeat(None) => json!({"heartbeat": true}).to_string(),
            Self::PageOutdated => json!({"reload": true}).to_string(),
            Self::RoomMoved(room, slug) => json!({"reload": true, "location": path(slug), "room": room}).to_string(),
            Self::CommandRefused(CommandError { client_id, reason }) => {
                let error = json!({
                    "code": reason.code(),
                    "message": reason.message(),
                    "client_id": client_id,
                    "retry_after": reason.retry_after().as_ref().map(Duration::as_secs_f64),
                });
                json!({"error": error}).to_string()
            }
            Self::RoomListed(version, room) => views::room_listed(version, room).into_string(),
            Self::RoomUnlisted(version, room) => views::room_unlisted(version, room).into_string(),
            Self::RoomListChanged(list) => views::room_list(list).into_string(),
        };
        Frame::ephemeral(&text)
    }
}

/// What waits in each room, as the script reads it: with the level, which a [`Event::ReadMoved`] leaves as it is.
fn counts(unread: &HashMap<RoomId, Unread>) -> HashMap<RoomId, impl Serialize> {
    let rooms = unread.iter().map(|(room, one)| {
        let Unread {
            count,
            mentions,
            last_seq,
            version,
            read,
            level,
            ..
        } = *one;
        (*room, (count, last_seq, version, read, mentions, level.as_str()))
    });
    rooms.collect()
}

/// What one of several frames holds.
pub(super) enum Part<'a, L> {
    Lines(Vec<L>),
    Altered(&'a MessageView),
}

impl<'a> Changes<'a> {
    /// The frames for those listeners in the room, which follow on each other.
    pub(super) fn frames_for(self, listener: Listener, room: RoomId) -> Vec<Frame> {
        match listener {
            Listener::Page => self.frames(),
            Listener::Program => programs::frames(room, self),
        }
    }

    fn frames(self) -> Vec<Frame> {
        let parts = self.fragments().into_iter();
        parts
            .map(|(covers, markup)| Frame::covering(covers, &markup.0))
            .collect()
    }

    /// All of it at once.
    pub(super) fn fragment(self) -> Markup {
        views::joined(&self.fragments())
    }

    /// What pages are told, with what each part of it covers.
    fn fragments(self) -> Vec<(Covers, Markup)> {
        let placement = self.placement;
        let parts = self.parts(item, |line| line.0.len()).into_iter();
        let fragment = |(covers, part): (Covers, Part<'_, Markup>)| {
            let (after, to) = (covers.after, covers.to.change);
            let markup = match part {
                Part::Lines(lines) => views::lines(placement, after, to, &lines),
                Part::Altered(message) => views::altered(message, after, to),
            };
            (covers, markup)
        };
        parts.map(fragment).collect()
    }

    /// As many parts as the lines need, each as long as `size` says, and one for each altered message, because not everybody
    /// may see every old message.
    pub(super) fn parts<L>(self, line: impl Fn(&Item) -> L, size: impl Fn(&L) -> usize) -> Vec<(Covers, Part<'a, L>)> {
        let mut parts: Vec<(Position, Part<'a, L>)> = Vec::with_capacity(1);
        let (mut lines, mut bytes, mut at) = (Vec::new(), 0, self.after);
        for one in self.items {
            if let Item::Altered(message) = one {
                if !lines.is_empty() {
                    parts.push((at, Part::Lines(std::mem::take(&mut lines))));
                    bytes = 0;
                }
                at.change = message.change;
                parts.push((at, Part::Altered(message)));
                continue;
            }
            if let Item::Message(message) = one {
                at.seq = at.seq.max(message.seq);
            }
            at.change = one.change();
            let line = line(one);
            bytes += size(&line);
            lines.push(line);
            if bytes >= FRAME_BYTES {
                parts.push((at, Part::Lines(std::mem::take(&mut lines))));
                bytes = 0;
            }
        }
        if !lines.is_empty() || parts.is_empty() {
            parts.push((at, Part::Lines(lines)));
        }
        if let Some((end, _)) = parts.last_mut() {
            *end = self.to;
        }
        let mut after = self.after.change;
        let cover = |(to, part): (Position, Part<'a, L>)| {
            let altered = match part {
                Part::Lines(_) => None,
                Part::Altered(message) => Some(message.seq),
            };
            let covers = Covers { after, to, altered };
            after = to.change;
            (covers, part)
        };
        parts.into_iter().map(cover).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClientId;

    fn view(seq: i64, change: i64, body: &str) -> MessageView {
        MessageView {
            seq: Seq(seq),
            version: 1,
            change: Change(change),
            client_id: ClientId::new(),
            author: Author {
                id: UserId::new(),
                username: "ana".into(),
                name: "Ana".into(),
                picture: None,
            },
            quote: None,
            body: Some(body.into()),
            mentions: Vec::new(),
            files: Vec::new(),
            is_deleted: false,
            created_at: chrono::DateTime::UNIX_EPOCH,
            edited_at: None,
            reactions: Vec::new(),
            continued: false,
            new_day: false,
        }
    }

    fn message(number: i64, body: &str) -> Item {
        Item::Message(view(number, number, body))
    }

    fn at(change: i64, seq: i64) -> Position {
        let (change, seq) = (Change(change), Seq(seq));
        Position { change, seq }
    }

    fn frames(after: Position, to: Position, items: &[Item]) -> Vec<Frame> {
        let placement = Placement::AtEnd;
        Changes {
            after,
            to,
            items,
            placement,
        }
        .frames()
    }

    fn text(frame: &Frame) -> String {
        String::from_utf8_lossy(frame.encoded()).into_owned()
    }

    #[test]
    fn long_lines_are_cut_into_frames_that_follow_on_each_other() {
        let items: Vec<_> = (3..=60).map(|number| message(number, &"&".repeat(4000))).collect();
        let frames = frames(at(2, 2), at(61, 60), &items);
        assert!(frames.len() > 10);
        let mut reached = Change(2);
        for frame in &frames {
            let covers = frame.covers.unwrap();
            assert!(covers.after == reached && covers.to.change > covers.after);
            assert!(frame.encoded().len() < FRAME_BYTES + 25_000, "at most one line over");
            reached = covers.to.change;
        }
        assert_eq!(frames.last().unwrap().covers.unwrap().to, at(61, 60));
        let all: String = frames.iter().map(text).collect();
        assert_eq!(all.matches("<li id=\"m-").count(), 58);
    }

    #[test]
    fn what_fits_is_one_frame_and_nothing_is_one_too() {
        assert_eq!(frames(at(0, 0), at(2, 2), &[message(1, "a"), message(2, "b")]).len(), 1);
        assert_eq!(frames(at(0, 0), at(2, 0), &[]).len(), 1);
    }

    #[test]
    fn an_altered_message_has_a_frame_of_its_own_that_replaces_the_line() {
        let items = [
            message(3, "a"),
            Item::Altered(view(1, 4, "b")),
            Item::Message(view(4, 5, "c")),
        ];
        let frames = frames(at(2, 2), at(5, 4), &items);
        let covers: Vec<_> = frames.iter().map(|frame| frame.covers.unwrap()).collect();
        let span = |after, to, altered| Covers {
            after: Change(after),
            to,
            altered,
        };
        assert_eq!(
            covers,
            [
                span(2, at(3, 3), None),
                span(3, at(4, 3), Some(Seq(1))),
                span(4, at(5, 4), None)
            ]
        );
        assert!(text(&frames[1]).contains(r##"hx-target="#m-1" hx-swap="outerHTML" data-from="3" data-to="4""##));
        assert!(text(&frames[2]).contains(r##"hx-target="#messages""##));
    }
}
