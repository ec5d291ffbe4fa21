//! Moves bytes to sockets and knows no feature.
//!
//! - [`Sockets`]: the TCP connections, which the program keeps hold of when HTTP lets go of them.
//! - [`Hub`]: who listens to which room on this node. A push hands one shared frame to each listener's queue and
//!   does nothing else per recipient.
//! - [`Queue`]: the bounded way to one connection. While its reader keeps up, a push is one write to the socket; one
//!   that falls behind costs at most the queue's bounds, then it is closed with 1013 and catches up when it returns.
//!   It counts the changes its reader has been given, so that each goes out once and in order.
//! - [`Presence`]: who is online in which room, here and on the other nodes.
//! - [`accept`]: the handshake. [`Connection`]: one task per socket reads, sends what has to wait, pings and closes.

mod connection;
mod frame;
mod handshake;
mod hub;
mod presence;
mod queue;
mod tcp;

#[doc(hidden)]
pub use connection::read_bytes;
pub use connection::{Connection, Gone, Said, Step};
pub use frame::{CloseCode, Frame};
pub use handshake::accept;
pub use hub::{Hub, Listener};
pub use presence::{Place, Presence};
pub use queue::{Queue, Stirred};
pub use tcp::{Acceptor, Sockets};
