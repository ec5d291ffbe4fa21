//! Files that go with messages.
//!
//! - A file is received before the message that it goes with is sent; what nobody sends within an hour is removed.
//! - Its bytes are sealed chunk by chunk while they come, and opened chunk by chunk while they are served: memory does not
//!   grow with the file, but for the one picture that is being decoded. Its name and type are sealed like a message.
//! - What it is, is told by its content. A picture is stored as it is shown: decoded, turned upright and encoded anew, so
//!   that nothing is kept of it but what is seen. Decoding runs beside the async threads, one picture at a time, before the
//!   upload is answered: whoever sends a picture that cannot be read is told so, and none is served with what was in it.
//! - Whatever takes away the row of a file (a deleted message, room or account), its bytes follow within seconds, by the
//!   table `removed_objects`.
//! - Rows are sent, and removed before that, under the lock of their room, where the message is stored too.

mod model;
mod picture;
pub mod form;
pub mod queries;
pub mod receiving;
pub mod removing;
pub mod serving;

use crate::ids::FileId;
use crate::vault::FilePart;

pub use model::{Details, File, FileName, Kind, MOST, Picture, Size};

/// The object that holds a part of a file. The last digits are random: no folder gets all of them.
fn object(id: FileId, part: FilePart) -> String {
    let id = id.to_string();
    let folder = id.get(id.len() - 2..).unwrap_or_default();
    match part {
        FilePart::Whole => format!("{folder}/{id}"),
        FilePart::Received => format!("{folder}/{id}-received"),
        FilePart::Thumbnail => format!("{folder}/{id}-thumbnail"),
    }
}
