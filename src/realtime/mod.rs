//! Moves bytes to sockets and knows no feature.
//!
//! - [`Sockets`]: the TCP connections, which the program keeps hold of when HTTP lets go of them.
//! - [`accept`]: the handshake. [`Connection`]: one task per socket reads, sends what has to wait, pings and closes.
//! - A connection carries any number of *subscriptions*. Each is to one [`Audience`], a room or a person, and has its own
//!   position: every change of its audience goes out once and in order. Whoever may not hear a room any more loses that
//!   subscription; the end of a log-in closes the connection.
//! - [`Hub`]: who is subscribed to what on this node, pages apart from programs. Publishing hands one shared [`Frame`] to the queue of each
//!   subscriber and does nothing else per recipient.
//! - [`Queue`]: the bounded way to one connection. While its reader keeps up, a push is one write to the socket; one
//!   that falls behind costs at most the queue's bounds, then it is closed with 1013 and catches up when it returns.
//! - [`Presence`]: who is online in which room, here and on the other nodes.

mod connection;
mod frame;
mod handshake;
mod hub;
mod presence;
mod queue;
mod tcp;

#[doc(hidden)]
pub use connection::read_bytes;
pub use connection::{Connection, Incoming, Step};
pub use frame::{CloseCode, Covers, Frame};
pub use handshake::accept;
pub use hub::{Audience, Hub, Listener, Subscriber};
pub use presence::{Place, Presence};
pub use queue::{Disconnected, Queue, Slot, Wake};
pub use tcp::{Acceptor, Limits, Sockets, Warnings, note_request};
