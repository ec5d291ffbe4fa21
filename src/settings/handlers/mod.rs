//! The pages of the settings: one file per resource.

pub(super) mod api;
pub(super) mod appearance;
pub(super) mod blocks;
pub(super) mod data;
pub(super) mod email;
pub(super) mod password;
pub(super) mod picture;
pub(super) mod profile;
pub(super) mod sessions;
