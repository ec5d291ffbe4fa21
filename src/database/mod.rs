//! (database)
