//! What a person decides about their own account, and sees of it: the pages under `/settings`.
//!
//! They are about nobody but the reader: each of them acts for the person who asks, and what is named in an address is
//! looked for among their own.

mod handlers;
pub mod views;

use poem::{Route, get, post};

use handlers::{api, appearance, blocks, data, email, password, picture, profile, sessions};

/// Every page of the settings.
pub fn routes(route: Route) -> Route {
    route
        .at("/settings", get(profile::index))
        .at("/settings/profile", get(profile::show).post(profile::update))
        .at("/settings/picture/delete", post(picture::destroy))
        .at("/settings/appearance", get(appearance::show).post(appearance::update))
        .at("/settings/blocks", get(blocks::index))
        .at("/settings/data", get(data::index))
        .at("/settings/export", post(data::export))
        .at("/settings/messages/delete", post(data::destroy_messages))
        .at("/settings/delete", post(data::destroy))
        .at("/settings/privacy", post(data::update))
        .at("/settings/email", get(email::show).post(email::update))
        .at("/settings/password", get(password::show).post(password::update))
        .at("/settings/sessions", get(sessions::index))
        .at("/settings/sessions/end-others", post(sessions::destroy_others))
        .at("/settings/sessions/:id/end", post(sessions::destroy))
        .at("/settings/api", get(api::index))
        .at("/settings/api/keys", post(api::create))
        .at("/settings/api/keys/:id/revoke", post(api::revoke))
        .at("/settings/api/families/:id/end", post(api::end))
}

/// The one address that takes a file.
pub fn picture(route: Route) -> Route {
    route.at("/settings/picture", post(picture::create))
}
