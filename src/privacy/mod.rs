//! What a person takes along of what is stored about them, and how it is deleted: it needs every feature before it.

pub mod actions;
mod model;
mod queries;
