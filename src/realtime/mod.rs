//! Moves bytes to sockets and knows no feature.
//!
//! - [`Hub`]: who listens to which room on this node. A push puts one shared frame into each listener's queue and
//!   does nothing else per recipient.
//! - [`Queue`]: the bounded way to one connection. A reader that falls behind costs at most its bounds, then it is
//!   closed with 1013 and catches up when it returns.
//! - [`Connection`]: one task per socket owns reading and writing.

mod connection;
mod frame;
mod hub;
mod queue;

#[doc(hidden)]
pub use connection::read_bytes;
pub use connection::{Connection, Gone, Said, Step, accept};
pub use frame::{CloseCode, Frame};
pub use hub::{ConnectionId, Hub, Listener};
pub use queue::Queue;
