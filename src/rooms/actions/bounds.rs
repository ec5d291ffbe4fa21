//! In how many rooms that are not public a person may be: the side bar shows all of them, and counts in each of them what
//! is unread. Nobody is locked for it, so that several forms at the same moment may lead a person a few rooms further;
//! whoever inherits a room becomes its owner in any case.

use sqlx::PgConnection;

use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::rooms::model::{MOST_OWNED, MOST_ROOMS};
use crate::rooms::queries;
use crate::{Error, Result};

/// Whether the person may make one more room; if not, it is an error of the field `title`.
pub(super) async fn check_own(db: &mut PgConnection, user: UserId) -> Result<()> {
    let (rooms, owned) = queries::count_rooms_of(db, user).await?;
    let sentence = if owned >= MOST_OWNED {
        format!(
            "You own {MOST_OWNED} rooms already. Delete one, or hand it over and step down, before you make another."
        )
    } else if rooms >= MOST_ROOMS {
        full()
    } else {
        return Ok(());
    };
    Err(Error::Invalid(FieldErrors::one("title", sentence)))
}

/// Whether the person may get into one more room by themselves.
pub(super) async fn check_join(db: &mut PgConnection, user: UserId) -> Result<()> {
    if queries::count_rooms_of(db, user).await?.0 >= MOST_ROOMS {
        return Err(Error::Conflict(full()));
    }
    Ok(())
}

/// Whether others may put the person into one more room. Why not is not said to them.
pub(super) async fn has_room(db: &mut PgConnection, user: UserId) -> Result<bool> {
    Ok(queries::count_rooms_of(db, user).await?.0 < MOST_ROOMS)
}

/// Whether others may make the person the owner of one more room.
pub(super) async fn may_own(db: &mut PgConnection, user: UserId) -> Result<bool> {
    Ok(queries::count_rooms_of(db, user).await?.1 < MOST_OWNED)
}

fn full() -> String {
    format!("You are in {MOST_ROOMS} rooms already. Leave one of them first.")
}
