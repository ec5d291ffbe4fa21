//! The page of a room that I am a member of.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::readers::{Readers, readers};
use super::{frame, page};
use crate::accounts::model::Author;
use crate::chat::Shell;
use crate::ids::Seq;
use crate::messages::model::History;
use crate::messages::views::reactions::reacting;
use crate::messages::views::{
    Action, Draft, UnreadLine, composer, drop_hint, history, lightbox, menu, menu_opener, pending,
};
use crate::rooms::model::{Kind, Level, Membership, Room, path};
use crate::rooms::views::folded;
use crate::web::components::{avatar, back_to_chats, csrf_field, empty_state, presence, profile_path};
use crate::web::icons::icon;
use crate::web::{Ctx, Viewer, layout};

/// What of the room the page begins with.
#[derive(Debug)]
pub struct Shown {
    /// A page of messages.
    pub history: History,
    /// The message that is marked, and what the reader can do with it.
    pub marked: Option<(Seq, Vec<Action>)>,
    /// Where what the reader has not read begins.
    pub unread: Option<UnreadLine>,
    /// The last message that the reader has read.
    pub read: Seq,
    /// Who has read the reader's messages.
    pub readers: Readers,
    /// How many members are here now.
    pub online: usize,
    /// When the friend was last online whose direct chat it is, if they let it be seen.
    pub last_seen: Option<DateTime<Utc>>,
}

/// The room: header, messages, composer. The script connects it to its socket.
pub fn room(shell: &Shell<'_>, membership: &Membership, shown: &Shown, draft: Draft<'_>) -> Markup {
    let Shell { ctx, viewer, .. } = *shell;
    let me = Author {
        id: viewer.id,
        username: viewer.username.clone(),
        name: viewer.name.clone(),
        picture: viewer.picture,
    };
    let Membership {
        room,
        may_write: is_open,
        ..
    } = membership;
    let is_open = *is_open;
    let name = RoomFace::of(shell, room);
    let socket = is_open.then(|| format!("/ws/chatroom/{}", room.slug));
    let sheet = html! {
        section #room class="room flex min-h-0 min-w-0 flex-1 flex-col [--column:780px] [--gutter:24px] max-md:[--gutter:12px]" data-room=(room.id) data-slug=(room.slug) data-change=(room.last_change) data-me=(viewer.id)
            data-read=(shown.read) data-origins=(shell.origins.join(" "))
            hx-ws:connect=[socket] hx-trigger="load, chat:reconnect" hx-swap="none"
        {
            @if is_open {
                div #connection .banner role="status" hidden {
                    (icon("wifi-off"))
                    p { strong {} " " span.banner-text {} span.banner-countdown aria-hidden="true" {} }
                    button.button.secondary.small type="button" { "Try now" }
                }
            }
            (header(shell, membership, name, shown))
            div class="relative flex min-h-0 flex-1" {
                div class="flex min-h-0 min-w-0 flex-1 flex-col" {
                    div #scroller tabindex="0" role="region" aria-label="Messages" {
                        ol #messages { (history(&room.slug, room.id, &shown.history, shown.unread)) }
                        div.room-empty {
                            (empty_state("Nobody has written here yet", "Write the first message. Everybody in the room sees it at once.", &html! {}))
                        }
                    }
                    @if let Some(UnreadLine { count: 1.., .. }) = shown.unread { (mark_read(ctx, room)) }
                    @if let Some((seq, possible)) = &shown.marked { (without_script(ctx, room, *seq, possible)) }
                    div #announcer .visually-hidden aria-live="polite" {}
                    @if is_open { (typing_row()) }
                    button #to-newest .new-messages type="button" hidden { (icon("arrow-down")) span.label { "New messages" } }
                    @if is_open {
                        (composer(ctx, &room.slug, &name.spoken(), Draft { room: Some(room.id), ..draft }, Some(shell.max_upload)))
                    } @else {
                        p class="archived mx-auto mt-1 mb-[max(14px,env(safe-area-inset-bottom))] flex min-h-12 w-[calc(100%-2*var(--gutter))] max-w-(--column) flex-none items-center justify-center gap-2.5 rounded-card border border-line bg-s2 px-4 py-3 text-t2 max-md:mb-[max(8px,env(safe-area-inset-bottom))] max-md:w-[calc(100%-16px)]" {
                            @if room.kind == Kind::Direct {
                                (icon("info")) "You are not friends any more. What was written stays; to write again, become friends."
                            } @else {
                                (icon("archive")) "This room is archived. It can be read, but nobody can write in it."
                            }
                        }
                        @if !draft.body.is_empty() { (unsendable(draft.body)) }
                    }
                }
                @if room.kind != Kind::Direct { (members_panel(room)) }
                @if is_open { (drop_hint()) }
            }
            (readers(&shown.readers))
            @if is_open { (reacting(ctx, &room.slug)) }
            ul #names class="menu absolute inset-x-2 bottom-full z-20 mb-1.5 [&[hidden]]:hidden" role="listbox" aria-label="People to name" hidden {}
            (lightbox())
            template #pending-message { (pending(&me)) }
            template #message-menu { (menu_opener()) }
            template #folded-events { (folded()) }
        }
    };
    if is_open {
        frame(shell, name.title(), sheet)
    } else {
        page(shell, name.title(), &sheet)
    }
}

