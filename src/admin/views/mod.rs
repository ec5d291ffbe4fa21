//! The administrator's pages: overview, rooms, users, what administrators did, and jobs.

mod audit;
mod confirmation;
mod jobs;
mod overview;
mod rooms;
mod users;

use maud::{Markup, html};

use crate::chat::{self, Shell};
use crate::web::components::back_to_chats;
use crate::web::layout;

pub use audit::audit;
pub use confirmation::{confirmation, confirmation_page};
pub use jobs::{JobRow, JobsPage, job_list, jobs_page};
pub use overview::{Overview, overview};
pub use rooms::{
    RoomForm, RoomsPage, new_room, room_delete, room_edit, room_list, room_made, rooms_content, rooms_page,
};
pub use users::{UsersPage, ban, people, reset_link, users};

/// Which tab is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Overview,
    Rooms,
    Users,
    Audit,
    Jobs,
}

/// A page of the administration inside the shell: title, tabs, content.
fn page(shell: &Shell<'_>, tab: Tab, content: &Markup) -> Markup {
    let tabs = [
        (Tab::Overview, "/admin/", "Overview"),
        (Tab::Rooms, "/admin/rooms", "Rooms"),
        (Tab::Users, "/admin/users", "Users"),
        (Tab::Audit, "/admin/audit", "Audit"),
        (Tab::Jobs, "/admin/jobs", "Jobs"),
    ];
    let name = tabs
        .iter()
        .find(|(one, _, _)| *one == tab)
        .map_or("", |(_, _, name)| name);
    let sheet = html! {
        div class="flex min-h-0 flex-1 flex-col" {
            (layout::sheet_header(&back_to_chats(), "Administration"))
            nav class="tabs flex-none px-3.5 max-md:px-2" aria-label="Administration" {
                @for (one, href, name) in tabs {
                    a href=(href) aria-current=[(one == tab).then_some("page")] { (name) }
                }
            }
            div class="@container min-h-0 flex-1 overflow-y-auto overscroll-contain px-6.5 pt-6 pb-[max(32px,env(safe-area-inset-bottom))] max-md:p-4 max-md:pb-[max(24px,env(safe-area-inset-bottom))]" {
                div class="mx-auto grid max-w-280 grid-cols-1 gap-7" { (content) }
            }
        }
    };
    chat::views::page(shell, &format!("{name} · Administration"), &sheet)
}
