//! Pictures of people: recognised by their content, turned upright, cut to a square and encoded anew in three sizes, so
//! that nothing is kept of a file but what it shows. Decoding takes a processor and much memory for a while, so it runs
//! beside the async threads, one picture at a time.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, ImageResult, Limits};
use tokio::sync::Semaphore;

use super::model::{Crop, SIDES};
use super::password::beside;
use crate::Result;

/// How wide and how high a picture may be.
const MAX_SIDE: u32 = 12_000;
/// Of how many pixels it may be.
const MAX_PIXELS: u64 = 40_000_000;
/// What it may take when it is decoded.
const MAX_MEMORY: u64 = 256 << 20;
/// A picture whose shorter side has more pixels is made smaller before anything else happens to it.
const MIN_SHORTER: u32 = 1_152;
const JPEG_QUALITY: u8 = 82;

/// Pictures that are decoded at once.
pub static DECODING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));

const UNKNOWN: &str = "Choose a JPEG, PNG, GIF or WebP picture.";
/// Of a file that begins like a picture and is none.
pub const BROKEN: &str = "This picture cannot be read. Choose another one.";
const TOO_LARGE: &str = "This picture has too many pixels. Choose one of at most 40 megapixels.";

/// What is kept of a picture.
#[derive(Debug)]
pub struct Squares {
    /// `image/jpeg`, or `image/webp` for one with transparent parts.
    pub content_type: &'static str,
    /// The files, in the order of [`SIDES`].
    pub files: [Vec<u8>; 3],
}

/// Makes the squares of a file; the inner error is a sentence about the file.
pub async fn squares(file: bytes::Bytes, crop: Option<Crop>) -> Result<Result<Squares, String>> {
    let made = beside(&DECODING, move || make(&file, crop)).await;
    // A decoder that panics has met a file that it cannot read.
    Ok(made.unwrap_or_else(|error| {
        tracing::warn!(%error, "a picture could not be decoded");
        Err(BROKEN.to_owned())
    }))
}

fn make(file: &[u8], crop: Option<Crop>) -> Result<Squares, String> {
    let (picture, width, height) = decode(file)?;
    let square = cut(&picture, width, height, crop);
    drop(picture);
    encode(&square).map_err(|_| BROKEN.to_owned())
}

/// The upright picture, made smaller where it is much larger than needed, and its width and height before that.
fn decode(file: &[u8]) -> Result<(DynamicImage, f64, f64), String> {
    let (mut picture, orientation) = open(file)?;
    let (width, height) = (picture.width(), picture.height());
    let shorter = width.min(height);
    if shorter > MIN_SHORTER {
        let shrunk =
            |side: u32| u32::try_from(u64::from(side) * u64::from(MIN_SHORTER) / u64::from(shorter)).unwrap_or(side);
        picture = picture.thumbnail_exact(shrunk(width), shrunk(height));
    }
    picture.apply_orientation(orientation);
    let (width, height) = match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        _ => (width, height),
    };
    Ok((picture, f64::from(width), f64::from(height)))
}

/// The picture as it stands in its file, within the limits, and how it is turned upright. The error is a sentence about it.
pub fn open(file: &[u8]) -> Result<(DynamicImage, Orientation), String> {
    let format = image::guess_format(file).map_err(|_| UNKNOWN)?;
    if !matches!(
        format,
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP
    ) {
        return Err(UNKNOWN.into());
    }
    if format == ImageFormat::Jpeg && is_cut_off(file) {
        return Err(BROKEN.into());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let refused = |error| match error {
        image::ImageError::Limits(_) => TOO_LARGE.to_owned(),
        _ => BROKEN.to_owned(),
    };
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    // The reader's limits do not hold for the picture itself.
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        return Err(TOO_LARGE.into());
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    Ok((picture, orientation))
}

/// Whether the end of a JPEG file is missing, in whose place the decoder would show grey. The marker of the end counts behind
/// the head alone, where a smaller picture may be embedded. Of a head that is built in another way the decoder judges.
fn is_cut_off(file: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = file.get(at..at + 4) {
        if marker == 0xDA {
            return !file[at..].windows(2).any(|pair| pair == [0xFF, 0xD9]);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    false
}

/// The square of the upright picture that is asked for, or else its middle. `width` and `height` are those that the crop
/// is told in.
fn cut(picture: &DynamicImage, width: f64, height: f64, crop: Option<Crop>) -> DynamicImage {
    let shorter = width.min(height);
    let is_usable =
        |crop: &Crop| [crop.x, crop.y, crop.size].iter().all(|number| number.is_finite()) && crop.size >= 1.0;
    let Crop { x, y, size } = crop.filter(is_usable).unwrap_or(Crop {
        x: (width - shorter) / 2.0,
        y: (height - shorter) / 2.0,
        size: shorter,
    });
    let size = size.min(shorter);
    let (x, y) = (x.clamp(0.0, width - size), y.clamp(0.0, height - size));
    let scale = f64::from(picture.width()) / width;
    let (x, y, size) = (whole(x * scale), whole(y * scale), whole(size * scale).max(1));
    picture.crop_imm(x, y, size, size)
}

/// A number of pixels, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between 0 and MAX_SIDE"
)]
fn whole(number: f64) -> u32 {
    number.round() as u32
}

fn encode(square: &DynamicImage) -> ImageResult<Squares> {
    let is_transparent = square.color().has_alpha() && square.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX);
    let mut files = [Vec::new(), Vec::new(), Vec::new()];
    for (file, side) in files.iter_mut().zip(SIDES) {
        let sized = square.resize_exact(side, side, FilterType::Lanczos3);
        if is_transparent {
            WebPEncoder::new_lossless(file).encode(&sized.to_rgba8(), side, side, ExtendedColorType::Rgba8)?;
        } else {
            JpegEncoder::new_with_quality(file, JPEG_QUALITY).encode_image(&sized.to_rgb8())?;
        }
    }
    let content_type = if is_transparent { "image/webp" } else { "image/jpeg" };
    Ok(Squares { content_type, files })
}

#[cfg(test)]
mod tests;
