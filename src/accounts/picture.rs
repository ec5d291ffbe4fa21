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
static DECODING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));

const UNKNOWN: &str = "Choose a JPEG, PNG, GIF or WebP picture.";
const BROKEN: &str = "This picture cannot be read. Choose another one.";
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
    let format = image::guess_format(file).map_err(|_| UNKNOWN)?;
    if !matches!(
        format,
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP
    ) {
        return Err(UNKNOWN.into());
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
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
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
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    const RED: Rgb<u8> = Rgb([255, 0, 0]);
    const BLUE: Rgb<u8> = Rgb([0, 0, 255]);

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    /// Red on the left, blue on the right.
    fn halves(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE }).into()
    }

    /// A JPEG file that says that it has to be turned so, and where it was taken.
    fn jpeg_with_exif(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        exif.extend(b"GPS 48.8584 N 2.2945 E");
        let mut jpeg = file(picture, ImageFormat::Jpeg);
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        jpeg.splice(2..2, [0xFF, 0xE1].into_iter().chain(length).chain(exif));
        jpeg
    }

    fn largest(file: &[u8], crop: Option<Crop>) -> (Squares, RgbaImage) {
        let squares = make(file, crop).unwrap();
        for (file, side) in squares.files.iter().zip(SIDES) {
            let read = image::load_from_memory(file).unwrap();
            assert_eq!((read.width(), read.height()), (side, side));
            assert!(file.len() < 100_000, "{}", file.len());
        }
        let read = image::load_from_memory(&squares.files[2]).unwrap().to_rgba8();
        (squares, read)
    }

    fn is_like(pixel: Rgba<u8>, colour: Rgb<u8>) -> bool {
        pixel.0.iter().zip(colour.0).all(|(a, b)| a.abs_diff(b) < 40)
    }

    #[test]
    fn every_known_kind_becomes_three_squares_of_its_middle() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let (squares, shown) = largest(&file(&halves(400, 200), format), None);
            assert_eq!(squares.content_type, "image/jpeg", "{format:?}");
            assert!(
                is_like(*shown.get_pixel(20, 144), RED) && is_like(*shown.get_pixel(268, 144), BLUE),
                "{format:?}"
            );
        }
        let deep = DynamicImage::ImageRgb16(halves(300, 300).to_rgb16());
        assert_eq!(
            largest(&file(&deep, ImageFormat::Png), None).0.content_type,
            "image/jpeg"
        );
    }

    #[test]
    fn what_is_transparent_stays_so() {
        let ring = RgbaImage::from_fn(300, 300, |x, _| Rgba([255, 0, 0, if x < 150 { 0 } else { 255 }]));
        let (squares, shown) = largest(&file(&ring.into(), ImageFormat::Png), None);
        assert_eq!(squares.content_type, "image/webp");
        assert!(shown.get_pixel(20, 20).0[3] == 0 && shown.get_pixel(268, 20).0[3] == 255);
    }

    #[test]
    fn a_picture_is_turned_upright_and_nothing_is_kept_but_what_it_shows() {
        // 6: the camera was held upright, so what is on the left in the file is on top.
        let jpeg = jpeg_with_exif(&halves(400, 200), 6);
        let crop = |y| Crop { x: 0.0, y, size: 200.0 };
        for (y, colour) in [(0.0, RED), (200.0, BLUE)] {
            let (squares, shown) = largest(&jpeg, Some(crop(y)));
            assert!(is_like(*shown.get_pixel(144, 144), colour), "{y}");
            for file in &squares.files {
                assert!(!file.windows(3).any(|part| part == b"GPS") && !file.windows(4).any(|part| part == b"Exif"));
            }
        }
    }

    #[test]
    fn any_square_can_be_cut_out_also_of_a_large_picture() {
        for side in [600, 3000] {
            let png = file(&halves(side * 2, side), ImageFormat::Png);
            let far = f64::from(side) * 2.0;
            for (x, colour) in [(-5.0, RED), (0.0, RED), (far, BLUE)] {
                let crop = Crop {
                    x,
                    y: 0.0,
                    size: f64::from(side) / 2.0,
                };
                assert!(
                    is_like(*largest(&png, Some(crop)).1.get_pixel(144, 144), colour),
                    "{side} {x}"
                );
            }
            for size in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
                largest(&png, Some(Crop { x: 0.0, y: 0.0, size }));
            }
        }
    }

    /// A PNG file that says that it is so large, and has next to nothing in it.
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let mut png = file(&halves(1, 1), ImageFormat::Png);
        png.splice(16..24, width.to_be_bytes().into_iter().chain(height.to_be_bytes()));
        let mut crc = !0_u32;
        for byte in &png[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ 0xEDB8_8320
                } else {
                    crc >> 1
                };
            }
        }
        png.splice(29..33, (!crc).to_be_bytes());
        png
    }

    #[test]
    fn what_is_no_picture_or_too_large_a_one_is_refused() {
        for (width, height) in [(50_000, 50_000), (12_001, 10), (8_000, 8_000)] {
            assert_eq!(
                make(&bomb(width, height), None).unwrap_err(),
                TOO_LARGE,
                "{width}x{height}"
            );
        }
        let svg: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        for unknown in [
            svg,
            b"<!doctype html><script>alert(1)</script>",
            b"",
            b"BM",
            b"%PDF-1.7",
        ] {
            assert_eq!(make(unknown, None).unwrap_err(), UNKNOWN);
        }
        for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let whole = file(&halves(300, 300), format);
            assert_eq!(make(&whole[..whole.len() / 3], None).unwrap_err(), BROKEN, "{format:?}");
        }
        assert_eq!(make(b"\x89PNG\r\n\x1a\n<script>", None).unwrap_err(), BROKEN);
    }

    #[test]
    fn of_a_file_that_is_something_else_too_only_what_it_shows_is_kept() {
        let mut polyglot = file(&halves(300, 300), ImageFormat::Gif);
        polyglot.extend(b"<html><script>alert(1)</script>");
        let (squares, _) = largest(&polyglot, None);
        assert!(
            squares
                .files
                .iter()
                .all(|file| !file.windows(7).any(|part| part == b"<script"))
        );
    }
}
