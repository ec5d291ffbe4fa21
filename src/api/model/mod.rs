//! What programs send and read, as it is written in JSON.

mod messages;
mod people;
mod rooms;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

pub use messages::*;
pub use people::*;
pub use rooms::*;

/// What is wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[schema(example = "about:blank")]
    pub r#type: String,
    /// The status in words.
    #[schema(example = "Unprocessable Content")]
    pub title: String,
    /// The status.
    #[schema(example = 422)]
    pub status: u16,
    /// The same as `title`.
    #[schema(example = "Unprocessable Content")]
    pub error: String,
    /// What happened, and what helps.
    pub detail: String,
    /// By field: what is wrong with it.
    #[schema(example = json!({"plaintext": ["Write something first."]}))]
    pub errors: BTreeMap<String, Vec<String>>,
    /// Names the request in the server's log.
    pub request: String,
}
