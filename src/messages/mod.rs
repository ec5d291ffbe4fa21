//! (messages)
