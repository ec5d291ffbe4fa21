//! The side bar; on a phone it is the home page.

use std::hash::{DefaultHasher, Hash, Hasher};

use maud::{Markup, html};

use super::switcher::jump;
use crate::chat::mine::Mine;
use crate::chat::{Open, Shell};
use crate::ids::RoomId;
use crate::rooms::model::{Level, ListedRoom, MyRoom, Unread, path};
use crate::web::components::{avatar, badge, csrf_field, presence_dot, theme_choice};
use crate::web::icons::icon;
use crate::web::layout::mark;
use crate::web::{Ctx, Viewer};

/// The side bar: me, the rooms, and the foot.
pub fn side_bar(shell: &Shell<'_>) -> Markup {
    let Shell { ctx, viewer, open, .. } = *shell;
    let open_room = match open {
        Open::Room(room) => Some(room),
        Open::Home | Open::Friends | Open::Invitations | Open::Settings | Open::Admin => None,
    };
    html! {
        aside class="side-bar ps-safe-left max-md:pe-safe-right max-md:pt-safe-top" aria-label="Side bar" {
            div class="flex items-center gap-2 px-2.5 pt-2 pb-1.5 max-md:ps-4 max-md:pe-3 max-md:pt-3 max-md:pb-1" {
                p class="flex-1 text-24 font-650 tracking-title md:hidden" { "Chats" }
                (account(ctx, viewer))
            }
            (jump(ctx))
            nav class="min-h-0 flex-1 overflow-y-auto overscroll-contain px-2.5 pt-1.5 pb-4 [scrollbar-width:thin] max-md:px-2" aria-label="Chats" {
                @if viewer.is_admin {
                    a class={ "row" @if open == Open::Admin { " open" } } href="/admin/"
                        aria-current=[(open == Open::Admin).then_some("page")]
                    {
                        span.tile { (icon("shield")) }
                        span.row-text { span.row-name { "Administration" } span.row-more { "Rooms and users" } }
                    }
                }
                div #mine data-mine=(digest(&shell.mine)) { (mine(&shell.mine, open)) }
                h2.side-label { "Public rooms" }
                template #muted-sign { (icon("bell-off")) }
                ul #public-rooms .peer data-rooms=(shell.rooms.version) data-open=[open_room] {
                    @for room in &shell.rooms.rooms { (row(room, open, shell.mine.unread.get(&room.id))) }
                }
                // Shown while the list above is empty.
                p class="px-3 py-1.5 text-t3 peer-has-[li]:hidden max-md:text-15" {
                    "No rooms yet. "
                    @if viewer.is_admin { a class="underline" href="/admin/rooms" { "Make one" } }
                }
                div #my-rooms { (my_rooms(&shell.mine, open_room)) }
                (open_by_name(ctx))
            }
            div class="flex min-h-13 items-center justify-between gap-2 ps-5 pe-3 pb-safe-bottom font-600" {
                (mark())
                @if viewer.is_admin {
                    a.icon-button href="/admin/" aria-label="Administration" { (icon("shield")) }
                }
            }
        }
    }
}

/// What is the reader's own.
pub fn mine(mine: &Mine, open: Open) -> Markup {
    let row = |id: &str, is_open: bool, href: &str, sign: &str, name: &str, waiting: i64| {
        html! {
            a id=(id) class={ "row" @if is_open { " open" } } href=(href) aria-current=[is_open.then_some("page")] {
                span.tile { (icon(sign)) }
                span.row-text { span.row-name { (name) } }
                @if waiting > 0 { (badge(waiting, true)) span.visually-hidden { " waiting" } }
            }
        }
    };
    html! {
        (row("friends-row", open == Open::Friends, "/friends", "users", "Friends", mine.requests))
        @if mine.invitations > 0 {
            (row("invitations-row", open == Open::Invitations, "/invitations", "user-plus", "Invitations", mine.invitations))
        }
    }
}

