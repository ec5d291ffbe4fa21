//! What every page stands on: the request's context, cookies, the CSRF check, error pages, the layout, shared
//! components and the built assets. It knows no feature: the layout takes a plain [`Viewer`] and ready-made markup.

pub mod assets;
pub mod components;
pub mod context;
pub mod error_page;
mod fields;
pub mod icons;
pub mod layout;
mod sky;

pub use context::{Ctx, Theme, Viewer};
