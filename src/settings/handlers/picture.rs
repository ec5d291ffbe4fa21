//! My picture.

use bytes::Bytes;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Request, Response, handler};

use super::profile::{page, stored};
use crate::accounts::model::{Crop, MAX_PICTURE};
use crate::accounts::{CurrentUser, profile};
use crate::error::FieldErrors;
use crate::settings::views;
use crate::web::Ctx;
use crate::web::form_data::parts;
use crate::web::htmx::changed;
use crate::{App, Error, Result};

const PROFILE: &str = "/settings/profile";

/// Takes a file, and the square of it that is to be shown.
#[handler]
pub async fn create(app: Data<&App>, ctx: Ctx, user: CurrentUser, request: &Request, body: Bytes) -> Result<Response> {
    let outcome = match parse(request, body).await {
        Ok((file, crop)) => profile::update_picture(&app, user.id, file, crop).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => answer(&app, &ctx, &user, "Your picture is saved.").await,
        Err(Error::Invalid(errors)) => {
            let found = stored(&app, &user).await?;
            let answer = if ctx.htmx {
                views::picture(&ctx, found.face(), &errors)
            } else {
                page(
                    &app,
                    &ctx,
                    &user,
                    &views::profile(&ctx, found.face(), &found.form, &errors),
                )
                .await?
            };
            Ok(answer.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Takes the picture away.
#[handler]
pub async fn destroy(app: Data<&App>, ctx: Ctx, user: CurrentUser) -> Result<Response> {
    profile::delete_picture(&app, user.id).await?;
    answer(&app, &ctx, &user, "Your picture is removed.").await
}

async fn answer(app: &App, ctx: &Ctx, user: &CurrentUser, notice: &str) -> Result<Response> {
    let fragment = async {
        let found = stored(app, user).await?;
        Ok(views::picture(ctx, found.face(), &FieldErrors::default()))
    };
    changed(ctx, PROFILE, notice, fragment).await
}

/// The file and the crop that the form holds.
async fn parse(request: &Request, body: Bytes) -> Result<(Bytes, Option<Crop>)> {
    let refused = |sentence: &str| Error::Invalid(FieldErrors::one("picture", sentence));
    let broken = |_| refused("The form did not arrive whole. Send it again.");
    let mut parts = parts(request, body).ok_or_else(|| refused("Choose a picture."))?;
    let (mut file, mut crop) = (Bytes::new(), [None; 3]);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(broken)?;
        let number = || str::from_utf8(&content).ok()?.trim().parse().ok();
        match name.as_str() {
            "picture" => file = content,
            "x" => crop[0] = number(),
            "y" => crop[1] = number(),
            "size" => crop[2] = number(),
            _ => {}
        }
    }
    if file.is_empty() {
        return Err(refused("Choose a picture."));
    }
    if file.len() > MAX_PICTURE {
        return Err(refused("This file is larger than 5 MB. Choose a smaller one."));
    }
    let crop = match crop {
        [Some(x), Some(y), Some(size)] => Some(Crop { x, y, size }),
        _ => None,
    };
    Ok((file, crop))
}