/// Who types, in a row that is always there, so that nothing moves. The script fills it: see `typing.js`.
fn typing_row() -> Markup {
    html! {
        div #typing class="mx-auto flex h-6.5 w-[calc(100%-2*var(--gutter))] max-w-(--column) flex-none items-center gap-2 px-1 text-13 text-t3" {
            span class="typing-dots flex gap-1 [&[hidden]]:hidden" hidden aria-hidden="true" {
                @for delay in ["", "[animation-delay:150ms]", "[animation-delay:300ms]"] {
                    span class={ "size-1 animate-typing rounded-full bg-t3 motion-reduce:animate-none " (delay) } {}
                }
            }
            p class="min-w-0 truncate" {}
        }
    }
}

/// Without script the menu of a message does not open beside it.
fn without_script(ctx: &Ctx, room: &Room, seq: Seq, possible: &[Action]) -> Markup {
    html! {
        noscript {
            div class="menu static mx-auto mb-2 flex flex-wrap" role="group" aria-label="The marked message" { (menu(ctx, &room.slug, seq, possible)) }
        }
    }
}

/// Without script nothing says by itself what was read.
fn mark_read(ctx: &Ctx, room: &Room) -> Markup {
    html! {
        noscript {
            form class="flex justify-center pb-2" method="post" action={ (path(&room.slug)) "/read" } {
                (csrf_field(ctx))
                input type="hidden" name="seq" value=(room.last_seq);
                button.button.small.secondary type="submit" { "Mark as read" }
            }
        }
    }
}

/// What a dialog asks or shows about a message, as a page of its own.
pub fn about_message(shell: &Shell<'_>, title: &str, question: &Markup) -> Markup {
    page(shell, title, &html! { div class="m-auto w-full p-4" { (question) } })
}

/// What was typed, when nothing else of the room can be drawn: it can be sent from here.
pub fn unsent(ctx: &Ctx, slug: &str, draft: Draft<'_>) -> Markup {
    let sentence = "The server cannot reach its database right now. Your message is still here.";
    let below =
        html! { div class="w-full pt-5 text-start" { (composer(ctx, slug, &format!("#{slug}"), draft, None)) } };
    layout::eclipsed(ctx, "Not confirmed yet", html! {}, sentence, below)
}

