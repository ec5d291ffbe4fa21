//! What becomes of files, of the usual kinds and of those that are made to do harm.

use image::codecs::gif::GifEncoder;
use image::{Frame, Pixel, Rgb, RgbImage, Rgba, RgbaImage};

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

/// A file of a few bytes, which the library that makes the others cannot make.
fn small(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    bytes.collect()
}

/// Red, in the four colours of printers, 16 × 16.
const CMYK_JPEG: &str = "ffd8ffee000e41646f626500640000000000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a\
    333d3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc000140800100010044311004d11005911004b1100\
    ffc4001500010100000000000000000000000000000007ffc40014100100000000000000000000000000000000ffda000e0443004d0059004b0000\
    3f00a027e9fa80000000ffd9";

/// One bit a pixel: transparent on the left, white on the right.
const ONE_BIT_PNG: &str = "89504e470d0a1a0a0000000d49484452000000100000001001000000003788c2cc0000000274524e5300007693cd38000000\
    104944415478da6360f8cfc4c0403c020030d2011ed0fd4bd50000000049454e44ae426082";

/// A palette of two: red on the left, a transparent blue on the right.
const PALETTE_PNG: &str = "89504e470d0a1a0a0000000d4948445200000010000000100103000000253d6d2200000006504c5445ff00000000ff6ca1fd\
    8e0000000274524e53ff00e5b7304a0000001049444154789c6360f8cfc4c0403c020030d2011e38fce45a0000000049454e44ae426082";

/// Two frames: red, then blue.
const ANIMATED_WEBP: &str = "524946468400000057454250565038580a000000020000000f00000f0000414e494d06000000000000000000414e4d462800\
    00000000000000000f00000f0000640000025650384c0f0000002f0fc003000710fd8ffe0722a2ff0100414e4d46280000000000000000000f0000\
    0f0000640000005650384c0f0000002f0fc003000710d1fffe0722a2ff0100";

#[test]
fn the_colours_of_printers_become_those_of_screens() {
    let (squares, shown) = largest(&small(CMYK_JPEG), None);
    assert_eq!(squares.content_type, "image/jpeg");
    assert!(
        is_like(*shown.get_pixel(144, 144), RED),
        "{:?}",
        shown.get_pixel(144, 144)
    );
}

#[test]
fn of_what_moves_the_first_frame_is_kept() {
    let mut gif = Vec::new();
    let mut frames = GifEncoder::new(&mut gif);
    for colour in [RED, BLUE] {
        let frame = RgbaImage::from_pixel(64, 64, colour.to_rgba());
        frames.encode_frame(Frame::new(frame)).unwrap();
    }
    drop(frames);
    for file in [gif, small(ANIMATED_WEBP)] {
        let (squares, shown) = largest(&file, None);
        assert!(
            is_like(*shown.get_pixel(144, 144), RED),
            "{:?}",
            shown.get_pixel(144, 144)
        );
        assert_eq!(squares.content_type, "image/jpeg");
    }
}

#[test]
fn what_is_transparent_in_few_colours_stays_so() {
    for (hex, opaque, transparent, colour) in [
        (ONE_BIT_PNG, 268, 20, Rgb([255, 255, 255])),
        (PALETTE_PNG, 20, 268, RED),
    ] {
        let (squares, shown) = largest(&small(hex), None);
        assert_eq!(squares.content_type, "image/webp");
        assert!(is_like(*shown.get_pixel(opaque, 144), colour), "{colour:?}");
        assert_eq!(
            (
                shown.get_pixel(opaque, 144).0[3],
                shown.get_pixel(transparent, 144).0[3]
            ),
            (255, 0)
        );
    }
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
fn each_way_to_hold_a_camera_is_turned_upright() {
    // Upright, the corner at the top left is red, the one at the top right blue, and what is below is black.
    let upright: DynamicImage = RgbImage::from_fn(300, 300, |x, y| match (x < 150, y < 150) {
        (true, true) => RED,
        (false, true) => BLUE,
        _ => Rgb([0, 0, 0]),
    })
    .into();
    // How the camera stored what is turned upright so (the tag `Orientation` of Exif).
    let stored = [
        upright.clone(),
        upright.fliph(),
        upright.rotate180(),
        upright.flipv(),
        upright.rotate90().fliph(),
        upright.rotate270(),
        upright.rotate270().fliph(),
        upright.rotate90(),
    ];
    for (picture, orientation) in stored.iter().zip(1..) {
        let (_, shown) = largest(&jpeg_with_exif(picture, orientation), None);
        for (x, y, colour) in [(40, 40, RED), (248, 40, BLUE), (40, 248, Rgb([0, 0, 0]))] {
            assert!(
                is_like(*shown.get_pixel(x, y), colour),
                "{orientation} at {x}, {y}: {:?}",
                shown.get_pixel(x, y)
            );
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
    // Of 40 megapixels no more is wrong than that there are none in the file.
    for (width, height) in [(8_000, 5_000), (4_000, 10_000)] {
        assert_eq!(
            make(&bomb(width, height), None).unwrap_err(),
            BROKEN,
            "{width}x{height}"
        );
    }
    assert_eq!(make(&bomb(8_000, 5_001), None).unwrap_err(), TOO_LARGE);
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
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Jpeg] {
        let whole = file(&halves(300, 300), format);
        for part in [whole.len() / 3, whole.len() / 2, 40] {
            assert_eq!(
                make(&whole[..part], None).err().as_deref(),
                Some(BROKEN),
                "{format:?} {part}"
            );
        }
    }
    assert_eq!(make(b"\x89PNG\r\n\x1a\n<script>", None).unwrap_err(), BROKEN);
}

#[test]
fn of_a_file_that_is_something_else_too_only_what_it_shows_is_kept() {
    for format in [ImageFormat::Gif, ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        for appended in [
            &b"<html><script>alert(1)</script>"[..],
            b"PK\x03\x04<script.js PK\x05\x06",
        ] {
            let mut polyglot = file(&halves(300, 300), format);
            polyglot.extend(appended);
            let (squares, _) = largest(&polyglot, None);
            for file in &squares.files {
                let holds = |text: &[u8]| file.windows(text.len()).any(|part| part == text);
                assert!(!holds(b"<script") && !holds(b"PK\x03\x04"), "{format:?}");
            }
        }
    }
}
