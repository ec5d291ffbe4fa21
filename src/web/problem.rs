//! What programs are told when something is wrong.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong (RFC 9457). Beside the members of the standard stand those that older clients read: `error`, and `errors`
/// by field.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is; `urn:umbrachat:undecryptable` of a sealed body that cannot be
    /// taken.
    #[schema(example = "about:blank")]
    pub r#type: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    pub title: &'static str,
    /// The status.
    #[schema(example = 422)]
    pub status: u16,
    /// The same as `title`.
    #[schema(example = "Unprocessable Entity")]
    pub error: &'static str,
    /// What happened, and what helps.
    pub detail: String,
    /// By field: what is wrong with it.
    #[schema(example = json!({"plaintext": ["Write something first."]}))]
    pub errors: BTreeMap<String, Vec<String>>,
    /// Names the request in the server's log.
    pub request: String,
}