/// What was typed for a room that is not open to its writer any more: it can be copied, and sent by joining the room where
/// that is possible.
pub fn lost(ctx: &Ctx, viewer: &Viewer, open: Option<&Room>, draft: Draft<'_>) -> Markup {
    let text = html! {
        textarea class="input mt-5 w-full" name="body" readonly[open.is_none()] dir="auto" rows="5" aria-label="Your message" { "\n" (draft.body) }
        p class="mt-3" { "You are logged in as @" (viewer.username) "." }
    };
    let Some(room) = open else {
        let sentence = "It was deleted, or you do not belong to it any more. Your message was not sent; you can copy it from here.";
        let below = html! {
            (text)
            div class="mt-5" { a.button.large.primary href="/chat/" { (icon("message-circle")) "Back to the chats" } }
        };
        return layout::eclipsed(ctx, "This room is not open to you", html! {}, sentence, below);
    };
    let sentence = "You left it, or never joined it. Your message was not sent.";
    let below = html! {
        form class="w-full" method="post" action={ (path(&room.slug)) "/messages" } {
            (csrf_field(ctx))
            input type="hidden" name="client_id" value=(draft.client_id);
            input type="hidden" name="room" value=(room.id);
            input type="hidden" name="join" value="on";
            (text)
            div class="mt-5 flex flex-wrap justify-center gap-3" {
                button.button.large.primary type="submit" { (icon("arrow-up")) span.label { "Join and send" } }
                a.button.large.secondary href="/chat/" { (icon("message-circle")) "Back to the chats" }
            }
        }
    };
    let title = format!("You are not a member of {}", room.title);
    layout::eclipsed(ctx, &title, html! {}, sentence, below)
}

/// What was typed before the room was archived: it can be copied.
fn unsendable(body: &str) -> Markup {
    html! {
        textarea class="input mx-4 mb-4" readonly dir="auto" rows="4" aria-label="Your message, which was not sent" { "\n" (body) }
    }
}

/// How many members are here now: what stands in `#online`.
pub fn online(here: usize) -> Markup {
    html! { span.dot {} (here) " online" }
}

/// What a room is called for its reader, and the sign before it.
#[derive(Clone, Copy)]
enum RoomFace<'a> {
    Named(&'a str, &'static str),
    Partner(&'a Author),
}

impl<'a> RoomFace<'a> {
    fn of(shell: &'a Shell<'_>, room: &'a Room) -> Self {
        let own = shell.mine.rooms.iter().find(|own| own.id == room.id);
        let partner = own.and_then(|own| own.partner.as_ref());
        partner.map_or_else(|| Self::Named(&room.title, sign(room)), Self::Partner)
    }

    /// As it is called in a sentence.
    fn spoken(self) -> String {
        match self {
            Self::Named(title, "hash") => format!("#{title}"),
            Self::Named(..) | Self::Partner(_) => self.title().to_owned(),
        }
    }

    fn title(self) -> &'a str {
        match self {
            Self::Named(title, _) => title,
            Self::Partner(person) => &person.name,
        }
    }
}

fn sign(room: &Room) -> &'static str {
    match room.kind {
        _ if room.archived_at.is_some() => "archive",
        Kind::Public => "hash",
        Kind::Private | Kind::Group | Kind::Direct => "lock",
    }
}

fn header(shell: &Shell<'_>, membership: &Membership, name: RoomFace<'_>, shown: &Shown) -> Markup {
    let room = &membership.room;
    let level = shell
        .mine
        .unread
        .get(&room.id)
        .map_or(Level::All, |unread| unread.level);
    html! {
        header.room-header {
            (back_to_chats())
            h1.room-title."md:row-span-full"[room.topic.is_empty()] {
                @match name {
                    RoomFace::Named(title, sign) => { (icon(sign)) bdi { (title) } }
                    RoomFace::Partner(person) => {
                        (avatar(person.face(), 24))
                        a class="author hover:underline" data-author=(person.id) href=[(!person.is_erased()).then(|| profile_path(&person.username))] { bdi { (person.name) } }
                    }
                }
            }
            @if !room.topic.is_empty() { p.room-topic dir="auto" title=(room.topic) { (room.topic) } }
            p.presence {
                // An archived room has no connection, and needs none.
                @if !membership.may_write {
                    @if room.archived_at.is_some() { "Archived" }
                } @else {
                    span class="inline-flex items-center gap-2 offline:hidden" {
                        @match name {
                            RoomFace::Partner(friend) => (presence(friend.id, shell.mine.online.contains(&friend.id), shown.last_seen)),
                            RoomFace::Named(..) => span #online class="inline-flex items-center gap-2" { (online(shown.online)) },
                        }
                    }
                    span class="hidden items-center gap-2 offline:inline-flex" { span.dot.hollow {} "Not connected" }
                }
            }
            div class="room-actions flex items-center gap-1" { (actions(shell.ctx, membership, level)) }
        }
    }
}

