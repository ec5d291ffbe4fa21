//! The public pages: with a link to the chats for whoever is logged in.

use maud::Markup;
use poem::handler;
use poem::web::Data;

use super::views;
use crate::accounts::{CurrentUser, MaybeUser};
use crate::web::{Ctx, Viewer};

/// The start page.
#[handler]
pub fn landing(Data(ctx): Data<&Ctx>, MaybeUser(user): MaybeUser) -> Markup {
    views::landing(ctx, viewer(user).as_ref())
}

/// What is stored about people.
#[handler]
pub fn privacy(Data(ctx): Data<&Ctx>, MaybeUser(user): MaybeUser) -> Markup {
    views::privacy(ctx, viewer(user).as_ref())
}

/// What this is.
#[handler]
pub fn about(Data(ctx): Data<&Ctx>, MaybeUser(user): MaybeUser) -> Markup {
    views::about(ctx, viewer(user).as_ref())
}

fn viewer(user: Option<CurrentUser>) -> Option<Viewer> {
    user.map(|user| user.viewer)
}