/// The reader's rooms that are not public, and their direct chats.
pub fn my_rooms(mine: &Mine, open: Option<RoomId>) -> Markup {
    let (directs, rooms): (Vec<_>, Vec<_>) = mine.rooms.iter().partition(|room| room.partner.is_some());
    html! {
        (label("Rooms", "/chat/rooms", "Make a room"))
        ul { @for room in &rooms { (my_room(room, open, mine)) } }
        @if rooms.is_empty() { (nothing_yet("/chat/rooms", "Make a room")) }
        (label("Direct chats", "/friends", "Find somebody to write to"))
        ul { @for room in &directs { (my_room(room, open, mine)) } }
        @if directs.is_empty() { (nothing_yet("/friends", "Find people")) }
    }
}

/// What stands in a section without rows: what to do about it.
fn nothing_yet(href: &str, action: &str) -> Markup {
    html! {
        p class="px-3 py-1.5 text-t3 max-md:text-15" { "None yet. " a class="underline" href=(href) { (action) } }
    }
}

/// The field in which a name leads to the room so called, or to a new one.
fn open_by_name(ctx: &Ctx) -> Markup {
    html! {
        form class="px-2.5 pt-4" method="post" action="/chat/open" {
            (csrf_field(ctx))
            label.visually-hidden for="open-name" { "Join or create a room" }
            div.input-group {
                (icon("plus"))
                input.input #open-name type="text" name="name" maxlength="64" required autocomplete="off" spellcheck="false"
                    placeholder="Join or create a room";
            }
        }
    }
}

/// The head of a section, with what adds to it.
fn label(title: &str, href: &str, action: &str) -> Markup {
    html! {
        div class="flex items-center justify-between" {
            h2.side-label { (title) }
            a class="icon-button size-6.5 touch:size-11" href=(href) aria-label=(action) title=(action) { (icon("plus")) }
        }
    }
}

fn my_room(room: &MyRoom, open: Option<RoomId>, mine: &Mine) -> Markup {
    let here = open == Some(room.id);
    let unread = mine.unread.get(&room.id);
    html! {
        li id={ "room-" (room.id) } .muted[is_muted(unread)] data-room=(room.id) data-author=[room.partner.as_ref().map(|partner| partner.id)] data-unread=[counts(unread)] {
            a class={ "row in-[.muted]:text-t3" @if here { " open" } } href=(path(&room.slug)) aria-current=[here.then_some("page")] {
                @match &room.partner {
                    Some(partner) => {
                        span class="with-dot max-md:*:[--size:40px]" {
                            (avatar(partner.face(), 24))
                            @if room.is_friend { (presence_dot(partner.id, mine.online.contains(&partner.id))) }
                        }
                        span.row-text { span class="row-name author" { bdi { (partner.name) } } }
                    }
                    None => {
                        span.tile { (icon("lock")) }
                        span.row-text { span.row-name dir="auto" { (room.title) } }
                    }
                }
                (waiting(unread, room.partner.is_some()))
            }
        }
    }
}

/// How many messages wait, for the script to add to: the count, the newest message, how often something was marked as
/// unread, the last message that was read, how many name the reader, and what they are told of.
fn counts(unread: Option<&Unread>) -> Option<String> {
    let Unread {
        count,
        last_seq,
        version,
        read,
        mentions,
        level,
        ..
    } = unread?;
    let level = level.as_str();
    Some(format!("{count} {last_seq} {version} {read} {mentions} {level}"))
}

fn is_muted(unread: Option<&Unread>) -> bool {
    unread.is_some_and(|unread| unread.level == Level::Nothing)
}

/// The badge of a room in which something waits; in a direct chat it is meant for the reader. The script draws the same.
pub(super) fn waiting(unread: Option<&Unread>, is_direct: bool) -> Markup {
    let (count, mentions, level) = unread.map_or((0, 0, Level::All), |unread| {
        (unread.count, unread.mentions, unread.level)
    });
    let shown = |count: i64| {
        if count > 99 {
            "99+".to_owned()
        } else {
            count.to_string()
        }
    };
    html! {
        @if level == Level::Nothing {
            (icon("bell-off"))
            span.visually-hidden { " muted" }
        } @else if mentions > 0 {
            span.badge.mine { "@ " (shown(mentions)) }
            span.visually-hidden { " mentions" }
        } @else if count > 0 {
            span.badge.mine[is_direct] { (shown(count)) }
            span.visually-hidden { " unread" }
        }
    }
}

