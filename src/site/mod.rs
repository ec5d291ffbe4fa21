//! The pages that stand open to everybody: landing, privacy, about. They read nothing from the database but who asks.

pub mod handlers;
pub mod views;

use poem::{Route, get};

/// The public pages.
pub fn routes(route: Route) -> Route {
    route
        .at("/", get(handlers::landing))
        .at("/privacy", get(handlers::privacy))
        .at("/about", get(handlers::about))
}
