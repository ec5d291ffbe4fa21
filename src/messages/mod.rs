//! Messages: sending, storing, reading.
//!
//! - A message is sealed before it reaches the database; what is stored is a Fernet token (`vault`).
//! - Acknowledged means stored: the sender's ✓ is the echo of the committed message.
//! - Exactly once: the sender's page makes the `client_id`; sending the same one again stores nothing and is answered
//!   with the stored message.
//! - What is changed is sealed anew under the next version, and what is deleted leaves an empty line: each is a change of the
//!   room, so that open pages and those who come back draw that line anew.
//! - What a message answers is kept as a number. The quote is drawn when the message is, from what may be seen by all for
//!   whom it is drawn; where the quoted message changes, pages put the new text wherever it is quoted.
//! - Whom a message names is found in its text and stored in the transaction that stores the message: other members who see
//!   it. They are told what waits for them, and the message is drawn with links to them. `@room` names everybody in the
//!   room where its author keeps order as it is sent or changed; that is one row, and who it is for is asked when it is counted.
//! - Reactions are changes of the room like edits. A message is drawn with the 50 who gave each emoji last, so that it is
//!   the same for all and a page still shows which are its reader's; whoever gave one before 50 others did is not marked.
//! - One [`Writer`] per node stores in batches, and publishes only after the commit.

pub mod editing;
pub mod erasing;
pub mod history;
mod mentioning;
pub mod model;
pub mod queries;
pub mod reacting;
pub mod sending;
pub mod views;
mod writer;

pub use writer::{Answer, Publisher, Writer, WriterTask};
