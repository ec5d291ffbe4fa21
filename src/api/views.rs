//! The page about what there is for programs.

use maud::{Markup, html};
use serde_json::Value;

use crate::web::{Ctx, Viewer, layout};

/// Everything that stands in the document.
pub fn docs(ctx: &Ctx, viewer: Option<&Viewer>, _document: &Value) -> Markup {
    layout::public(ctx, viewer, "For programs", html! {})
}
