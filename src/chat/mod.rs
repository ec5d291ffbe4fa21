//! (chat)
