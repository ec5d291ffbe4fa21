//! The pages that stand open to everybody: landing, privacy, about.

pub mod views;
