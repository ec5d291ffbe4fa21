//! What every handler and task shares: cheap to clone.

/// The running program's parts.
#[derive(Clone)]
pub struct App {}
