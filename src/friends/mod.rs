//! Who knows whom: requests, friendships, and who is blocked by whom.
//!
//! - A friendship begins when both have asked, or one has accepted. There is one row for a pair, and whatever changes it
//!   locks both people first, so that two who act at once act one after the other.
//! - A block ends a friendship and a request. Who is blocked is not told: their requests look sent, and are shown to
//!   nobody. Who blocks cannot ask.
//! - Whose relations changed is told on every node, both sides of it and nobody else.

pub mod actions;
pub mod model;
pub mod queries;
pub mod views;
