//! What a person takes along of what is stored about them: it needs every feature before it.

pub mod actions;
mod model;
mod queries;
