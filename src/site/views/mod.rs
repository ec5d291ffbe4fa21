//! The public pages.

mod about;
mod landing;
mod preview;
mod privacy;

pub use about::about;
pub use landing::landing;
pub use privacy::privacy;
