//! What is done with all that belongs to a person.

mod export;

pub use export::export;
