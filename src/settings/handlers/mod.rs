//! The pages of the settings: one file per resource.

pub(super) mod appearance;
pub(super) mod picture;
pub(super) mod profile;
pub(super) mod sessions;
