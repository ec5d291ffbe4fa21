//! Pictures as they are stored: what is seen of them, and nothing else that was in their files.

use std::borrow::Cow;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Encoder, MemoryLimit};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, ImageFormat, ImageResult};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Details, Picture};
use crate::accounts::picture::{BROKEN, DECODING, open};
use crate::{Error, Result};

/// The longer side of the small picture: what is shown is at most half as large, on screens with twice the pixels.
const THUMBNAIL_SIDE: u32 = 640;
const JPEG_QUALITY: u8 = 90;
const THUMBNAIL_QUALITY: u8 = 80;
/// Pixels of all frames of an animation together, and how many frames there may be.
const MAX_FRAME_PIXELS: u64 = 100_000_000;
const MAX_FRAMES: u32 = 2_000;
/// How long a picture waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
const TOO_LONG: &str = "This animation has too many pixels. Make it smaller or shorter.";

/// A picture to be stored, and the small one of it.
pub(super) struct Cleaned {
    /// With its type by now, and its sides.
    pub(super) details: Details,
    pub(super) file: Vec<u8>,
    pub(super) thumbnail: Vec<u8>,
}

/// Makes what is stored of a picture, which is read when its turn has come; the inner error is a sentence about the file.
pub(super) async fn clean(
    details: Details,
    read: impl AsyncFnOnce() -> Result<Vec<u8>>,
) -> Result<Result<Cleaned, String>> {
    let turn = timeout(PATIENCE, DECODING.clone().acquire_owned()).await;
    let turn = turn.map_err(|_| Error::Unavailable("too many pictures wait to be decoded".into()))?;
    let permit = turn.map_err(Error::internal)?;
    let file = read().await?;
    let cleaned = spawn_blocking(move || {
        // Given back when the work is done, also when nobody waits for it any more.
        let _permit = permit;
        clean_now(details, &file)
    });
    // A decoder that panics has met a file that it cannot read.
    Ok(cleaned.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a picture could not be decoded");
        Err(BROKEN.to_owned())
    }))
}

fn clean_now(mut details: Details, file: &[u8]) -> Result<Cleaned, String> {
    let format = image::guess_format(file).map_err(|_| BROKEN)?;
    let (mut picture, orientation) = open(file)?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    let (thumbnail, thumbnail_type) = thumbnail(&picture).map_err(|_| BROKEN)?;
    let (file, format) = match format {
        ImageFormat::Gif => (animation(file)?, format),
        format => encode(picture, format).map_err(|_| BROKEN)?,
    };
    if details.content_type != format.to_mime_type() {
        format.to_mime_type().clone_into(&mut details.content_type);
        details.name = details.name.with_ending("jpg");
    }
    details.picture = Some(Picture {
        width,
        height,
        thumbnail_type: thumbnail_type.to_owned(),
        thumbnail_size: u64::try_from(thumbnail.len()).unwrap_or_default(),
    });
    Ok(Cleaned {
        details,
        file,
        thumbnail,
    })
}

fn thumbnail(picture: &DynamicImage) -> ImageResult<(Vec<u8>, &'static str)> {
    let small = if picture.width().max(picture.height()) > THUMBNAIL_SIDE {
        Cow::Owned(picture.thumbnail(THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    } else {
        Cow::Borrowed(picture)
    };
    let mut file = Vec::new();
    if is_transparent(&small) {
        let (width, height) = (small.width(), small.height());
        WebPEncoder::new_lossless(&mut file).encode(&small.to_rgba8(), width, height, ExtendedColorType::Rgba8)?;
        return Ok((file, "image/webp"));
    }
    JpegEncoder::new_with_quality(&mut file, THUMBNAIL_QUALITY).encode_image(&small.to_rgb8())?;
    Ok((file, "image/jpeg"))
}

/// The picture in the format of its file. Of WebP only the one without loss is written, so a photograph becomes a JPEG.
fn encode(picture: DynamicImage, format: ImageFormat) -> ImageResult<(Vec<u8>, ImageFormat)> {
    let mut file = Vec::new();
    match format {
        ImageFormat::Png => {
            let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Default, FilterType::Adaptive);
            picture.write_with_encoder(encoder)?;
            Ok((file, format))
        }
        ImageFormat::WebP if is_transparent(&picture) => {
            let (width, height) = (picture.width(), picture.height());
            WebPEncoder::new_lossless(&mut file).encode(
                &picture.into_rgba8(),
                width,
                height,
                ExtendedColorType::Rgba8,
            )?;
            Ok((file, format))
        }
        _ => {
            JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(&picture.into_rgb8())?;
            Ok((file, ImageFormat::Jpeg))
        }
    }
}

fn is_transparent(picture: &DynamicImage) -> bool {
    picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

/// The frames of an animation as they are, without what else stands in the file.
fn animation(file: &[u8]) -> Result<Vec<u8>, String> {
    let broken = |_| BROKEN.to_owned();
    let unwritten = |_: gif::EncodingError| BROKEN.to_owned();
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(std::num::NonZeroU64::MIN.saturating_add(64 << 20)));
    let mut decoder = options.read_info(file).map_err(broken)?;
    let palette = decoder.global_palette().unwrap_or_default().to_vec();
    let mut encoder = Encoder::new(Vec::new(), decoder.width(), decoder.height(), &palette).map_err(unwritten)?;
    encoder.set_repeat(decoder.repeat()).map_err(unwritten)?;
    let (mut pixels, mut frames) = (0, 0);
    while let Some(frame) = decoder.read_next_frame().map_err(broken)? {
        pixels += u64::from(frame.width) * u64::from(frame.height);
        frames += 1;
        if pixels > MAX_FRAME_PIXELS || frames > MAX_FRAMES {
            return Err(TOO_LONG.into());
        }
        let mut frame = frame.clone();
        // It was taken apart while it was read.
        frame.interlaced = false;
        encoder.write_frame(&frame).map_err(unwritten)?;
    }
    encoder.into_inner().map_err(|_| BROKEN.to_owned())
}
