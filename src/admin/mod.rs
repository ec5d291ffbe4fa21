//! The administration: public rooms, people, numbers, jobs. For everybody but administrators none of it exists.

mod actions;
mod handlers;
mod queries;
pub mod views;

use poem::{Route, get, post};

pub use handlers::confirm_administrator;
use handlers::{audit, bans, jobs, overview, reset_links, roles, rooms, users};

/// Every page of the administration.
pub fn routes(route: Route) -> Route {
    route
        .at("/admin/", get(overview::index))
        .at("/admin/rooms", get(rooms::index).post(rooms::create))
        .at("/admin/rooms/:slug", post(rooms::update))
        .at("/admin/rooms/:slug/edit", get(rooms::edit))
        .at("/admin/rooms/:slug/archive", post(rooms::archive))
        .at("/admin/rooms/:slug/restore", post(rooms::restore))
        .at("/admin/rooms/:slug/delete", get(rooms::ask).post(rooms::destroy))
        .at("/admin/jobs", get(jobs::index))
        .at("/admin/jobs/:id/retry", post(jobs::retry))
        .at("/admin/jobs/:id/discard", post(jobs::destroy))
        .at("/admin/users", get(users::index))
        .at("/admin/users/:username/ban", get(bans::new).post(bans::create))
        .at("/admin/users/:username/unban", post(bans::destroy))
        .at("/admin/users/:username/end-sessions", post(bans::end_sessions))
        .at("/admin/audit", get(audit::index))
        .at("/admin/users/:username/role", post(roles::update))
        .at("/admin/users/:username/reset-link", post(reset_links::create))
}
