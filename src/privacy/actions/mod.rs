//! What is done with all that belongs to a person.

mod archive;
mod attachments;
mod erase;
mod export;

pub use erase::{AccountForm, MessagesForm, delete_account, delete_messages, erase_account, erase_messages};
pub use export::export;
