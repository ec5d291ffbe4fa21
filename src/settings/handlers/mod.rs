//! The pages of the settings: one file per resource.

pub(super) mod appearance;
pub(super) mod data;
pub(super) mod sessions;
