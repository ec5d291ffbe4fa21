//! (bus)