/// Says whether a page shows the same as this.
pub fn digest(shown: &Mine) -> String {
    let mut hasher = DefaultHasher::new();
    mine(shown, Open::Home).0.hash(&mut hasher);
    my_rooms(shown, None).0.hash(&mut hasher);
    let mut public: Vec<_> = shown
        .unread
        .values()
        .filter_map(|unread| Some((unread.room, counts(Some(unread))?)))
        .collect();
    public.sort_unstable();
    public.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

/// A room as it is pushed to every page: which one is open is for the page to mark.
pub fn room_row(room: &ListedRoom) -> Markup {
    row(room, Open::Home, None)
}

fn row(room: &ListedRoom, open: Open, unread: Option<&Unread>) -> Markup {
    let here = open == Open::Room(room.id);
    html! {
        li id={ "room-" (room.id) } .muted[is_muted(unread)] data-room=(room.id) data-key=(room.key) data-unread=[counts(unread)] {
            a class={ "row in-[.muted]:text-t3" @if !room.joined { " other" } @if here { " open" } } href=(path(&room.slug))
                aria-current=[here.then_some("page")]
            {
                span.tile { (icon(if room.archived { "archive" } else { "hash" })) }
                span.row-text {
                    span.row-name dir="auto" { (room.title) }
                    @if !room.topic.is_empty() { span.row-more dir="auto" { (room.topic) } }
                }
                @if !room.joined { span.row-hint { "Join" } }
                (waiting(unread, false))
            }
        }
    }
}

/// Who I am, and what I can do about it.
fn account(ctx: &Ctx, viewer: &Viewer) -> Markup {
    html! {
        details class="popup account min-w-0 flex-1 max-md:flex-none" data-author=(viewer.id) {
            summary #account class="flex min-h-13 items-center gap-2.5 rounded-row px-2.5 py-1.5 transition-colors hover:bg-hover focus-visible:-outline-offset-2 max-md:size-12 max-md:min-h-0 max-md:rounded-full max-md:p-2" aria-labelledby="account-name" {
                span #account-name .visually-hidden { span.author { bdi { (viewer.name) } } ", your account" }
                span.with-dot {
                    (avatar(viewer.face(), 32))
                    span class="dot offline:hidden" {} span class="dot hollow hidden offline:inline-block" {}
                }
                span class="grid min-w-0 flex-1 max-md:hidden" {
                    span class="author truncate font-600" { bdi { (viewer.name) } }
                    span class="text-12 text-t2" {
                        span class="offline:hidden" { "Online" } span class="hidden offline:inline" { "Not connected" }
                    }
                }
                span class="text-t2 max-md:hidden" { (icon("settings")) }
            }
            div class="menu start-0 end-auto w-72 max-md:start-auto max-md:end-0" {
                p class="grid gap-0.5 px-2.5 pt-2 pb-2.5" {
                    span class="author truncate font-600" { bdi { (viewer.name) } }
                    span class="text-12 wrap-anywhere text-t3" { "@" (viewer.username) }
                }
                (theme_choice(ctx, ctx.theme))
                div class="mt-1.5 border-t border-line pt-1.5" {
                    a href="/settings" { (icon("settings")) "Settings" }
                }
                form method="post" action="/accounts/logout" {
                    (csrf_field(ctx))
                    button type="submit" data-busy="Logging out" { (icon("log-out")) span.label { "Log out" } }
                }
            }
            template #unsent-question { (unsent_question(ctx)) }
        }
    }
}

/// What the script asks before a log-out that would remove messages from the browser that are not sent yet.
fn unsent_question(ctx: &Ctx) -> Markup {
    html! {
        section class="card mx-auto w-full max-w-130 p-6" aria-labelledby="unsent-title" {
            h2 #unsent-title { "Log out and lose what is not sent?" }
            p class="mt-2 text-t2" { "Messages that you wrote are not sent yet. They are in this browser only, and logging out removes them." }
            form class="mt-5 flex flex-wrap justify-end gap-2" method="post" action="/accounts/logout" {
                (csrf_field(ctx))
                button.button.ghost type="button" data-close autofocus { "Stay" }
                button.button.danger type="submit" data-busy="Logging out" { span.label { "Log out" } }
            }
        }
    }
}
