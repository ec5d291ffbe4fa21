//! Who somebody is: sign-up, log-in, sessions, the first administrator.

pub mod model;
pub mod views;
