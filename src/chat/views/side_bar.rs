//! The side bar; on a phone it is the home page.

use maud::{Markup, html};

use crate::chat::{Open, Shell};
use crate::rooms::model::{ListedRoom, path};
use crate::web::components::{THEMES, avatar, csrf_field};
use crate::web::icons::icon;
use crate::web::layout::mark;
use crate::web::{Ctx, Viewer};

/// The side bar: me, the rooms, and the foot.
pub fn side_bar(shell: &Shell<'_>) -> Markup {
    let Shell { ctx, viewer, open, .. } = *shell;
    let rooms = &shell.rooms.rooms;
    html! {
        aside.side-bar aria-label="Side bar" {
            div.side-top {
                p.side-title { "Chats" }
                (account(ctx, viewer))
            }
            nav.side-rows aria-label="Chats" {
                @if viewer.is_admin {
                    a class={ "row" @if open == Open::Admin { " open" } } href="/admin/"
                        aria-current=[(open == Open::Admin).then_some("page")]
                    {
                        span.tile { (icon("shield")) }
                        span.row-text { span.row-name { "Administration" } span.row-more { "Rooms and users" } }
                    }
                }
                h2.side-label { "Public rooms" }
                @if rooms.is_empty() {
                    p.side-empty {
                        "No rooms yet. "
                        @if viewer.is_admin { a href="/admin/rooms" { "Make one" } }
                    }
                }
                ul #public-rooms {
                    @for room in rooms { (row(room, open)) }
                }
            }
            div.side-foot {
                (mark())
                @if viewer.is_admin {
                    a.icon-button href="/admin/" aria-label="Administration" { (icon("shield")) }
                }
            }
        }
    }
}

/// A room as it is pushed to every page: which one is open is for the page to mark.
pub fn room_row(room: &ListedRoom) -> Markup {
    row(room, Open::Home)
}

fn row(room: &ListedRoom, open: Open) -> Markup {
    let here = open == Open::Room(room.id);
    html! {
        li id={ "room-" (room.id) } data-room=(room.id) data-key=(room.key) {
            a class={ "row" @if !room.joined { " other" } @if here { " open" } } href=(path(&room.slug))
                aria-current=[here.then_some("page")]
            {
                span.tile { (icon(if room.archived { "archive" } else { "hash" })) }
                span.row-text {
                    span.row-name dir="auto" { (room.title) }
                    @if !room.topic.is_empty() { span.row-more dir="auto" { (room.topic) } }
                }
                @if !room.joined { span.row-hint { "Join" } }
            }
        }
    }
}

/// Who I am, and what I can do about it.
fn account(ctx: &Ctx, viewer: &Viewer) -> Markup {
    html! {
        details.popup.account {
            summary.me aria-label={ (viewer.name) ", your account" } {
                span.with-dot { (avatar(viewer.id, &viewer.name, 32)) span.dot {} }
                span.me-text {
                    span.me-name { (viewer.name) }
                    span.me-state { span.is-on { "Online" } span.is-off { "Not connected" } }
                }
                (icon("settings"))
            }
            div.menu {
                p.menu-head {
                    span.me-name { (viewer.name) }
                    span.handle { "@" (viewer.username) }
                }
                form.theme-choice method="post" action="/appearance" {
                    (csrf_field(ctx))
                    div.segmented role="group" aria-label="Look" {
                        @for (theme, image, name) in THEMES {
                            button type="submit" name="theme" value=(theme.as_str())
                                aria-pressed=(if ctx.theme == theme { "true" } else { "false" })
                            {
                                (icon(image)) (name)
                            }
                        }
                    }
                }
                form method="post" action="/accounts/logout" {
                    (csrf_field(ctx))
                    button type="submit" data-busy="Logging out" { (icon("log-out")) span.label { "Log out" } }
                }
            }
        }
    }
}
