//! The pages that join the features: the chat home and the room page, with the side bar beside both.
//!
//! A room is entered through the viewer's membership. A public room that they have not joined shows its name, topic
//! and size with a way to join, and none of its messages.

pub mod handlers;
pub mod mine;
mod shell;
pub mod switcher;
pub mod views;

use poem::{Route, delete, get, post};

pub use handlers::invites::join_invited;
pub use handlers::messages::show_unsent;
pub use shell::{Open, Shell};

/// Where files are sent to.
pub fn uploads(route: Route) -> Route {
    route.at("/chat/room/:name/files", post(handlers::files::create))
}

/// Files, and the small pictures of them.
pub fn transfers(route: Route) -> Route {
    route
        .at("/files/:id", delete(handlers::files::destroy))
        .at("/files/:id/delete", post(handlers::files::destroy))
        .at("/files/:id/thumbnail", get(handlers::downloads::show_thumbnail))
        .at("/files/:id/:name", get(handlers::downloads::show))
}

/// Chat home, rooms and their messages, people.
pub fn routes(route: Route) -> Route {
    route
        .at("/chat/", get(handlers::rooms::index))
        .at("/chat/switch", get(handlers::switcher::show))
        .at("/chat/emoji", get(handlers::reactions::show_all))
        .at("/chat/emoji/choose", get(handlers::reactions::choose))
        .at("/chat/me.css", get(handlers::style::show))
        .at("/@:username", get(handlers::profile::show))
        .at("/friends", get(handlers::friends::index))
        .at("/friends/search", get(handlers::friends::search))
        .at("/friends/requests", post(handlers::friends::create))
        .at("/friends/requests/:username/accept", post(handlers::friends::accept))
        .at("/friends/requests/:username/decline", post(handlers::friends::decline))
        .at("/friends/requests/:username/cancel", post(handlers::friends::cancel))
        .at("/friends/:username/remove", post(handlers::friends::remove))
        .at("/people/:username/block", post(handlers::friends::block))
        .at("/people/:username/unblock", post(handlers::friends::unblock))
        .at(
            "/chat/rooms",
            get(handlers::own_rooms::new).post(handlers::own_rooms::create),
        )
        .at(
            "/chat/with/:username",
            get(handlers::own_rooms::show_direct).post(handlers::own_rooms::create_direct),
        )
        .at("/chat/open", post(handlers::own_rooms::open))
        .at(
            "/chat/room/:name/invitations/:username/withdraw",
            post(handlers::invitations::withdraw),
        )
        .at("/invitations", get(handlers::invitations::index))
        .at("/invitations/:name/accept", post(handlers::invitations::accept))
        .at("/invitations/:name/decline", post(handlers::invitations::decline))
        .at(
            "/chat/room/:name/invites",
            get(handlers::invites::index).post(handlers::invites::create),
        )
        .at("/chat/room/:name/invites/:id/revoke", post(handlers::invites::revoke))
        .at(
            "/invite/:token",
            get(handlers::invites::show).post(handlers::invites::join),
        )
        .at("/chat/room/:name", get(handlers::rooms::show))
        .at("/chat/room/:name/m/:seq", get(handlers::rooms::show_message))
        .at(
            "/chat/room/:name/members",
            get(handlers::members::index).post(handlers::members::create),
        )
        .at("/chat/room/:name/files", get(handlers::files::new))
        .at("/chat/room/:name/files/:id", delete(handlers::files::destroy_in_room))
        .at(
            "/chat/room/:name/files/:id/delete",
            post(handlers::files::destroy_in_room),
        )
        .at("/chat/room/:name/names", get(handlers::members::suggest))
        .at(
            "/chat/room/:name/members/:username/remove",
            post(handlers::members::remove),
        )
        .at(
            "/chat/room/:name/members/:username/role",
            post(handlers::members::set_role),
        )
        .at(
            "/chat/room/:name/settings",
            get(handlers::room_settings::show).post(handlers::room_settings::update),
        )
        .at("/chat/room/:name/delete", post(handlers::room_settings::destroy))
        .at("/chat/room/:name/readers", get(handlers::rooms::show_readers))
        .at("/chat/room/:name/notify", post(handlers::rooms::set_level))
        .at(
            "/chat/room/:name/messages/:seq",
            get(handlers::editing::show).post(handlers::editing::update),
        )
        .at("/chat/room/:name/reactions", post(handlers::reactions::create_in_room))
        .at("/chat/room/:name/messages/:seq/react", get(handlers::reactions::new))
        .at(
            "/chat/room/:name/messages/:seq/reactions",
            get(handlers::reactions::index).post(handlers::reactions::create),
        )
        .at("/chat/room/:name/messages/:seq/menu", get(handlers::editing::menu))
        .at(
            "/chat/room/:name/messages/:seq/reply",
            get(handlers::editing::show_reply),
        )
        .at("/chat/room/:name/messages/:seq/edit", get(handlers::editing::show_form))
        .at(
            "/chat/room/:name/messages/:seq/delete",
            get(handlers::editing::ask_to_delete).post(handlers::editing::delete),
        )
        .at(
            "/chat/room/:name/messages",
            get(handlers::messages::index).post(handlers::messages::create),
        )
}
