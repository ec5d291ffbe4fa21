//! People's pictures.

use poem::http::header;
use poem::web::{Data, Path, Query};
use poem::{Response, handler};
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::model::SIDES;
use crate::accounts::{MaybeUser, queries};
use crate::text::fold;
use crate::{App, Error, Result};

/// Which size of a picture is asked for.
#[derive(Deserialize)]
pub struct Size {
    size: Option<u32>,
}

/// A version of a picture never changes. It exists for people with an account only.
#[handler]
pub async fn show(
    app: Data<&App>,
    MaybeUser(user): MaybeUser,
    Path((username, version)): Path<(String, String)>,
    Query(Size { size }): Query<Size>,
) -> Result<Response> {
    user.ok_or(Error::NotFound)?;
    let version = Uuid::parse_str(&version).map_err(|_| Error::NotFound)?;
    let side = size.unwrap_or(SIDES[1]);
    if !SIDES.contains(&side) {
        return Err(Error::NotFound);
    }
    let found = queries::find_picture(&app.db, &fold(&username), version, side).await?;
    let (content_type, file) = found.ok_or(Error::NotFound)?;
    Ok(Response::builder()
        .content_type(content_type)
        .header(header::CACHE_CONTROL, "private, max-age=31536000, immutable")
        .body(file))
}
