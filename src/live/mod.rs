//! (live)
