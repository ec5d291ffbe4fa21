//! The chat's pages: the side bar, the home, a room, its members and settings, the page to join one, the quick
//! switcher, and people's profiles.

mod friends;
mod home;
mod members;
mod invitations;
mod invites;
mod own_rooms;
mod profile;
mod readers;
mod room;
mod room_settings;
mod side_bar;
mod switcher;

pub use friends::{Found, Section, found, friends, search};
pub use home::{home, join};
pub use invitations::invitations;
pub use invites::{InvitesForm, InvitesPage, invite, invite_made, invites};
pub use members::{MembersPage, members, members_page, suggestions};
pub use own_rooms::{RoomForm, new_room};
pub use profile::{profile, profile_in_dialog};
pub use readers::{Readers, reader, readers};
pub use room::{Shown, about_message, levels, lost, online, room, unsent};
pub use room_settings::{SettingsForm, room_settings};
pub use side_bar::{digest, mine, my_rooms, room_row};
pub use switcher::{switched, switcher};

use maud::{Markup, html};

use super::Shell;
use crate::web::layout;

/// A page inside the application: the sheet beside the side bar, whose rows come through the inbox.
pub fn page(shell: &Shell<'_>, title: &str, sheet: &Markup) -> Markup {
    let sheet = html! {
        div #inbox hidden data-me=(shell.viewer.id) data-origins=(shell.origins.join(" ")) hx-ws:connect="/ws/inbox"
            hx-trigger="load, chat:reconnect" hx-swap="none" {}
        (sheet)
    };
    frame(shell, title, sheet)
}

/// A page whose sheet brings a socket of its own.
fn frame(shell: &Shell<'_>, title: &str, sheet: Markup) -> Markup {
    layout::shell(shell.ctx, title, side_bar::side_bar(shell), sheet)
}