/// What I can do in the room beside reading and writing: its members, and the menu.
fn actions(ctx: &Ctx, membership: &Membership, level: Level) -> Markup {
    let Membership { room, role, .. } = membership;
    let is_direct = room.kind == Kind::Direct;
    let base = path(&room.slug);
    let (members, way_out) = (format!("{base}/members"), format!("{base}/leave"));
    html! {
        // What it opens stands beside the messages: see `members_panel`.
        @if !is_direct { details class="members max-md:hidden" hx-get=(members) hx-trigger="toggle" hx-target="#members-panel" hx-swap="innerHTML" {
            summary.icon-button aria-label="Members" title="Members" aria-controls="members-panel" { (icon("users")) }
        } }
        details.popup.room-menu {
            summary.icon-button aria-label="Room menu" { (icon("ellipsis-vertical")) }
            div.menu {
                @if !room.topic.is_empty() { p class="mb-1 border-b border-line px-2.5 py-2 text-13 wrap-anywhere text-t2 md:hidden" dir="auto" { (room.topic) } }
                @if !is_direct { a class="md:hidden" href=(members) { (icon("users")) "Members" } }
                // The script asks for them again when the reader's role changed.
                @if room.kind.is_own() { div #room-links hx-get=(base) hx-select="#room-links" hx-swap="outerHTML" hx-trigger="room:changed" {
                    @if membership.may_invite() { a href={ (base) "/invites" } { (icon("user-plus")) "Invite people" } }
                    @if role.may_manage() { a href={ (base) "/settings" } { (icon("settings")) "Room settings" } }
                } }
                form class="mb-1 border-b border-line px-2.5 pt-1.5 pb-2.5" method="get" action=(base) {
                    label class="text-12 font-600 text-t3" for="jump-date" { "Jump to a day" }
                    span class="mt-1 flex gap-1.5" {
                        input #jump-date class="input h-9 min-w-0 flex-1" type="date" name="date" required;
                        button class="button secondary small w-auto flex-none justify-center" type="submit" { "Go" }
                    }
                }
                (levels(ctx, &room.slug, level))
                @if !is_direct {
                    form method="post" action=(way_out) hx-post=(way_out) hx-swap="none" {
                        (csrf_field(ctx))
                        button.quiet-danger type="submit" data-busy="Leaving" { (icon("door-open")) span.label { "Leave room" } }
                    }
                }
            }
        }
    }
}

/// What of the room I am told of, and the way to change it.
pub fn levels(ctx: &Ctx, slug: &str, current: Level) -> Markup {
    let notify = format!("{}/notify", path(slug));
    html! {
        form #levels class="border-line not-last:mb-1 not-last:border-b not-last:pb-1" method="post" action=(notify) hx-post=(notify) hx-swap="outerHTML" {
            (csrf_field(ctx))
            p #levels-title class="px-2.5 pt-1.5 text-12 font-600 text-t3" { "Tell me of" }
            div role="group" aria-labelledby="levels-title" {
                @for (level, words) in Level::ALL {
                    button type="submit" name="level" value=(level.as_str()) aria-pressed=(level == current) {
                        span class={ "inline-flex" @if level != current { " invisible" } } { (icon("check")) }
                        span.label { (words) }
                    }
                }
            }
        }
    }
}

/// The list of members: beside the messages on a wide screen, over them on a narrower one.
fn members_panel(room: &Room) -> Markup {
    html! {
        aside #members-panel aria-label="Members"
            class="hidden w-62 flex-none overflow-y-auto overscroll-contain border-s border-line px-3 py-4 [scrollbar-width:thin] max-lg:absolute max-lg:inset-y-0 max-lg:end-0 max-lg:z-10 max-lg:w-75 max-lg:bg-s1 [.room:has(.members[open])_&]:block"
        {
            a class="underline" href={ (path(&room.slug)) "/members" } { "Show the members" }
        }
    }
}
