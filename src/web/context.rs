//! What a page needs to know of its request and its reader.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::components::Face;
use super::typed_form::TypedForm;
use crate::ids::UserId;

/// The look a reader chose; `System` follows the device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Follows the device's setting.
    #[default]
    System,
    /// Dark.
    Night,
    /// Light.
    Dawn,
}

impl Theme {
    /// The name used in the cookie, in forms and in `data-theme`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Night => "night",
            Self::Dawn => "dawn",
        }
    }

    /// The theme of that name; what is unknown follows the device.
    pub fn parse(name: &str) -> Self {
        match name {
            "night" => Self::Night,
            "dawn" => Self::Dawn,
            _ => Self::System,
        }
    }
}

/// What every rendered page and fragment may use of its request. Made once per request by the middleware.
#[derive(Debug, Clone, Default)]
pub struct Ctx {
    /// Goes into each form's hidden `csrf_token` and into the `X-CSRF-Token` header that htmx sends.
    pub csrf_token: String,
    /// The reader's look, from the cookie.
    pub theme: Theme,
    /// Names the request in the log and on error pages.
    pub request_id: String,
    /// The path asked for, without the query.
    pub path: String,
    /// Whether htmx asks for a fragment.
    pub htmx: bool,
    /// What was typed into the form that is sent, for the page that refuses it.
    pub typed: Arc<OnceLock<TypedForm>>,
}

/// The person who reads the page, as plain data for the layout.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Whose page it is.
    pub id: UserId,
    /// The name that they are shown by.
    pub name: String,
    /// The name to log in with, without @.
    pub username: String,
    /// The version of their picture, if they have one.
    pub picture: Option<Uuid>,
    /// Whether the administration is open to them.
    pub is_admin: bool,
}

impl Viewer {
    /// How they look.
    pub fn face(&self) -> Face<'_> {
        Face {
            id: self.id,
            username: &self.username,
            name: &self.name,
            picture: self.picture,
        }
    }
}
